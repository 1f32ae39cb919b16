// Codes and texts of what is wrong with a request: the gate answers as the node does.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { LIMITS } from '../../src/limits/operator.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { decodePrepared } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, node, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const REPLICATION = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
const INSERT = 'INSERT INTO answers.t (k) VALUES (1)';
const CONDITIONAL = 'INSERT INTO answers.t (k) VALUES (1) IF NOT EXISTS';
const SELECT = 'SELECT k FROM answers.t WHERE k = 1';
/** All that there are, one that no specification has, and such as nobody knows. */
const LEVELS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 255, 0xffff];

interface Answer {
  readonly code: number | null;
  readonly message: string | null;
  /** Whether the connection goes on. */
  readonly goesOn: boolean;
}

describe.skipIf(noNode)('an error', () => {
  let superuser: RawClient;
  let gate: TestGate;

  beforeAll(async () => {
    superuser = await RawClient.login(node!.port, 'cassandra', 'cassandra');
    for (const text of [
      `CREATE KEYSPACE answers WITH ${REPLICATION}`,
      'CREATE TABLE answers.t (k int PRIMARY KEY)',
    ]) {
      expect(errorOf(await superuser.query(text))).toBeNull();
    }
    gate = await TestGate.start({
      contactPoint,
      roles: { writer: { grants: ['SELECT, MODIFY ON KEYSPACE answers'] } },
    });
  });

  afterAll(async () => {
    await gate?.close();
    await superuser?.query('DROP KEYSPACE IF EXISTS answers');
    superuser?.close();
  });

  type Connect = (version: number) => Promise<RawClient>;
  const atNode: Connect = async (version) =>
    RawClient.login(node!.port, 'cassandra', 'cassandra', version);
  const atGate: Connect = async (version) =>
    RawClient.login(gate.port, 'writer', gate.issuer.mint(), version);

  /** What each of them is answered, over one connection as long as that goes on. */
  async function answersTo(
    connect: Connect,
    version: number,
    asks: readonly ((client: RawClient) => Promise<Frame | null>)[],
  ): Promise<Answer[]> {
    const answers: Answer[] = [];
    let client = await connect(version);
    for (const ask of asks) {
      const frame = await ask(client);
      const error = frame === null ? null : errorOf(frame);
      const goesOn = (await client.query('SELECT key FROM system.local')) !== null;
      answers.push({ code: error?.code ?? null, message: error?.message ?? null, goesOn });
      if (!goesOn) client = await connect(version);
    }
    client.close();
    return answers;
  }

  const parameters = (writer: Writer, version: number, level: number, serial: number | null) => {
    writer.writeShort(level);
    const flags = serial === null ? 0 : 0x10;
    if (version === 5) writer.writeInt(flags);
    else writer.writeByte(flags);
    return serial === null ? writer : writer.writeShort(serial);
  };

  /** How a level is sent: with each message that has one, and as that of a condition. */
  const WAYS: readonly [
    way: string,
    ask: (client: RawClient, level: number) => Promise<Frame | null>,
  ][] = [
    ...[SELECT, INSERT, CONDITIONAL, 'USE answers'].map(
      (text): [string, (client: RawClient, level: number) => Promise<Frame | null>] => [
        `QUERY ${text}`,
        async (client, level) =>
          client.request(
            Opcode.QUERY,
            parameters(new Writer().writeLongString(text), client.version, level, null).toBuffer(),
          ),
      ],
    ),
    [
      'EXECUTE',
      async (client, level) => {
        const { id } = decodePrepared((await client.prepare(SELECT))!, client.version);
        const writer = new Writer().writeShortBytes(id);
        if (client.version === 5) writer.writeShortBytes(Buffer.alloc(16));
        return client.request(
          Opcode.EXECUTE,
          parameters(writer, client.version, level, null).toBuffer(),
        );
      },
    ],
    [
      'BATCH',
      async (client, level) => {
        const writer = new Writer().writeByte(0).writeShort(1);
        writer.writeByte(0).writeLongString(INSERT).writeShort(0);
        return client.request(
          Opcode.BATCH,
          parameters(writer, client.version, level, null).toBuffer(),
        );
      },
    ],
    [
      'QUERY with a condition, for which it is',
      async (client, level) =>
        client.request(
          Opcode.QUERY,
          parameters(
            new Writer().writeLongString(CONDITIONAL),
            client.version,
            1,
            level,
          ).toBuffer(),
        ),
    ],
    [
      'a value of another kind: a page size, a time',
      async (client, level) => {
        const { version } = client;
        const writer = new Writer().writeLongString(SELECT).writeShort(1);
        const flags = level % 2 === 0 ? 0x04 : 0x20;
        if (version === 5) writer.writeInt(flags);
        else writer.writeByte(flags);
        if (flags === 0x04) writer.writeInt(level / 2);
        else writer.writeRaw(Buffer.from([level === 1 ? 0x80 : 0, 0, 0, 0, 0, 0, 0, 0]));
        return client.request(Opcode.QUERY, writer.toBuffer());
      },
    ],
    [
      'QUERY without one, for which it is',
      async (client, level) =>
        client.request(
          Opcode.QUERY,
          parameters(new Writer().writeLongString(SELECT), client.version, 1, level).toBuffer(),
        ),
    ],
  ];

  for (const version of [4, 5]) {
    it.each(WAYS)(
      `of each consistency level is the node's in v${version}: %s`,
      async (_way, ask) => {
        const asks = LEVELS.map((level) => async (client: RawClient) => ask(client, level));
        const found = await answersTo(atGate, version, asks);
        const expected = await answersTo(atNode, version, asks);
        expect(found.map((one, i) => [LEVELS[i], one])).toEqual(
          expected.map((one, i) => [LEVELS[i], one]),
        );
      },
    );
  }

  it.each([
    '',
    'EXPLODE orders',
    'SELECT * FORM answers.t',
    'SELECT *\n  FROM answers.t\n WHERE k == 1',
    'SELECT * FROM answers.t WHERE k = 1 LIMIT',
    'INSERT INTO answers.t (k) VALUES (1',
    "UPDATE answers.t\r\nSET v = 'é\n' WHER k = 1",
    '\n\n  DROP TABEL x',
  ])('of syntax begins with its line and column: %j', async (text) => {
    const asks = [async (client: RawClient) => client.query(text)];
    const [found] = (await answersTo(atGate, 4, asks)) as [Answer];
    const [expected] = (await answersTo(atNode, 4, asks)) as [Answer];
    expect([found.code, found.goesOn]).toEqual([CqlErrorCode.SYNTAX_ERROR, true]);
    expect(expected.code).toBe(CqlErrorCode.SYNTAX_ERROR);
    const place = /^line (\d+:-?\d+) /;
    const [, here] = place.exec(found.message!) ?? [];
    const [, there] = place.exec(expected.message!) ?? [];
    // Of the end of a text a node says 0:-1; here it is where the text ends.
    const end = text.split('\n');
    expect(here).toBe(there === '0:-1' ? `${end.length}:${end.at(-1)!.length}` : there);
  });

  it('of a text over the limit is INVALID, however it is sent', async () => {
    const client = await atGate(4);
    const long = `SELECT k FROM answers.t /*${'x'.repeat(LIMITS.statementBytes.default)}*/`;
    const many = `INSERT INTO answers.t (k) VALUES (f0(${Array.from({ length: 1100 }, (_, i) => `f${i}()`).join(',')}))`;
    for (const text of [long, many, `${many}/*${'x'.repeat(20_000)}*/`]) {
      const answers = [
        await client.query(text),
        await client.prepare(text),
        await client.batch([INSERT, text]),
      ];
      expect(answers.map((frame) => errorOf(frame)?.code)).toEqual(
        answers.map(() => CqlErrorCode.INVALID),
      );
    }
    client.close();
  });
});
