import { describe, expect, it } from 'vitest';
import { backoffMs, jittered } from '../src/backoff.ts';

describe('the wait before another attempt', () => {
  it('doubles with each failure in a row, up to its bound', () => {
    const waits = [1, 2, 3, 4, 5, 6].map((failures) => backoffMs(failures, 100, 1_000));
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('is the shortest where nothing failed yet', () => {
    expect(backoffMs(0, 100, 1_000)).toBe(100);
  });

  it('stays at its bound after any number of failures', () => {
    expect(backoffMs(Number.MAX_SAFE_INTEGER, 1, 5_000)).toBe(5_000);
  });

  it('is spread over the upper half by jitter', () => {
    expect([0, 0.5, 1].map((drawn) => jittered(800, () => drawn))).toEqual([400, 600, 800]);
    for (let i = 0; i < 100; i++) {
      const waitMs = jittered(800);
      expect(waitMs).toBeGreaterThanOrEqual(400);
      expect(waitMs).toBeLessThanOrEqual(800);
    }
  });
});
