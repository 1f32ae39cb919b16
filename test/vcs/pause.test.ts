// When Bitbucket may be asked again after it failed.
import { describe, expect, it } from 'vitest';
import { VCS } from '../../src/limits/services.ts';
import { Pause } from '../../src/vcs/pause.ts';
import { monotonic } from '../support/moments.ts';

let nowMs = 1_000_000;

describe('the pause after failures', () => {
  const paused = (random = 0) => new Pause({ nowMs: () => monotonic(nowMs), random: () => random });

  it('doubles up to a bound, with jitter, and ends with a success', () => {
    const pause = paused();
    const seen: number[] = [];
    for (let i = 0; i < 10; i++) {
      pause.failed(monotonic(nowMs), 'down', null);
      seen.push(pause.leftMs);
      nowMs += pause.leftMs;
    }
    expect(seen.slice(0, 3)).toEqual([250, 500, 1_000]);
    expect(seen.at(-1)).toBe(VCS.pauseMaxMs / 2);
    pause.succeeded();
    pause.failed(monotonic(nowMs), 'down', null);
    expect(pause.leftMs).toBe(250);
    const late = paused(0.5);
    late.failed(monotonic(nowMs), 'down', null);
    expect(late.leftMs).toBe(375);
  });

  it('counts what failed together once', () => {
    const pause = paused();
    const startedAtMs = nowMs;
    for (let i = 0; i < 16; i++) pause.failed(monotonic(startedAtMs), 'down', null);
    nowMs += 10;
    for (let i = 0; i < 16; i++) pause.failed(monotonic(startedAtMs), 'down', null);
    expect(pause.leftMs).toBe(250);
  });

  it('is what was asked for, but no longer than an hour, and a success does not lift it', () => {
    const pause = paused();
    pause.failed(monotonic(nowMs), 'limit', 60_000);
    pause.succeeded();
    expect(pause.leftMs).toBe(60_000);
    pause.failed(monotonic(nowMs), 'limit', 1e12);
    expect(pause.leftMs).toBe(VCS.retryAfterMaxMs);
  });

  it('begins at half of the least, and chance adds the other half at most', () => {
    const [least, most] = [paused(0), paused(1)];
    for (const pause of [least, most]) pause.failed(monotonic(nowMs), 'down', null);
    expect([least.leftMs, most.leftMs]).toEqual([VCS.pauseMinMs / 2, VCS.pauseMinMs]);
    expect(least.reason).toBe('down');
  });
});
