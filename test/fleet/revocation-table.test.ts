// The fleet's table of revocations: what is written to it and read of it, and what is not taken for an absent table.
import { describe, expect, it } from 'vitest';
import { epochMs, wallAt } from '../../src/clock.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Consistency } from '../../src/protocol/consistency.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import type { Revocation } from '../../src/revocation/revocations.ts';
import { RevocationTable } from '../../src/fleet/revocation-table.ts';
import { queriesOf, rowsAnswer, type AnswerCell } from '../support/answers.ts';
import { errorMessage, voidMessage } from '../support/own-answers.ts';

const NAMES = ['id', 'what', 'issuer', 'value', 'reason', 'revoked_by', 'revoked_at'];
const ID = '00112233-4455-6677-8899-aabbccddeeff';
const ID_BYTES = Buffer.from(ID.replaceAll('-', ''), 'hex');

function atCell(ms: bigint): Buffer {
  const cell = Buffer.alloc(8);
  cell.writeBigInt64BE(ms);
  return cell;
}

const ROW: readonly AnswerCell[] = [
  ...[ID_BYTES, 'subject', 'pipelines', 'me', 'lost', 'people me', atCell(1_700_000_000_000n)],
];
const REVOCATION: Revocation = {
  id: ID,
  what: 'subject',
  value: 'me',
  issuer: 'pipelines',
  reason: 'lost',
  revokedBy: 'people me',
  revokedAtMs: wallAt(1_700_000_000_000),
};

/** A table that answers queries that begin so; each query and its consistency are noted. */
function tableOf(answers: Readonly<Record<string, Frame>>, keyspace = 'cqlgate') {
  const asked: [string, number][] = [];
  const queries = queriesOf((query, consistency) => {
    asked.push([query, consistency]);
    const found = Object.entries(answers).find(([start]) => query.includes(start));
    if (found === undefined) throw new Error(`unexpected: ${query}`);
    return found[1];
  });
  const table = new RevocationTable(keyspace, queries);
  return { table, asked };
}

const read = async (...rows: (readonly AnswerCell[])[]) =>
  tableOf({ revocations: rowsAnswer(NAMES, rows) }).table.read();
/** ROW with some cells changed. */
const rowWith = (over: Readonly<Record<string, AnswerCell>>): readonly AnswerCell[] =>
  NAMES.map((name, i) => (name in over ? over[name]! : ROW[i]!));

describe('a table that is read', () => {
  it('is read whole, as most of the nodes of the datacenter have it', async () => {
    const { table, asked } = tableOf({ revocations: rowsAnswer(NAMES, [ROW]) });
    expect(await table.read()).toEqual([REVOCATION]);
    expect(asked).toEqual([
      [
        'SELECT id, what, issuer, value, reason, revoked_by, revoked_at FROM cqlgate.revocations WHERE list = 0',
        Consistency.LOCAL_QUORUM,
      ],
    ]);
  });

  it('has no row that is of a later version or is broken, and each of the others', async () => {
    const broken = [
      rowWith({ what: 'planet' }),
      rowWith({ what: null }),
      rowWith({ id: ID_BYTES.subarray(1) }),
      rowWith({ id: null }),
      rowWith({ revoked_at: null }),
      rowWith({ revoked_at: Buffer.alloc(7) }),
    ];
    expect(await read(...broken, ROW, ...broken)).toEqual([REVOCATION]);
  });

  it('is of all issuers where a row names none', async () => {
    for (const issuer of [null, '']) {
      expect(await read(rowWith({ issuer }))).toEqual([{ ...REVOCATION, issuer: null }]);
    }
  });

  it.each([
    [-(2n ** 63n), 0],
    [2n ** 63n - 1n, 253_402_300_799_999],
  ])('has a revocation in force whose time is none (%s)', async (ms, expected) => {
    const [found] = (await read(rowWith({ revoked_at: atCell(ms) })))!;
    expect(epochMs(found!.revokedAtMs)).toBe(expected);
  });
});

describe('a table that does not answer with rows', () => {
  const PRESENT = rowsAnswer(['table_name'], [['revocations']]);
  const ABSENT = rowsAnswer(['table_name'], []);

  it.each([CqlErrorCode.INVALID, CqlErrorCode.UNAUTHORIZED])(
    'is absent only where the schema has none (%i)',
    async (code) => {
      const of = (schema: Frame) =>
        tableOf({ system_schema: schema, 'cqlgate.revocations': errorMessage(code, 'why') });
      const absent = of(ABSENT);
      expect(await absent.table.read()).toBeNull();
      expect(absent.asked[1]).toEqual([
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'cqlgate' AND table_name = 'revocations'",
        Consistency.ONE,
      ]);
      await expect(of(PRESENT).table.read()).rejects.toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining('why'),
      });
      await expect(of(errorMessage(CqlErrorCode.OVERLOADED)).table.read()).rejects.toMatchObject({
        code: 'unreachable',
      });
    },
  );

  it('is not asked of the schema where the cluster is only busy', async () => {
    const { table, asked } = tableOf({ revocations: errorMessage(CqlErrorCode.UNAVAILABLE) });
    await expect(table.read()).rejects.toMatchObject({ code: 'unreachable' });
    expect(asked).toHaveLength(1);
  });

  it('that answers with something else is a fault', async () => {
    await expect(tableOf({ revocations: voidMessage() }).table.read()).rejects.toMatchObject({
      name: 'UpstreamFault',
    });
  });
});

describe('a revocation that is written', () => {
  it('is written as CQL needs it, to most of all nodes', async () => {
    const { table, asked } = tableOf({ INSERT: voidMessage() }, 'Gate');
    await table.write({ ...REVOCATION, value: "o'hara", reason: "'; DROP", issuer: null });
    expect(asked).toEqual([
      [
        `INSERT INTO "Gate".revocations (list, id, what, issuer, value, reason, revoked_by, revoked_at) VALUES (0, ${ID}, 'subject', '', 'o''hara', '''; DROP', 'people me', 1700000000000)`,
        Consistency.QUORUM,
      ],
    ]);
  });

  it('is not taken for written where the cluster refuses, or says something else', async () => {
    for (const answer of [
      errorMessage(CqlErrorCode.WRITE_TIMEOUT),
      errorMessage(CqlErrorCode.INVALID),
      rowsAnswer(['x'], []),
    ]) {
      await expect(tableOf({ INSERT: answer }).table.write(REVOCATION)).rejects.toMatchObject({
        name: 'UpstreamFault',
      });
    }
  });
});
