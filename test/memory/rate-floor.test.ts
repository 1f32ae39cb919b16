// The least speed of frames and of unread answers, by a clock of the test's own.
import { describe, expect, it } from 'vitest';
import { MEMORY } from '../../src/limits/session.ts';
import { RateFloor } from '../../src/memory/rate-floor.ts';

const KIB = 1024;
const GRACE = MEMORY.rateGraceMs;
const CAP = MEMORY.rateCapMs;

/** Seconds until it is too slow, at so many bytes a second. */
function seconds(bytesPerSecond: number, most: number): number {
  const rate = new RateFloor();
  rate.start(GRACE);
  for (let second = 1; second <= most; second++) {
    if (!rate.moved(bytesPerSecond, 1_000, CAP)) return second;
  }
  return Infinity;
}

describe('the least speed', () => {
  it('ends what stands still or trickles after the grace, and not before', () => {
    expect(seconds(0, 60)).toBe(11);
    expect(seconds(1, 60)).toBe(11);
    expect(seconds(8 * KIB, 60)).toBe(21);
  });

  it('lets 16 KiB a second be, for as long as it takes', () => {
    expect(seconds(16 * KIB, 3_600)).toBe(Infinity);
  });

  it('lends no more than its cap to who was fast before', () => {
    const rate = new RateFloor();
    rate.start(GRACE);
    rate.moved(1024 * 1024 * KIB, 1_000, CAP);
    let stood = 0;
    while (rate.moved(0, 1_000, CAP)) stood++;
    expect(stood).toBeLessThanOrEqual(CAP / 1_000);
    expect(stood).toBeGreaterThan(CAP / 2_000);
  });
});
