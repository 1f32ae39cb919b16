// What clients make the gate hold stays within its budget: the one who holds the most above its share is no
// longer read, then ended, and others notice nothing.
import { afterEach, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { LZ4_SEGMENTS } from '../../src/protocol/segment.ts';
import { encodeSegments } from '../../src/protocol/segment-encoder.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { answerLargeRows, LARGE_ROW } from '../support/large-row.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const BUDGET = 64 * MIB;
const ROLES = {
  flood: { grants: ['SELECT, MODIFY ON KEYSPACE orders'] },
  honest: { grants: ['SELECT, MODIFY ON KEYSPACE orders'] },
};
let gate: ScriptedGate;
const clients: RawClient[] = [];

const start = async (): Promise<void> => {
  gate = await ScriptedGate.start(ROLES, {
    limits: { bufferBudgetBytes: BUDGET },
    admin: { host: '127.0.0.1', port: 0 },
  });
  answerLargeRows(gate);
};

const login = async (
  role: string,
  version = 4,
  options: Record<string, string> = {},
): Promise<RawClient> => {
  const client = await gate.login(role, version, options);
  clients.push(client);
  return client;
};

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await gate.close();
});

const held = async (): Promise<number> => {
  const kinds = ['unauthenticated', 'input', 'requests', 'output', 'answers'];
  const each = await Promise.all(
    kinds.map(async (kind) => gate.metric('memory_bytes', `{store="buffers",kind="${kind}"}`)),
  );
  return each.reduce((sum, one) => sum + one, 0);
};

/** Asks as an honest client does until it was enough, and says how much was held at the most. */
async function beside(honest: RawClient, isEnough: () => boolean): Promise<number> {
  let most = 0;
  const deadline = Date.now() + 18_000;
  do {
    most = Math.max(most, await held());
    expect(errorOf(await honest.query('SELECT k FROM orders.t'))).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(Date.now(), 'nobody was ended').toBeLessThan(deadline);
  } while (!isEnough());
  return most;
}

/** A frame of 15 MiB that lacks its last byte. */
function unfinished(version: number, options: Record<string, string>): Buffer {
  const body = Buffer.alloc(15 * MIB, 'x');
  const frame = encodeFrame({ version, opcode: Opcode.QUERY, streamId: 1, body });
  const layout = options['COMPRESSION'] === undefined ? undefined : LZ4_SEGMENTS;
  const bytes = version === 4 ? frame : Buffer.concat(encodeSegments([frame], layout));
  return bytes.subarray(0, bytes.length - 1);
}

describe('the budget of Buffers', () => {
  it.each([
    [4, {}],
    [5, {}],
    [5, { COMPRESSION: 'lz4' }],
  ])('v%i %o: unfinished frames in number end who sends them', async (version, options) => {
    await start();
    const honest = await login('honest');
    const bytes = unfinished(version, options);
    const flood: RawClient[] = [];
    for (let i = 0; i < 10; i++) flood.push(await login('flood', version, options));
    for (const one of flood) one.write(bytes);
    const most = await beside(honest, () => flood.some(({ closed }) => closed));
    expect(most).toBeGreaterThan(BUDGET / 4);
    expect(most).toBeLessThan(BUDGET + 8 * MIB);
    expect(honest.closed).toBe(false);
    expect(await gate.metric('memory_closes_total', '{reason="over_budget"}')).toBeGreaterThan(0);
    const record = await gate.files.record(
      ({ kind, reason }) => kind === 'session_end' && /above its share/.test(reason),
    );
    expect(record.role).toBe('flood');
  });

  it('unread answers: their readers are ended, not the one who reads slowly', async () => {
    await start();
    const honest = await login('honest');
    const text = encodeQuery({ query: 'SELECT large FROM orders.t', consistency: 1, version: 4 });
    const flood = await Promise.all(Array.from({ length: 4 }, async () => login('flood')));
    for (const one of flood) {
      one.socket.pause();
      for (let stream = 1; stream <= 30; stream++) {
        one.write(encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: stream, body: text }));
      }
    }
    await expect.poll(held, { timeout: 10_000 }).toBeGreaterThan(BUDGET / 4);
    // Ten answers of 2 MiB, read a bit at a time.
    const slow = await login('honest');
    let read = 0;
    slow.socket.removeAllListeners('data');
    slow.socket.on('data', (chunk: Buffer) => {
      read += chunk.length;
      slow.socket.pause();
      setTimeout(() => slow.socket.resume(), 2);
    });
    for (let stream = 1; stream <= 10; stream++) {
      slow.write(encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: stream, body: text }));
    }
    const wanted = 10 * (LARGE_ROW.length + 9);
    const most = await beside(honest, () => read === wanted);
    expect(most).toBeLessThan(BUDGET + 8 * MIB);
    expect(slow.closed).toBe(false);
    expect(honest.closed).toBe(false);
  });

  it('an answer that has no room is let go, and its connection serves on', async () => {
    await start();
    const honest = await login('honest');
    const large = Buffer.alloc(BUDGET / 2);
    gate.cluster.script = ({ text, answer }) => {
      if (text === 'SELECT huge FROM orders.t') answer(Opcode.RESULT, large);
      return text === 'SELECT huge FROM orders.t';
    };
    expect(errorOf(await honest.query('SELECT huge FROM orders.t'))).toMatchObject({
      code: CqlErrorCode.OVERLOADED,
      message: expect.stringContaining('for which cqlgate has no room now'),
    });
    expect(errorOf(await honest.query('SELECT k FROM orders.t'))).toBeNull();
    const { requests } = gate.cluster.nodes[0]!;
    const own = requests.filter(({ text }) => text.endsWith('FROM orders.t'));
    expect(new Set(own.map(({ connection }) => connection)).size).toBe(1);
  });
});
