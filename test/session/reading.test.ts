// How far the requests of a client are read: no further than its limits and waits allow, and on from there without
// a loss. What a session holds is what the gate's own metric says.
import { afterEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const VOID = new Writer().writeInt(1).toBuffer();
/** All of them together are far more than a session may have read of them. */
const COUNT = 256;
const VALUE_BYTES = 16 * KIB;
const READ_BYTES = 64 * KIB;

let gate: ScriptedGate;
/** Requests that the node has, and does not answer until the test says so. */
let held: ScriptedRequest[];
let isHolding: boolean;

afterEach(async () => {
  await gate?.close();
});

async function start(
  limits: Record<string, number>,
  isHeld: (request: ScriptedRequest) => boolean = ({ text }) => text.startsWith('INSERT'),
  body = VOID,
): Promise<RawClient> {
  [held, isHolding] = [[], true];
  gate = await ScriptedGate.start(
    { job: { grants: ['SELECT, MODIFY ON KEYSPACE shop'] } },
    { limits: { writeTimeoutMs: 60_000, ...limits }, admin: { host: '127.0.0.1', port: 0 } },
  );
  gate.cluster.script = (request) => {
    if (isHolding && isHeld(request)) return held.push(request) > 0;
    if (!request.text.startsWith('INSERT')) return false;
    request.answer(Opcode.RESULT, body);
    return true;
  };
  return gate.login('job');
}

const query = (streamId: number, text: string, value?: Buffer): Buffer => {
  const writer = new Writer().writeLongString(text).writeShort(1);
  writer.writeByte(value === undefined ? 0 : 1);
  if (value !== undefined) writer.writeShort(1).writeBytes(value);
  return encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId, body: writer.toBuffer() });
};

/** So many large requests, on streams from 1 on. */
function ask(client: RawClient): void {
  const value = Buffer.alloc(VALUE_BYTES, 7);
  for (let i = 1; i <= COUNT; i++) {
    client.write(query(i, 'INSERT INTO shop.t (k, v) VALUES (1, ?)', value));
  }
}

/** What the session holds once nothing more happens. */
async function heldBytes(): Promise<number> {
  let before = '';
  let bytes = 0;
  for (let same = 0; same < 4;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    bytes = await gate.metric('memory_largest_session_bytes');
    const now = `${bytes} ${held.length}`;
    same = now === before ? same + 1 : 0;
    before = now;
  }
  return bytes;
}

/** The node answers what it has, and from now on at once; every request has its one answer. */
async function expectAllAnswered(client: RawClient, more = 0): Promise<void> {
  isHolding = false;
  for (const { answer } of held) answer(Opcode.RESULT, VOID);
  const streams = new Set<number>();
  for (let i = 0; i < COUNT + more; i++) {
    const answer = await client.next();
    expect(errorOf(answer)).toBeNull();
    streams.add(answer!.streamId);
  }
  expect(streams.size).toBe(COUNT + more);
  client.close();
}

describe('a client is not read', () => {
  it('beyond its requests in flight, and gets every answer', async () => {
    const client = await start({ inFlightPerSession: 32 });
    ask(client);
    // What these requests hold, and the reads that they came in.
    expect(await heldBytes()).toBeLessThan(32 * VALUE_BYTES + 16 * READ_BYTES);
    expect(held).toHaveLength(32);
    await expectAllAnswered(client);
  });

  it('beyond what its requests hold, and gets every answer', async () => {
    const client = await start({ inFlightBytesPerSession: 512 * KIB });
    ask(client);
    expect(await heldBytes()).toBeLessThan(512 * KIB + 4 * READ_BYTES);
    expect(held.length).toBeGreaterThan(8);
    expect(held.length * VALUE_BYTES).toBeLessThan(512 * KIB + 2 * READ_BYTES);
    await expectAllAnswered(client);
  });

  it('behind a USE that has no answer yet, and gets every answer', async () => {
    const client = await start({}, ({ text }) => /^(USE|INSERT)/.test(text));
    client.write(query(0, 'USE shop'));
    ask(client);
    expect(await heldBytes()).toBeLessThan(4 * READ_BYTES);
    expect(held.map(({ text }) => text.slice(0, 3))).toEqual(['USE']);
    isHolding = false;
    const [use] = held.splice(0);
    use!.connection.keyspace = 'shop';
    use!.answer(Opcode.RESULT, new Writer().writeInt(3).writeString('shop').toBuffer());
    await expectAllAnswered(client, 1);
  });

  it('while it does not read its answers, and gets every one of them', async () => {
    // More in all than the buffers of the kernel take.
    const answer = Buffer.concat([VOID, Buffer.alloc(256 * KIB)]);
    const client = await start({ inFlightPerSession: 8 }, () => false, answer);
    client.socket.pause();
    ask(client);
    expect(await heldBytes()).toBeLessThan(6 * MIB);
    const carriedOut = gate.cluster.counts(({ text }) => text.startsWith('INSERT'))[0];
    expect(carriedOut).toBeLessThan(COUNT);
    client.socket.resume();
    await expectAllAnswered(client);
  });
});
