// Requests at their largest legal size, compressed: what takes long to decompress is done on a thread, in order and
// not much of it at once, or is refused; what is done here is counted as work of the turn.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { COMPRESSION } from '../../src/limits/session.ts';
import { LIMITS, resolveLimits } from '../../src/limits/operator.ts';
import { COMPRESSIONS, type BodyCompression } from '../../src/protocol/compression.ts';
import { encodeFrame, Frame, FrameFlag } from '../../src/protocol/frame.ts';
import { OversizedFrame } from '../../src/protocol/frame-decoder.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { DecompressionThread } from '../../src/session/decompression-thread.ts';
import { Inbox } from '../../src/session/inbox.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const MIB = 1024 * 1024;
const INSERT = 'INSERT INTO shop.t (k) VALUES (?)';
const snappy = COMPRESSIONS.get('snappy')!;
const SNAPPY = { COMPRESSION: 'snappy' };

let gate: ScriptedGate;

beforeAll(async () => {
  const role = { grants: ['SELECT, MODIFY ON KEYSPACE shop'] };
  gate = await ScriptedGate.start({ job: role, other: role, third: role });
});

afterEach(() => {
  vi.restoreAllMocks();
});

afterAll(async () => gate?.close());

/** What arrived at the nodes of these opcodes since the count was taken. */
const arrived = (opcode: number): number =>
  gate.cluster.nodes.flatMap(({ requests }) => requests).filter((one) => one.opcode === opcode)
    .length;

/** Compressed whatever its size, other than what the gate itself sends. */
function insert(client: RawClient, streamId: number, bytes: number, by = snappy): void {
  const value = Buffer.alloc(bytes, 'abcd');
  const plain = new Writer().writeLongString(INSERT).writeShort(1).writeByte(1).writeShort(1);
  const body = by.compress(plain.writeBytes(value).toBuffer());
  const flags = FrameFlag.COMPRESSED;
  client.write(encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId, flags, body }));
}

