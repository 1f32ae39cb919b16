// What a node answers, or what goes wrong here while an answer is handled, ends one request: the
// connection that many sessions share lives on. Only where the keyspace of a connection is not known any
// more, or where frames begin, the connection goes.
import { afterEach, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { decodePrepared } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

const ROLES = {
  one: {
    grants: [
      'SELECT, MODIFY, CREATE, ALTER, DROP ON KEYSPACE orders',
      'SELECT, MODIFY ON KEYSPACE other',
    ],
  },
  two: { grants: ['SELECT, MODIFY ON KEYSPACE orders'] },
};
const VOID = new Writer().writeInt(1).toBuffer();
const SELECT = 'SELECT * FROM orders.t';
const INSERT = 'INSERT INTO orders.t (k) VALUES (1)';

let gate: ScriptedGate;
const clients: RawClient[] = [];

const start = async (
  script: (request: ScriptedRequest) => boolean,
  cluster?: ScriptedCluster,
): Promise<void> => {
  cluster ??= await ScriptedCluster.start(['dc1']);
  cluster.script = script;
  gate = await ScriptedGate.start(ROLES, {}, cluster);
};

const login = async (role: string): Promise<RawClient> => {
  const client = await gate.login(role);
  clients.push(client);
  return client;
};

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await gate.close();
});

const requests = (): ScriptedRequest[] => gate.cluster.nodes[0]!.requests;
const errorCode = async (answer: Promise<Parameters<typeof errorOf>[0]>) =>
  errorOf(await answer)?.code;
const isPrepare = ({ opcode }: ScriptedRequest): boolean => opcode === Opcode.PREPARE;
const is =
  (text: string) =>
  (request: ScriptedRequest): boolean =>
    request.text === text;

interface Bad {
  readonly send: (client: RawClient) => ReturnType<RawClient['query']>;
  readonly meant: (request: ScriptedRequest) => boolean;
  readonly opcode: number;
  readonly body: Buffer;
}

const prepare = { send: async (one: RawClient) => one.prepare(SELECT), meant: isPrepare };
const query = (text: string) => ({
  send: async (one: RawClient) => one.query(text),
  meant: is(text),
});

/** Answers that cannot be read, each cut or wrong in another place. */
const UNREADABLE: Record<string, Bad> = {
  'a PREPARED that ends within its id': {
    ...prepare,
    opcode: Opcode.RESULT,
    body: new Writer().writeInt(4).writeShort(400).toBuffer(),
  },
  'a result without a kind': { ...prepare, opcode: Opcode.RESULT, body: Buffer.alloc(2) },
  'an ERROR without a code': { ...query(SELECT), opcode: Opcode.ERROR, body: Buffer.alloc(1) },
  'an ERROR whose text is no text': {
    ...query(SELECT),
    opcode: Opcode.ERROR,
    body: new Writer()
      .writeInt(0x2200)
      .writeShortBytes(Buffer.from([0xff, 0xfe]))
      .toBuffer(),
  },
  'a change of the schema without its target': {
    ...query('CREATE TABLE orders.t (k int PRIMARY KEY)'),
    opcode: Opcode.RESULT,
    body: new Writer().writeInt(5).writeString('CREATED').toBuffer(),
  },
};

