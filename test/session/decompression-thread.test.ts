// Bodies that are decompressed in a thread: what comes out, and what becomes of the others when one is no block or
// ends the thread.
import { describe, expect, it } from 'vitest';
import { COMPRESSIONS } from '../../src/protocol/compression.ts';
import { DecompressionThread } from '../../src/session/decompression-thread.ts';

const PLAIN = Buffer.from('a row of a table, '.repeat(100_000));
const threaded = [...COMPRESSIONS.values()].filter((one) => one.threadAboveBytes < Infinity);

describe('a thread that decompresses', () => {
  it.each(threaded)('gives the body behind room for a header ($name)', async (compression) => {
    const thread = new DecompressionThread();
    const body = compression.compress(PLAIN)!;
    const job = { name: compression.name, body, headBytes: 9, bodyBytes: PLAIN.length };
    const [bytes, again] = await Promise.all([thread.decompress(job), thread.decompress(job)]);
    expect(bytes?.subarray(9).equals(PLAIN)).toBe(true);
    expect(again?.equals(bytes!)).toBe(true);
    // What it was asked for stays with who asked.
    expect(body.length).toBeGreaterThan(0);
  });

  it.each(threaded)('refuses what is no block, and goes on ($name)', async (compression) => {
    const thread = new DecompressionThread();
    const body = compression.compress(PLAIN)!;
    const job = { name: compression.name, body, headBytes: 9, bodyBytes: PLAIN.length };
    const answers = await Promise.all([
      thread.decompress({ ...job, body: Buffer.alloc(5_000, 0xff) }),
      thread.decompress({ ...job, bodyBytes: PLAIN.length + 1 }),
      thread.decompress({ ...job, bodyBytes: PLAIN.length - 1 }),
      thread.decompress(job),
    ]);
    expect(answers.map((bytes) => bytes?.length ?? null)).toEqual([
      ...[null, null, null],
      PLAIN.length + 9,
    ]);
  });

  it('fails what it was at when it ended, and each of the next gets another thread', async () => {
    const thread = new DecompressionThread(new URL('data:text/javascript,process.exit(1)'));
    const job = { name: 'lz4', body: PLAIN, headBytes: 9, bodyBytes: 10 };
    for (let i = 0; i < 2; i++) {
      const settled = await Promise.allSettled([thread.decompress(job), thread.decompress(job)]);
      expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    }
  });
});
