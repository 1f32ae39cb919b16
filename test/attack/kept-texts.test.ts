// What is kept of texts is charged at what it costs: a role that may do nothing could else fill the heap with
// refused texts, which stand for very many objects each.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { StatementCache } from '../../src/cql/statement-cache.ts';
import { CQL } from '../../src/limits/cql.ts';
import { MemoryBudget } from '../../src/memory/budget.ts';

const SCRIPT = path.resolve(import.meta.dirname, '../support/measure-footprint.ts');
const KIB = 1024;
const MIB = 1024 * KIB;

const functions = (i: number, count: number): string =>
  `SELECT ${Array.from({ length: count }, (_unused, j) => `ks.f${i}_${j}(a)`).join(', ')} FROM ks.t`;

describe('a text that is kept', () => {
  it('is charged within a factor of two of what it costs, whatever its shape', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      '--import',
      'tsx',
      SCRIPT,
    ]);
    const measured = JSON.parse(stdout) as Record<string, { charged: number; real: number }>;
    const ratios = Object.entries(measured).map(
      ([name, { charged, real }]) => [name, charged / real] as const,
    );
    expect(ratios.length).toBeGreaterThan(5);
    for (const [name, ratio] of ratios) {
      expect(ratio, name).toBeGreaterThan(0.5);
      expect(ratio, name).toBeLessThan(2);
    }
  }, 60_000);

  it('leaves the cache within its bytes, in number', () => {
    let charged = 0;
    const cache = new StatementCache({
      maxBytes: 4 * MIB,
      account: { add: (bytes) => (charged += bytes) },
    });
    let most = 0;
    for (let i = 0; i < 300; i++) {
      cache.get(functions(i, 100), null);
      cache.get(functions(i, 100), null);
      most = Math.max(most, cache.bytes);
      expect(charged).toBe(cache.bytes);
    }
    expect(most).toBeGreaterThan(2 * MIB);
    expect(most).toBeLessThanOrEqual(4 * MIB);
  });

  it('is not kept where it stands for too much', () => {
    const cache = new StatementCache({ maxBytes: 64 * MIB });
    const large = functions(0, 1_000);
    expect(large.length).toBeLessThanOrEqual(CQL.cachedTextLength);
    for (let times = 0; times < 3; times++) cache.get(large, null);
    expect(cache.bytes).toBe(0);
  });

  it('goes when the heap runs short', () => {
    const evicted: string[] = [];
    const memory = new MemoryBudget({
      heapBytes: 1 * MIB,
      bufferBytes: 64 * MIB,
      requestBytes: 64 * MIB,
      evicted: (cache) => evicted.push(cache),
      paused: () => undefined,
    });
    const cache = new StatementCache({
      maxBytes: 64 * MIB,
      account: memory.heapKind('statements'),
    });
    memory.register({ name: 'statements', evict: () => cache.evict() });
    for (let i = 0; i < 100; i++) {
      cache.get(functions(i, 50), null);
      cache.get(functions(i, 50), null);
      memory.tick();
    }
    expect(evicted.length).toBeGreaterThan(0);
    expect(cache.bytes).toBeLessThan(1 * MIB);
  });
});
