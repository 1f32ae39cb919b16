// Admission: bounds on connections without a login, and a source that fails is slowed, never shut out.
import { describe, expect, it } from 'vitest';
import { monotonic } from '../support/moments.ts';
import { Admission } from '../../src/identity/admission.ts';
import { ADMISSION } from '../../src/limits/identity.ts';

describe('admission', () => {
  const bounds = { unauthenticatedConnections: 10, unauthenticatedPerSource: 5 };

  it('lets the newest in, and the oldest of the same source go', () => {
    const admission = new Admission(bounds);
    const evicted: number[] = [];
    for (let i = 0; i < 8; i++) admission.admit('a', () => evicted.push(i));
    expect(evicted).toEqual([0, 1, 2]);
    expect(admission.unauthenticated).toBe(5);
  });

  it('makes room in the source with most when all places are taken', () => {
    const admission = new Admission(bounds);
    const evicted: string[] = [];
    for (let i = 0; i < 5; i++) admission.admit('noisy', () => evicted.push('noisy'));
    for (let i = 0; i < 5; i++) admission.admit(`quiet ${i}`, () => evicted.push('quiet'));
    for (let i = 0; i < 3; i++) admission.admit(`new ${i}`, () => evicted.push('new'));
    expect(evicted).toEqual(['noisy', 'noisy', 'noisy']);
    expect(admission.unauthenticated).toBe(10);
  });

  it('counts a connection until its login or its end, once', () => {
    const admission = new Admission(bounds);
    const slot = admission.admit('a', () => undefined);
    slot.succeeded();
    slot.release();
    slot.release();
    expect(admission.unauthenticated).toBe(0);
  });

  it('answers the first failures at once, then later and later, with an end to it', () => {
    let nowMs = 0;
    const admission = new Admission({ ...bounds, nowMs: () => monotonic(nowMs) });
    const slot = admission.admit('a', () => undefined);
    const delays = Array.from({ length: 100 }, () => slot.failed());
    expect(delays.slice(0, ADMISSION.freeFailures).every((delay) => delay === 0)).toBe(true);
    expect(Math.max(...delays)).toBe(ADMISSION.delayMaxMs);
    expect(admission.admit('b', () => undefined).failed()).toBe(0);
    nowMs += ADMISSION.forgetMs;
    expect(slot.failed()).toBe(0);
  });

  it('forgets the failures of a source that logged in', () => {
    const admission = new Admission(bounds);
    const slot = admission.admit('a', () => undefined);
    for (let i = 0; i < 20; i++) slot.failed();
    slot.succeeded();
    expect(admission.admit('a', () => undefined).failed()).toBe(0);
  });

  it('keeps count of a bounded number of sources', () => {
    const admission = new Admission({
      unauthenticatedConnections: 1e9,
      unauthenticatedPerSource: 5,
    });
    for (let i = 0; i < ADMISSION.sources + 10; i++) {
      const slot = admission.admit(`s${i}`, () => undefined);
      slot.failed();
      slot.release();
    }
    expect(admission.unauthenticated).toBe(0);
  });
});
