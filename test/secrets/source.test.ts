// The login of one Cassandra role: one object until its secret changes, kept while it can not be read.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { wallAt } from '../../src/clock.ts';
import { SECRETS } from '../../src/limits/services.ts';
import { SecretFault } from '../../src/secrets/fault.ts';
import type { Reading } from '../../src/secrets/reader.ts';
import { SecretSource } from '../../src/secrets/source.ts';

let reads: string[];
let reading: Partial<Reading>;
let fault: Error | null;
let told: string[];

beforeEach(() => {
  reads = [];
  reading = {};
  fault = null;
  told = [];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.spyOn(Math, 'random').mockReturnValue(1);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function sourceOf(close?: () => Promise<void>): SecretSource {
  const reader = {
    read: async (why: 'due' | 'refused') => {
      reads.push(why);
      await Promise.resolve();
      if (fault !== null) throw fault;
      const usual = {
        username: 'u',
        password: 'p',
        sinceMs: wallAt(0),
        lease: null,
        againInMs: null,
      };
      return { ...usual, ...reading };
    },
    usernames: () => ['u'],
    ...(close === undefined ? {} : { close }),
  };
  return new SecretSource('ci', reader, {
    failed: (name, { message }) => told.push(`failed ${name}: ${message}`),
    changed: (name) => told.push(`changed ${name}`),
  });
}

describe('a login', () => {
  it('is the same object until its secret changes', async () => {
    const source = sourceOf();
    expect(() => source.current()).toThrow(/was not read yet/);
    await source.start();
    const first = source.current();
    await source.start();
    expect(source.current()).toBe(first);
    reading = { certificate: { cert: 'c', key: 'k' } };
    await source.start();
    const second = source.current();
    expect(second).toMatchObject({ certificate: { cert: 'c' } });
    reading = { ...reading, password: 'q' };
    await source.start();
    expect(source.current()).not.toBe(second);
    expect(told).toEqual(['changed ci', 'changed ci', 'changed ci']);
    expect(source.ageMs(wallAt(5_000))).toBe(5_000);
  });

  it('is read again when it is due', async () => {
    reading = { againInMs: 1_000 };
    const source = sourceOf();
    await source.start();
    await vi.advanceTimersByTimeAsync(999);
    expect(reads).toEqual(['due']);
    await vi.advanceTimersByTimeAsync(1);
    expect(reads).toEqual(['due', 'due']);
    await source.close();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(reads).toHaveLength(2);
  });

  it('is kept while it can not be read: that is told once, and tried again later and later', async () => {
    const source = sourceOf();
    await source.start();
    fault = new SecretFault('gone');
    await expect(source.start()).rejects.toBe(fault);
    await vi.advanceTimersByTimeAsync(SECRETS.retryMinMs - 1);
    expect(reads).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(reads).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(2 * SECRETS.retryMinMs - 1);
    expect(reads).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(reads).toHaveLength(4);
    expect([told, source.problem]).toEqual([['changed ci', 'failed ci: gone'], 'gone']);
    expect(source.current()).toMatchObject({ password: 'p' });
    fault = null;
    await vi.advanceTimersByTimeAsync(4 * SECRETS.retryMinMs);
    expect([source.problem, reads.length]).toEqual([null, 5]);
  });

  it('that was refused is read anew, but not again within the cool-down', async () => {
    const source = sourceOf();
    await source.start();
    await source.refresh();
    await vi.advanceTimersByTimeAsync(SECRETS.refreshCoolDownMs - 1);
    expect(await source.refresh()).toBe(source.current());
    expect(reads).toEqual(['due', 'refused']);
    await vi.advanceTimersByTimeAsync(1);
    await source.refresh();
    expect(reads).toEqual(['due', 'refused', 'refused']);
  });

  it('is not tried again by itself before it was ever read', async () => {
    fault = new Error('ours');
    const source = sourceOf();
    await expect(source.start()).rejects.toThrow(SecretFault);
    await vi.advanceTimersByTimeAsync(SECRETS.retryMaxMs);
    expect(reads).toEqual(['due']);
  });

  it('gives back what it holds in Vault', async () => {
    const close = vi.fn(async () => Promise.resolve());
    const source = sourceOf(close);
    await source.start();
    await source.close();
    expect(close).toHaveBeenCalledTimes(1);
  });
});
