// Records that are written singly up to each of their bounds, then counted.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CountedLog, type Bounds, type Who } from '../../src/audit/counted-log.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { Share } from '../../src/audit/room.ts';
import { LEDGER, REFUSALS, SESSION_RECORDS } from '../../src/limits/audit.ts';
import { Written } from './written.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

const SHARE = new Share();
const who = (subject: string, share = SHARE): Who => ({ share, issuer: 'https://issuer', subject });
const entry = (reason = ''): AuditEntry => ({ kind: 'decision', session: null, reason });

/** How many of these get a record of their own. */
function singles(log: CountedLog, subjects: Iterable<string>): number {
  let count = 0;
  for (const subject of subjects) if (log.record(who(subject), () => entry())) count++;
  return count;
}
const same = (count: number): string[] => Array<string>(count).fill('job');
const others = (count: number): string[] =>
  Array.from({ length: count }, (_unused, i) => `job ${i}`);

describe.each<[string, Bounds]>([
  ['refusals', REFUSALS],
  ['sessions', SESSION_RECORDS],
])('the bounds of %s', (_what, bounds) => {
  const log = (over: Partial<Bounds> = {}) => new CountedLog(new Written(), { ...bounds, ...over });

  it('give one principal so many records', () => {
    expect(singles(log(), same(bounds.singlyPerScope + 1))).toBe(bounds.singlyPerScope);
  });

  it('give all of a role so many, but for the first of each who is to be named', () => {
    const { singlyPerGroup } = bounds;
    const counted = log({ singlyPerScope: Infinity, bytesPerGroup: Infinity });
    expect(singles(counted, same(singlyPerGroup + 1))).toBe(singlyPerGroup);
    expect(singles(counted, ['another'])).toBe(bounds.namesEach ? 1 : 0);
  });

  it('give all of a role so many bytes', () => {
    const counted = log({ singlyPerScope: Infinity, singlyPerGroup: Infinity });
    const each = JSON.stringify(entry('x'.repeat(900))).length + LEDGER.linkBytes;
    const most = Math.ceil(bounds.bytesPerGroup / each);
    let count = 0;
    for (let i = 0; i <= most; i++) {
      if (counted.record(who('job'), () => entry('x'.repeat(900)))) count++;
    }
    expect(count).toBe(most);
  });

  it('count so many principals apart', () => {
    const written = new Written();
    const counted = new CountedLog(written, {
      ...bounds,
      singlyPerScope: 0,
      singlyPerGroup: 0,
      namesEach: false,
    });
    singles(counted, others(bounds.scopes + 5));
    counted.close();
    // One record for each, and one for all the others together.
    expect(written.entries).toHaveLength(bounds.scopes + 1);
    expect(written.entries.at(-1)?.count).toBe(5);
  });

  it('name each beyond them, or none', () => {
    const counted = log({ scopes: 2, singlyPerGroup: 2 });
    expect(singles(counted, others(6))).toBe(bounds.namesEach ? 6 : 2);
  });
});

describe('what was counted', () => {
  const bounds: Bounds = {
    singlyPerScope: 1,
    singlyPerGroup: 9,
    bytesPerGroup: 1e9,
    scopes: 9,
    namesEach: false,
  };

  it('is written each time the interval is over, and a new one begins', () => {
    const written = new Written();
    const log = new CountedLog(written, bounds);
    singles(log, same(4));
    vi.advanceTimersByTime(REFUSALS.intervalMs - 1);
    expect(written.entries).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(written.entries).toHaveLength(2);
    expect(written.entries[1]).toMatchObject({ count: 3 });
    expect(singles(log, same(1))).toBe(1);
    log.close();
  });

  it('waits for room, and all of it is told when there is some', () => {
    const written = new Written(2 * REFUSALS.recordBytes);
    const share = written.room.newShare();
    const log = new CountedLog(written, bounds);
    log.record(who('job', share), () => entry());
    log.record(who('job', share), () => entry());
    const blocker = written.room.newShare();
    // One byte too few for a record.
    written.room.take(blocker, REFUSALS.recordBytes + 1);
    expect(log.mustWait(who('other', share))).toBe(true);
    vi.advanceTimersByTime(REFUSALS.intervalMs);
    log.record(who('job', share), () => entry());
    expect(written.entries).toHaveLength(1);
    written.room.give(blocker, 1);
    expect(log.mustWait(who('other', share))).toBe(false);
    vi.advanceTimersByTime(REFUSALS.intervalMs);
    expect(written.entries.at(-1)).toMatchObject({ count: 2 });
    log.close();
  });

  it('is charged while it is kept, and given back', () => {
    let held = 0;
    const log = new CountedLog(new Written(), bounds, {
      account: { add: (bytes) => (held += bytes) },
    });
    singles(log, [...same(3), ...others(3)]);
    expect(held).toBeGreaterThan(0);
    log.close();
    expect(held).toBe(0);
  });

  it('after its end is recorded singly', () => {
    const written = new Written();
    const log = new CountedLog(written, bounds);
    log.close();
    log.count(who('job'), () => entry('late'));
    expect(written.entries).toMatchObject([{ reason: 'late' }]);
  });
});
