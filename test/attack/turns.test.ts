// What clients make the gate do in one turn of the event loop is bounded by the work, counted: a client that sends
// very many frames at once, or one frame of very many statements, is served over several turns.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TURN } from '../../src/limits/session.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { turnWork } from '../../src/turn.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const CHILDREN = 65_000;
/** The last item of a turn may begin with hardly any budget left. */
const MOST = TURN.work + 2 * TURN.workPerSession;

let gate: ScriptedGate;
let most = 0;
let turns = new Set<number>();
let sum = 0;
const add = turnWork.add.bind(turnWork);

beforeAll(async () => {
  gate = await ScriptedGate.start(
    {
      job: { grants: ['SELECT, MODIFY ON KEYSPACE shop'] },
      reader: { grants: ['SELECT ON KEYSPACE shop'] },
    },
    { advertise: { host: '127.0.0.1', port: 9042, peers: ['127.0.0.9:9042'] } },
  );
  turnWork.add = (units) => {
    add(units);
    sum += units;
    most = Math.max(most, turnWork.done);
    turns.add(turnWork.turn);
  };
});

beforeEach(() => {
  most = 0;
  sum = 0;
  turns = new Set();
});

afterAll(async () => {
  turnWork.add = add;
  await gate?.close();
});

const login = async (role = 'job'): Promise<RawClient> =>
  RawClient.login(gate.port, role, gate.files.issuer.mint());

/** Frames of one kind in one write; resolves when each was answered. */
async function pipeline(
  client: RawClient,
  count: number,
  body: (n: number) => Buffer | null,
  opcode: number,
) {
  const frames = Array.from({ length: count }, (_unused, n) =>
    encodeFrame({ version: 4, opcode, streamId: n, body: body(n) }),
  );
  client.write(Buffer.concat(frames));
  let last: Awaited<ReturnType<RawClient['next']>> = null;
  for (let n = 0; n < count; n++) last = await client.next();
  return last;
}

const queryBody = (text: string): Buffer =>
  new Writer().writeLongString(text).writeShort(1).writeByte(0).toBuffer();

describe('one turn of the event loop', () => {
  it('holds a bounded part of very many small frames', async () => {
    const client = await login();
    expect(await pipeline(client, 20_000, () => null, Opcode.OPTIONS)).not.toBeNull();
    expect(most).toBeLessThanOrEqual(MOST);
    expect(turns.size).toBeGreaterThan((20_000 * TURN.frame) / TURN.work);
    client.close();
  });

  it('holds a bounded part of very many refusals', async () => {
    const client = await login('reader');
    const texts = (n: number): Buffer => queryBody(`DELETE FROM shop.t${n} WHERE k = 1`);
    const last = await pipeline(client, 2_000, texts, Opcode.QUERY);
    expect(errorOf(last)?.code).toBe(0x2100);
    expect(most).toBeLessThanOrEqual(MOST);
    expect(turns.size).toBeGreaterThan((2_000 * TURN.refusal) / TURN.work);
    client.close();
  });

  it.each([
    ['statements that are counted by their shape', Opcode.QUERY, TURN.text + TURN.shape],
    ['statements that are prepared', Opcode.PREPARE, TURN.text],
  ])('holds a bounded part of very many distinct %s', async (_name, opcode, units) => {
    const client = await login();
    const body = (n: number): Buffer => {
      const text = `SELECT k AS a${n}_${opcode} FROM shop.t`;
      if (opcode === Opcode.QUERY) return queryBody(text);
      return new Writer().writeLongString(text).toBuffer();
    };
    expect(await pipeline(client, 1_500, body, opcode)).not.toBeNull();
    expect(most).toBeLessThanOrEqual(MOST);
    expect(sum).toBeGreaterThan(1_500 * (TURN.frame + units));
    client.close();
  });

  it.each([
    ['one text', () => `INSERT INTO shop.t (k) VALUES (1)`],
    ['distinct texts', (n: number) => `INSERT INTO shop.t (k) VALUES (${n})`],
  ])('holds a part of a BATCH of 65,000 children of %s', async (_name, text) => {
    const client = await login();
    const children = Array.from({ length: CHILDREN }, (_unused, n) => text(n));
    expect((await client.batch(children))?.opcode).toBe(Opcode.RESULT);
    expect(most).toBeLessThanOrEqual(MOST);
    expect(turns.size).toBeGreaterThan(CHILDREN / TURN.childrenAtOnce / 4);
    client.close();
  });

  it('decides a large BATCH whole, and keeps the order of its session', async () => {
    const client = await login();
    const children = Array.from({ length: 5_000 }, () => 'INSERT INTO shop.t (k) VALUES (1)');
    children[4_999] = 'INSERT INTO other.t (k) VALUES (1)';
    const batches = (): number =>
      gate.cluster.nodes
        .flatMap(({ requests }) => requests)
        .filter(({ opcode }) => opcode === Opcode.BATCH).length;
    const before = batches();
    const batch = client.batch(children);
    const after = client.query('SELECT k FROM shop.t');
    expect(errorOf(await batch)?.code).toBe(0x2100);
    expect(await after).not.toBeNull();
    expect(batches()).toBe(before);
    client.close();
  });

  it('holds a bounded part of large BATCHes of many sessions', async () => {
    const clients = await Promise.all(Array.from({ length: 40 }, async () => login()));
    most = 0;
    const children = Array.from({ length: 3_000 }, () => 'INSERT INTO shop.t (k) VALUES (1)');
    const answers = await Promise.all(clients.map(async (client) => client.batch(children)));
    expect(answers.map((frame) => frame?.opcode)).toEqual(clients.map(() => Opcode.RESULT));
    expect(most).toBeLessThanOrEqual(MOST);
    for (const client of clients) client.close();
  });

  it('holds a bounded part of the answers that wait for one system table', async () => {
    const client = await login();
    const body = queryBody('SELECT * FROM system.peers_v2');
    const last = await pipeline(client, 1_000, () => body, Opcode.QUERY);
    expect(errorOf(last)).toBeNull();
    expect(most).toBeLessThanOrEqual(MOST);
    expect(turns.size).toBeGreaterThan((1_000 * TURN.ownAnswer) / MOST);
    client.close();
  });

  it('holds a bounded part of very many ids that nobody knows', async () => {
    const client = await login();
    const body = (n: number): Buffer =>
      new Writer()
        .writeShortBytes(Buffer.from(`id${n}`))
        .writeShort(1)
        .writeByte(0)
        .toBuffer();
    const last = await pipeline(client, 5_000, body, Opcode.EXECUTE);
    expect(errorOf(last)?.code).toBe(0x2500);
    expect(most).toBeLessThanOrEqual(MOST);
    expect(turns.size).toBeGreaterThan((5_000 * TURN.unprepared) / MOST);
    client.close();
  });
});
