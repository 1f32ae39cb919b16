// Denials and failed logins: singly up to a limit, then counted.
import { describe, expect, it, vi } from 'vitest';
import { RefusalLog } from '../../src/audit/refusals.ts';
import { Share } from '../../src/audit/room.ts';
import { REFUSALS } from '../../src/limits/audit.ts';
import { Written } from './written.ts';

const SHARE = new Share();

describe('refusals', () => {
  const refused = (share: Share, subject = 'job') => ({ share, issuer: 'https://issuer', subject });

  it('are recorded singly up to a limit, then counted', () => {
    const log = new Written();
    const counted = vi.fn();
    const refusals = new RefusalLog(log, { onCounted: counted });
    for (let i = 0; i < REFUSALS.singlyPerScope + 1_000; i++) {
      refusals.refused(refused(SHARE), () => ({ kind: 'decision', session: 's', reason: `${i}` }));
    }
    refusals.failedLogin('10.0.0.1', { kind: 'auth', session: null });
    expect(log.entries).toHaveLength(REFUSALS.singlyPerScope + 1);
    expect(counted).toHaveBeenCalledTimes(1_000);
    refusals.flush();
    expect(log.entries.at(-1)).toMatchObject({ kind: 'decision', count: 1_000 });
    refusals.close();
  });

  it('have a limit for all of a role and for all sources, and leave other roles theirs', () => {
    const log = new Written();
    const refusals = new RefusalLog(log);
    const [flooding, quiet] = [new Share(), new Share()];
    for (let i = 0; i < 20_000; i++) {
      refusals.refused(refused(flooding, `job ${i}`), () => ({ kind: 'decision', session: null }));
      refusals.failedLogin(`10.0.${i >> 8}.${i & 255}`, { kind: 'auth', session: null });
    }
    expect(log.entries).toHaveLength(2 * REFUSALS.singlyPerGroup);
    refusals.refused(refused(quiet), () => ({ kind: 'decision', session: 'quiet' }));
    expect(log.entries.at(-1)).toMatchObject({ session: 'quiet' });
    refusals.close();
    const count = log.entries.reduce((sum, one) => sum + (one.count ?? 1), 0);
    expect(count).toBe(2 * 20_000 + 1);
    expect(log.entries.length).toBeLessThan(2 * REFUSALS.singlyPerGroup + 2 * REFUSALS.scopes + 4);
  });

  it('wait for room only where they would have a record of their own', () => {
    const log = new Written(REFUSALS.recordBytes * 4);
    const refusals = new RefusalLog(log);
    const who = refused(log.room.newShare());
    expect(refusals.mustWait(who)).toBe(false);
    log.room.take(log.room.newShare(), REFUSALS.recordBytes * 4);
    expect(refusals.mustWait(who)).toBe(true);
    for (let i = 0; i < REFUSALS.singlyPerScope; i++) {
      refusals.refused(who, () => ({ kind: 'decision', session: null }));
    }
    expect(refusals.mustWait(who)).toBe(false);
    refusals.close();
  });
});
