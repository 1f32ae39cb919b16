// Counting instead of recording: permitted rows by statement and minute, refusals beyond a limit.
import { describe, expect, it } from 'vitest';
import { ActivityLog } from '../../src/audit/activity.ts';
import type { AuditEntry, AuditLog } from '../../src/audit/record.ts';
import { RefusalLog } from '../../src/audit/refusals.ts';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { ACTIVITY, REFUSALS } from '../../src/limits.ts';

class Written implements AuditLog {
  readonly entries: AuditEntry[] = [];
  readonly writable = true;
  append(entry: AuditEntry): string {
    this.entries.push(entry);
    return 'id';
  }
  async appendDurably(entry: AuditEntry): Promise<string> {
    return Promise.resolve(this.append(entry));
  }
}

function statement(text: string): Statement {
  const found = analyse(text, null);
  if (!isStatement(found)) throw new Error(found.reason);
  return found;
}

const describeHit = (source: string): AuditEntry => ({
  kind: 'activity',
  session: null,
  reason: source,
});

describe('activity', () => {
  it('is one record for a session and statement, with counts', () => {
    const log = new Written();
    const activity = new ActivityLog<string>(log, describeHit);
    const [a, b] = [statement('SELECT * FROM k.a'), statement('SELECT * FROM k.b')];
    const session = {};
    for (let i = 0; i < 10; i++) activity.hit(session, a, 'a', i === 0);
    activity.hit(session, b, 'b', false);
    activity.hit({}, a, 'other', false);
    expect(log.entries).toEqual([]);
    activity.flush();
    activity.close();
    expect(log.entries.map(({ reason, count, errors }) => [reason, count, errors])).toEqual([
      ['a', 10, 1],
      ['b', 1, 0],
      ['other', 1, 0],
    ]);
  });

  it('writes early what grows beyond its bound', () => {
    const log = new Written();
    const activity = new ActivityLog<string>(log, describeHit);
    const session = {};
    for (let i = 0; i <= ACTIVITY.statementsPerSession; i++) {
      activity.hit(session, statement(`SELECT * FROM k.t${i}`), `${i}`, false);
    }
    expect(log.entries).toHaveLength(ACTIVITY.statementsPerSession);
    activity.close();
    expect(log.entries).toHaveLength(ACTIVITY.statementsPerSession + 1);
  });
});

describe('refusals', () => {
  it('are recorded singly up to a limit, then counted', () => {
    const log = new Written();
    const refusals = new RefusalLog(log);
    const session = {};
    for (let i = 0; i < REFUSALS.singlyPerScope + 1_000; i++) {
      refusals.refused(session, { kind: 'decision', session: 's', reason: `${i}` });
    }
    refusals.failedLogin('10.0.0.1', { kind: 'auth', session: null });
    expect(log.entries).toHaveLength(REFUSALS.singlyPerScope + 1);
    refusals.flush();
    expect(log.entries.at(-1)).toMatchObject({ kind: 'decision', count: 1_000 });
    refusals.close();
  });
});