describe('a large compressed body of a request', () => {
  it('is decompressed on a thread, and keeps the order of its session', async () => {
    const here = vi.spyOn(snappy, 'decompress');
    const client = await gate.login('job', 4, SNAPPY);
    const onThread = vi.spyOn(DecompressionThread.prototype, 'decompress');
    insert(client, 500, 15 * MIB);
    const small = client.query('SELECT k FROM shop.t');
    // The first answer is the large one's, whoever waits for it.
    const answers = [await small, await client.next()];
    expect(answers.map((frame) => errorOf(frame))).toEqual([null, null]);
    expect(answers[0]?.streamId).toBe(500);
    expect(onThread).toHaveBeenCalledTimes(1);
    const largest = Math.max(0, ...here.mock.calls.map(([, output]) => output.length));
    expect(largest).toBeLessThanOrEqual(COMPRESSION.snappyInlineBytes);
    client.close();
  });

  it('is that of LZ4 too where it is larger than what a turn has time for', async () => {
    const lz4 = COMPRESSIONS.get('lz4')!;
    if (lz4.implementation !== 'native') return;
    const client = await gate.login('job', 4, { COMPRESSION: 'lz4' });
    const here = vi.spyOn(lz4, 'decompress');
    const onThread = vi.spyOn(DecompressionThread.prototype, 'decompress');
    insert(client, 500, 15 * MIB, lz4);
    const small = client.query('SELECT k FROM shop.t');
    const answers = [await small, await client.next()];
    expect(answers.map((frame) => errorOf(frame))).toEqual([null, null]);
    expect(answers[0]?.streamId).toBe(500);
    expect(onThread).toHaveBeenCalledTimes(1);
    const largest = Math.max(0, ...here.mock.calls.map(([, output]) => output.length));
    expect(largest).toBeLessThanOrEqual(COMPRESSION.lz4InlineBytes);
    client.close();
  });

  it('waits while as many are under way as may be, one of each role', async () => {
    const thread = new DecompressionThread();
    const real = thread.decompress.bind(thread);
    let atWork = 0;
    let most = 0;
    vi.spyOn(DecompressionThread.prototype, 'decompress').mockImplementation(async (job) => {
      most = Math.max(most, ++atWork);
      try {
        return await real(job);
      } finally {
        atWork--;
      }
    });
    const insertAll = async (roles: readonly string[]): Promise<void> => {
      most = 0;
      const clients = await Promise.all(roles.map(async (role) => gate.login(role, 4, SNAPPY)));
      const answers = await Promise.all(
        clients.map(async (client) => {
          insert(client, 500, MIB);
          return client.next();
        }),
      );
      expect(answers.map((frame) => errorOf(frame))).toEqual(roles.map(() => null));
      for (const client of clients) client.close();
    };
    await insertAll(['job', 'job', 'job', 'job']);
    expect(most).toBe(COMPRESSION.threadsPerRole);
    await insertAll(['job', 'other', 'third', 'job', 'other', 'third']);
    expect(most).toBe(COMPRESSION.threads);
  });

  it('that is none ends its session, and reaches no node', async () => {
    const client = await gate.login('job', 4, SNAPPY);
    const before = arrived(Opcode.QUERY);
    // A stated length of 8 MiB, and then no block.
    const body = Buffer.concat([Buffer.from([0x80, 0x80, 0x80, 0x04]), Buffer.alloc(1_000, 0xff)]);
    const flags = FrameFlag.COMPRESSED;
    client.write(encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: 7, flags, body }));
    expect(errorOf(await client.next())?.message).toContain('no snappy block');
    expect(await client.next()).toBeNull();
    expect(arrived(Opcode.QUERY)).toBe(before);
  });

  it('whose stated length is above the bound is refused before there is room for it', async () => {
    const on = vi.spyOn(DecompressionThread.prototype, 'decompress');
    const client = await gate.login('job', 4, SNAPPY);
    const body = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(100)]);
    const flags = FrameFlag.COMPRESSED;
    client.write(encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: 7, flags, body }));
    expect(errorOf(await client.next())?.message).toContain('Request is too big');
    expect(on).not.toHaveBeenCalled();
    client.close();
  });
});

describe('a body that is decompressed between others', () => {
  const limits = resolveLimits({});
  const inboxOf = (compression: BodyCompression): Inbox => {
    const inbox = new Inbox(limits);
    inbox.started(4, compression);
    inbox.loggedIn();
    return inbox;
  };
  const frameOf = (compression: BodyCompression, bytes: number): Buffer =>
    encodeFrame({
      version: 4,
      opcode: Opcode.QUERY,
      streamId: 1,
      flags: FrameFlag.COMPRESSED,
      body: compression.compress(Buffer.alloc(bytes)),
    });

  it.each([...COMPRESSIONS.values()])('counts as work of the turn ($name)', (compression) => {
    const inbox = inboxOf(compression);
    inbox.push(frameOf(compression, 200_000));
    expect(inbox.next()).toBeInstanceOf(Frame);
    expect(inbox.takeWork()).toBeGreaterThanOrEqual(200_000 / compression.bytesPerUnit);
    expect(inbox.takeWork()).toBe(0);
  });

  it('has a smaller bound while LZ4 is JavaScript', () => {
    const lz4 = COMPRESSIONS.get('lz4')!;
    const largest = 3 * MIB;
    const slow = inboxOf({ ...lz4, implementation: 'javascript' });
    expect(slow.maxFrameBytes).toBe(COMPRESSION.javascriptFrameBytes);
    slow.push(frameOf(lz4, largest));
    expect(slow.next()).toBeInstanceOf(OversizedFrame);
    expect(slow.takeWork()).toBe(0);
    const fast = inboxOf({ ...lz4, implementation: 'native' });
    expect(fast.maxFrameBytes).toBe(LIMITS.maxFrameBytes.default);
    fast.push(frameOf(lz4, largest));
    expect(fast.next()).toBeInstanceOf(Frame);
  });
});
