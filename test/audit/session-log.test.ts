// Beginnings and ends of sessions: bounded, and each principal named.
import { describe, expect, it } from 'vitest';
import { Share } from '../../src/audit/room.ts';
import { SessionLog } from '../../src/audit/session-log.ts';
import { SESSION_RECORDS } from '../../src/limits/audit.ts';
import { Written } from './written.ts';

const SHARE = new Share();

describe('sessions', () => {
  it('name each principal in a minute, whatever the others of the role did', () => {
    const log = new Written();
    const sessions = new SessionLog(log);
    const start = (subject: string) => {
      const who = { share: SHARE, issuer: 'https://issuer', subject };
      const entry = (kind: 'session_start' | 'session_end') => () =>
        ({ kind, session: null, reason: subject }) as const;
      sessions.ended(who, sessions.started(who, entry('session_start')), entry('session_end'));
    };
    for (let i = 0; i < 2 * SESSION_RECORDS.scopes; i++) start(`job ${i}`);
    for (let i = 0; i < 1_000; i++) start('job 0');
    sessions.close();
    // A session that ends after that, and whose beginning was counted.
    const late = { share: SHARE, issuer: 'https://issuer', subject: 'late' };
    sessions.ended(late, false, () => ({ kind: 'session_end', session: 'late' }));
    expect(log.entries.pop()).toMatchObject({ session: 'late' });
    for (const kind of ['session_start', 'session_end']) {
      const ones = log.entries.filter((one) => one.kind === kind);
      expect(new Set(ones.map(({ reason }) => reason)).size).toBe(2 * SESSION_RECORDS.scopes);
      expect(ones.length).toBe(2 * SESSION_RECORDS.scopes + 1);
      const sum = ones.reduce((total, { count }) => total + (count ?? 1), 0);
      expect(sum).toBe(2 * SESSION_RECORDS.scopes + 1_000);
    }
  });

  it('of one principal have records of their own up to a number, and so have their ends', () => {
    const log = new Written();
    const sessions = new SessionLog(log);
    const who = { share: SHARE, issuer: 'https://issuer', subject: 'job' };
    const singles: boolean[] = [];
    for (let i = 0; i <= SESSION_RECORDS.singlyPerScope; i++) {
      singles.push(sessions.started(who, () => ({ kind: 'session_start', session: `${i}` })));
    }
    expect(singles.indexOf(false)).toBe(SESSION_RECORDS.singlyPerScope);
    expect(log.entries).toHaveLength(SESSION_RECORDS.singlyPerScope);
    singles.forEach((isSingle, i) =>
      sessions.ended(who, isSingle, () => ({ kind: 'session_end', session: `${i}` })),
    );
    expect(log.entries).toHaveLength(2 * SESSION_RECORDS.singlyPerScope);
    sessions.flush();
    expect(log.entries.slice(-2)).toMatchObject([
      { kind: 'session_start', count: 1 },
      { kind: 'session_end', count: 1 },
    ]);
    sessions.close();
  });
});
