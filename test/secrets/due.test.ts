// When to act before something ends, and how long to wait after failures.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SECRETS } from '../../src/limits/services.ts';
import { retryInMs, dueInMs } from '../../src/secrets/due.ts';

afterEach(() => vi.restoreAllMocks());

/** The longest and the shortest that chance makes of it. */
function rangeOf(wait: () => number): [longest: number, shortest: number] {
  const random = vi.spyOn(Math, 'random');
  random.mockReturnValue(0);
  const first = wait();
  random.mockReturnValue(1);
  return [first, wait()];
}

describe('what ends is replaced', () => {
  it('after a share of the life that is left, up to a share of that sooner', () => {
    const [latest, earliest] = rangeOf(() => dueInMs(3_600_000));
    expect(latest).toBeCloseTo(3_600_000 * SECRETS.renewAfterShare, 6);
    expect(earliest).toBeCloseTo(latest * (1 - SECRETS.jitterShare), 6);
  });

  it('never in a busy loop, and within a day at the latest', () => {
    expect(rangeOf(() => dueInMs(0))).toEqual([SECRETS.retryMinMs, SECRETS.retryMinMs]);
    expect(dueInMs(-5_000)).toBe(SECRETS.retryMinMs);
    expect(dueInMs(Infinity)).toBe(SECRETS.longestWaitMs);
    const [longest] = rangeOf(() => dueInMs(SECRETS.longestWaitMs / SECRETS.renewAfterShare));
    expect(longest).toBeCloseTo(SECRETS.longestWaitMs, 3);
    expect(rangeOf(() => dueInMs(2 * SECRETS.longestWaitMs))[0]).toBe(SECRETS.longestWaitMs);
  });
});

describe('after failures', () => {
  it('the wait doubles from the least to the longest, the half of it by chance', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 1_000].map((failures) =>
      rangeOf(() => retryInMs(failures)),
    );
    const longest = waits.map(([, most]) => most);
    expect(longest[0]).toBe(SECRETS.retryMinMs);
    expect(longest[1]).toBe(2 * SECRETS.retryMinMs);
    expect(longest[5]).toBe(32 * SECRETS.retryMinMs);
    expect(longest.slice(6)).toEqual([SECRETS.retryMaxMs, SECRETS.retryMaxMs, SECRETS.retryMaxMs]);
    expect(waits.every(([least, most]) => least === most / 2)).toBe(true);
  });
});
