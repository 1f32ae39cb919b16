// The shape of the configuration: bounds of its numbers, and what may stand for a secret.
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { LIMITS, type LimitName } from '../../src/limits/operator.ts';
import { CLOCK, WORKERS } from '../../src/limits/process.ts';

const { limits, workers } = configSchema.shape;

describe('the configuration', () => {
  it('has as many workers as a gate may have, and no more', () => {
    expect(workers.safeParse(WORKERS.max).success).toBe(true);
    expect(workers.safeParse(WORKERS.max + 1).success).toBe(false);
    expect([0, 1].every((count) => workers.safeParse(count).success)).toBe(true);
    expect([-1, 1.5].some((count) => workers.safeParse(count).success)).toBe(false);
  });

  it.each(Object.keys(LIMITS) as LimitName[])(
    'takes a limit %s that is a number in its range',
    (name) => {
      const isTaken = (value: unknown) => limits.safeParse({ [name]: value }).success;
      const { unit, default: usual } = LIMITS[name];
      const most = unit === 'ms' ? CLOCK.longestTimerMs : Number.MAX_SAFE_INTEGER;
      expect([isTaken(most), isTaken(most + 1)]).toEqual([true, false]);
      // 0 is for what is derived where it is not set.
      expect([isTaken(1), isTaken(0)]).toEqual([true, usual === 0]);
      expect([isTaken(-1), isTaken(1.5), isTaken('5')]).toEqual([false, false, false]);
    },
  );

  it('takes no limit that there is not', () => {
    expect(limits.safeParse({ maxFramesBytes: 5 }).success).toBe(false);
  });
});
