// Children of a BATCH that equal the one before share its look-up: what comes of each must be the same as if it were
// read by itself, whatever stands between them.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { analyse } from '../../src/cql/analyse.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { Analyst } from '../../src/session/analyst.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const VOID = new Writer().writeInt(1).toBuffer();
const T = 'INSERT INTO shop.t (k) VALUES (1)';
/** Other by one byte each: its value, its case, its table. */
const T2 = 'INSERT INTO shop.t (k) VALUES (2)';
const LOWER = 'insert INTO shop.t (k) VALUES (1)';
const U = 'INSERT INTO shop.u (k) VALUES (1)';
/** A role may not write to it. */
const FORBIDDEN = 'INSERT INTO shop.x (k) VALUES (1)';
const LONG = `INSERT INTO shop.t (k, v) VALUES (1, '${'x'.repeat(20_000)}')`;
const LONG_FORBIDDEN = `INSERT INTO shop.x (k, v) VALUES (1, '${'x'.repeat(20_000)}')`;
const P = 'UPDATE shop.t SET v = 1 WHERE k = 1';
const Q = 'UPDATE shop.u SET v = 1 WHERE k = 1';

let gate: ScriptedGate;
let client: RawClient;
const ids = new Map<string, Buffer>();

beforeAll(async () => {
  // Long texts wait for a thread, which needs the build: here they wait for a later turn.
  vi.spyOn(Analyst.prototype, 'analyse').mockImplementation(async (texts, keyspace) => {
    await new Promise(setImmediate);
    return new Map(texts.map((text) => [text, analyse(text, keyspace)]));
  });
  gate = await ScriptedGate.start(
    { job: { grants: ['MODIFY ON TABLE shop.t', 'MODIFY ON TABLE shop.u'] } },
    { audit: { dir: 'audit', dml: 'all' } },
  );
  gate.cluster.script = ({ opcode, text, answer }) => {
    if (opcode === Opcode.PREPARE) {
      const id = Buffer.alloc(16, ids.size + 1);
      ids.set(text, id);
      const writer = new Writer().writeInt(4).writeShortBytes(id);
      const none = writer.writeInt(0).writeInt(0).writeInt(0).writeInt(4).writeInt(0);
      answer(Opcode.RESULT, none.toBuffer());
    } else if (opcode === Opcode.BATCH) answer(Opcode.RESULT, VOID);
    else return false;
    return true;
  };
  client = await gate.login('job');
  for (const text of [P, Q]) expect((await client.prepare(text))?.opcode).toBe(Opcode.RESULT);
}, 30_000);

afterAll(async () => {
  vi.restoreAllMocks();
  client?.close();
  await gate?.close();
});

const childOf = (text: string): string | Buffer => ids.get(text) ?? text;

const ORDERS: readonly (readonly string[])[] = [
  [T, T, T],
  [T, T2, T, T2, T2],
  [T, LOWER, T, LOWER],
  [T, U, U, T],
  [P, P, T, P, T, T, P],
  [T, P, T, P, P, Q, Q, P, T],
  [P, Q, P, Q, Q],
  [LONG, LONG, T],
  [T, LONG, T, LONG, P, LONG, T, T],
];

describe('equal children of a BATCH', () => {
  it.each(ORDERS.map((order, n) => [n, order] as const))(
    'are recorded each by itself, in order: %i',
    async (_n, order) => {
      const size = order.length;
      const before = (await batches()).length;
      expect(errorOf(await client.batch(order.map(childOf)))).toBeNull();
      await expect.poll(async () => (await batches()).length).toBe(before + size);
      const written = (await batches()).slice(before);
      expect(written.map(({ batch }) => batch.index)).toEqual(order.map((_text, i) => i));
      for (const [i, text] of order.entries()) {
        const table = / (shop\.[tu]) /.exec(text)![1]!.split('.')[1]!;
        expect(written[i]!.resources, text).toEqual([expect.stringContaining(`shop.${table}`)]);
        expect(written[i]!.prepared_id, text).toBe(ids.get(text)?.toString('hex'));
        expect(written[i]!.batch.size).toBe(size);
      }
    },
  );

  it.each([
    [FORBIDDEN, [T, T, FORBIDDEN]],
    [FORBIDDEN, [FORBIDDEN, T, T]],
    [FORBIDDEN, [P, P, FORBIDDEN, P]],
    [FORBIDDEN, [T, LONG, T, FORBIDDEN, T]],
    [LONG_FORBIDDEN, [LONG, LONG, LONG_FORBIDDEN, LONG]],
  ])('hide none that is not permitted (%#)', async (_text, order) => {
    const before = gate.cluster.counts(({ opcode }) => opcode === Opcode.BATCH);
    const refused = errorOf(await client.batch(order.map(childOf)));
    expect(refused?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    expect(gate.cluster.counts(({ opcode }) => opcode === Opcode.BATCH)).toEqual(before);
  });

  it('cost together what they cost one by one', async () => {
    const costly = (n: number): string => `INSERT INTO shop.t (k) VALUES (1 + 1 + 1 + ${n})`;
    const codeOf = async (texts: readonly string[]): Promise<number | null> =>
      errorOf(await client.batch(texts))?.code ?? null;
    const found: (number | null)[] = [];
    for (let count = 1; count <= 128; count *= 2) {
      const other = Array.from({ length: count }, (_one, n) => costly(100 + n));
      const equal = other.map(() => other[0]!);
      found.push(await codeOf(other));
      expect(await codeOf(equal)).toBe(found.at(-1));
    }
    expect(found[0]).toBeNull();
    expect(found.at(-1)).not.toBeNull();
  });
});

interface Written {
  readonly resources: string[];
  readonly prepared_id?: string;
  readonly batch: { index: number; size: number };
}

async function batches(): Promise<Written[]> {
  const all = await gate.files.records();
  return all
    .filter(({ outcome, statement }) => outcome !== undefined && statement?.batch !== undefined)
    .map(({ statement }) => statement as Written);
}