describe('an answer that cannot be handled', () => {
  it.each(Object.entries(UNREADABLE))('%s ends its own request only', async (_name, bad) => {
    let held: ScriptedRequest | null = null;
    await start((request) => {
      if (request.text === INSERT) held = request;
      else if (bad.meant(request)) request.answer(bad.opcode, bad.body);
      else return false;
      return true;
    });
    const [one, two] = [await login('one'), await login('two')];
    // Another session's write is in flight on the connection that the bad answers come by.
    const write = two.query(INSERT);
    await expect.poll(() => held).not.toBeNull();
    for (let i = 0; i < 5; i++) {
      expect(errorOf(await bad.send(one))).toMatchObject({
        code: CqlErrorCode.SERVER_ERROR,
        message: expect.stringMatching(/internal error of cqlgate ended this request/),
      });
    }
    held!.answer(Opcode.RESULT, VOID);
    expect(errorOf(await write)).toBeNull();
    const shared = requests().filter((request) => bad.meant(request) || request.text === INSERT);
    expect(new Set(shared.map(({ connection }) => connection)).size).toBe(1);
    // Its own session goes on too.
    expect(errorOf(await one.query('SELECT k FROM orders.u'))).toBeNull();
    expect(gate.log.filter(({ message }) => /internal error/.test(message))).toHaveLength(5);
    expect(gate.log.find(({ message }) => /internal error/.test(message))).toMatchObject({
      level: 'error',
      fields: { session: expect.any(String), opcode: expect.any(String), kind: expect.any(String) },
    });
  });

  it('is recorded where the decision was', async () => {
    const text = 'CREATE TABLE orders.t (k int PRIMARY KEY)';
    await start((request) => {
      if (request.text !== text) return false;
      request.answer(Opcode.RESULT, new Writer().writeInt(5).toBuffer());
      return true;
    });
    const one = await login('one');
    expect(errorOf(await one.query(text))?.message).toContain('whether the change was made');
    const outcome = await gate.files.record(({ kind }) => kind === 'outcome');
    expect(outcome.outcome.status).toBe('unknown');
  });

  it('passes rows on whose columns nobody here has to read', async () => {
    const deep = Buffer.concat([
      Buffer.alloc(2 * 70_000, Buffer.from([0, 0x20])),
      Buffer.from([0, 9]),
    ]);
    const body = Buffer.concat([
      new Writer().writeInt(4).writeShortBytes(Buffer.alloc(16, 7)).toBuffer(),
      new Writer()
        .writeInt(1)
        .writeInt(0)
        .writeInt(0)
        .writeString('orders')
        .writeString('t')
        .toBuffer(),
      new Writer()
        .writeInt(1)
        .writeInt(1)
        .writeString('orders')
        .writeString('t')
        .writeString('v')
        .toBuffer(),
      deep,
    ]);
    await start((request) => {
      if (isPrepare(request)) request.answer(Opcode.RESULT, body);
      return isPrepare(request);
    });
    const one = await login('one');
    const prepared = await one.prepare(SELECT);
    expect(errorOf(prepared)).toBeNull();
    expect(errorOf(await one.execute(decodePrepared(prepared!, 4).id))).toBeNull();
  });
});

describe('an answer to USE that is none', () => {
  it.each([
    ['nothing', Opcode.RESULT, VOID],
    ['half a keyspace', Opcode.RESULT, new Writer().writeInt(3).writeShort(9).toBuffer()],
    ['another message', Opcode.READY, null],
  ])('%s: the connection goes, and its keyspace is nobody else’s', async (_name, opcode, body) => {
    await start((request) => {
      if (request.text !== 'USE orders' && request.text !== 'USE "orders"') return false;
      request.connection.keyspace = 'orders';
      request.answer(opcode, body);
      return true;
    });
    const one = await login('one');
    expect(await errorCode(one.query('USE orders'))).toBe(CqlErrorCode.SERVER_ERROR);
    const tainted = requests().find(({ text }) => text.startsWith('USE'))!.connection;
    expect(errorOf(await one.query('SELECT * FROM other.t'))).toBeNull();
    expect(requests().find(({ text }) => text === 'SELECT * FROM other.t')!.connection).not.toBe(
      tainted,
    );
    // And the session is in no keyspace.
    expect(await errorCode(one.query('SELECT * FROM t'))).toBe(CqlErrorCode.INVALID);
  });

  it('a keyspace in answer to anything else is not believed', async () => {
    const text = 'CREATE TABLE orders.t (k int PRIMARY KEY)';
    await start((request) => {
      if (request.text !== text) return false;
      request.answer(Opcode.RESULT, new Writer().writeInt(3).writeString('other').toBuffer());
      return true;
    });
    const one = await login('one');
    expect(await errorCode(one.query(text))).toBe(CqlErrorCode.SERVER_ERROR);
    expect(await errorCode(one.query('SELECT * FROM t'))).toBe(CqlErrorCode.INVALID);
    const tainted = requests().find((request) => request.text === text)!.connection;
    expect(errorOf(await one.query(SELECT))).toBeNull();
    expect(requests().find((request) => request.text === SELECT)!.connection).not.toBe(tainted);
  });
});

