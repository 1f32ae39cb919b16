// Readers that take a byte a second, in 200 sessions, each with megabytes to read: they are ended, and who reads
// honestly beside them is served as before.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { answerLargeRows } from '../support/large-row.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const MIB = 1024 * 1024;
const BUDGET = 256 * MIB;
const SESSIONS = 200;
const READS = 4;

let gate: ScriptedGate;
const timers: NodeJS.Timeout[] = [];
const clients: RawClient[] = [];

beforeAll(async () => {
  gate = await ScriptedGate.start(
    {
      flood: { grants: ['SELECT ON KEYSPACE orders'] },
      honest: { grants: ['SELECT ON KEYSPACE orders'] },
    },
    { limits: { bufferBudgetBytes: BUDGET }, admin: { host: '127.0.0.1', port: 0 } },
  );
  answerLargeRows(gate);
});

afterAll(async () => {
  for (const timer of timers) clearInterval(timer);
  for (const client of clients) client.close();
  await gate.close();
}, 30_000);

async function login(role: string): Promise<RawClient> {
  const client = await gate.login(role);
  clients.push(client);
  return client;
}

/** Asks for megabytes, and reads them a byte a second. */
async function lazy(): Promise<RawClient> {
  const client = await login('flood');
  const { socket } = client;
  socket.pause();
  socket.removeAllListeners('data');
  timers.push(setInterval(() => void socket.read(1), 1000));
  const body = encodeQuery({ query: 'SELECT large FROM orders.t', consistency: 1, version: 4 });
  for (let streamId = 1; streamId <= READS; streamId++) {
    client.write(encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId, body }));
  }
  return client;
}

describe('200 sessions that read a byte a second', () => {
  it('are ended, and others are served', async () => {
    const honest = await login('honest');
    for (let i = 0; i < SESSIONS; i++) await lazy();
    let served = 0;
    let large = 0;
    const ended = async (): Promise<number> => {
      const reasons = ['slow_reader', 'over_budget'].map(async (reason) =>
        gate.metric('memory_closes_total', `{reason="${reason}"}`),
      );
      return (await Promise.all(reasons)).reduce((sum, one) => sum + one, 0);
    };
    const deadline = performance.now() + 90_000;
    while ((await ended()) < SESSIONS) {
      expect(performance.now(), `${await ended()} were ended`).toBeLessThan(deadline);
      expect(errorOf(await honest.query('SELECT k FROM orders.t'))).toBeNull();
      served++;
      // Large answers have room, too.
      if (served % 10 === 0) {
        expect((await honest.query('SELECT large FROM orders.t'))?.byteLength).toBeGreaterThan(MIB);
        honest.received.length = 0;
        large++;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(honest.closed).toBe(false);
    expect(large).toBeGreaterThan(3);
  }, 120_000);
});