/** From the time after so many that fit. */
function after(times: number, fits: (request: ScriptedRequest) => boolean) {
  let seen = 0;
  return (request: ScriptedRequest): boolean => fits(request) && seen++ >= times;
}

const ERROR = new Writer().writeInt(CqlErrorCode.SERVER_ERROR).writeString('no').toBuffer();

/** What the gate asks by itself at its start, and an answer to it that is none. */
const OWN: Record<
  string,
  { asked: (request: ScriptedRequest) => boolean; opcode: number; body: Buffer | null }
> = {
  'REGISTER refused': {
    asked: ({ opcode }) => opcode === Opcode.REGISTER,
    opcode: Opcode.ERROR,
    body: ERROR,
  },
  'REGISTER answered with a result': {
    asked: ({ opcode }) => opcode === Opcode.REGISTER,
    opcode: Opcode.RESULT,
    body: VOID,
  },
  'OPTIONS refused': {
    asked: ({ opcode }) => opcode === Opcode.OPTIONS,
    opcode: Opcode.ERROR,
    body: ERROR,
  },
  'the views without rows': {
    asked: ({ text }) => text.includes('system_schema.views'),
    opcode: Opcode.RESULT,
    body: VOID,
  },
  'its node without a row': {
    // The first time it is asked what kind of cluster it is.
    asked: after(1, is('SELECT * FROM system.local')),
    opcode: Opcode.RESULT,
    body: new Writer().writeInt(2).writeInt(0).writeInt(0).writeInt(0).toBuffer(),
  },
};

describe('an answer to a request of the gate’s own', () => {
  it.each(Object.entries(OWN))(
    '%s is not taken for success',
    async (_name, { asked, opcode, body }) => {
      let times = 0;
      await start((request) => {
        if (!asked(request) || times++ > 0) return answerAsRegistered(request);
        request.answer(opcode, body);
        return true;
      });
      // It was asked again, by another connection, before the gate let anybody in.
      expect(times).toBeGreaterThan(1);
      expect(
        gate.log.some(
          ({ message }) =>
            /^upstream: .*the gate/.test(message) || /no row of its own/.test(message),
        ),
      ).toBe(true);
    },
  );

  it('an event that cannot be read is taken for any, and ends no connection', async () => {
    await start(answerAsRegistered);
    const before = requests().filter(({ text }) => text.includes('system_schema.views')).length;
    const control = requests().find(({ opcode }) => opcode === Opcode.REGISTER)!;
    const body = new Writer().writeString('SCHEMA_CHANGE').writeShort(99).toBuffer();
    control.raw(encodeFrame({ version: 4, opcode: Opcode.EVENT, streamId: -1, body }));
    await expect
      .poll(() => requests().filter(({ text }) => text.includes('system_schema.views')).length)
      .toBeGreaterThan(before);
    expect(requests().filter(({ opcode }) => opcode === Opcode.REGISTER)).toHaveLength(1);
  });
});

/** As a node does: READY to REGISTER, and the rest as a cluster. */
function answerAsRegistered(request: ScriptedRequest): boolean {
  if (request.opcode !== Opcode.REGISTER) return false;
  request.answer(Opcode.READY, null);
  return true;
}
