// Counting instead of recording: permitted rows by statement and minute, refusals beyond a limit.
import { describe, expect, it, vi } from 'vitest';
import { ActivityLog, type ActivitySource } from '../../src/audit/activity.ts';
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

/** Statements of one table are alike. */
const source: ActivitySource<string> = {
  shape: (_said, { tables }) => tables[0]?.table ?? null,
  describe: (said, _statement, index) => ({
    kind: 'activity',
    session: null,
    reason: index < 0 ? said : `${said} ${index}`,
  }),
};

describe('activity', () => {
  it('is one record for a session and shape, with counts', () => {
    const log = new Written();
    const activity = new ActivityLog<string>(log, source);
    const [a, b] = [statement('SELECT * FROM k.a'), statement('SELECT * FROM k.b')];
    const session = {};
    for (let i = 0; i < 10; i++) activity.hit(session, a, i === 0, 'a', -1);
    for (const value of [1, 2, 3]) {
      activity.hit(session, statement(`SELECT * FROM k.a WHERE v = ${value}`), false, 'like a', -1);
    }
    activity.hit(session, b, false, 'b', 7);
    activity.hit({}, a, false, 'other', -1);
    expect(log.entries).toEqual([]);
    activity.flush();
    activity.close();
    expect(log.entries.map(({ reason, count, errors }) => [reason, count, errors])).toEqual([
      ['a', 13, 1],
      ['b 7', 1, 0],
      ['other', 1, 0],
    ]);
  });

  it('asks once for the shape of a statement that is kept, each time for one that is not', () => {
    const shape = vi.fn(source.shape);
    const activity = new ActivityLog<string>(new Written(), { ...source, shape });
    const [kept, fleeting] = [statement('SELECT * FROM k.a'), statement('SELECT * FROM k.a')];
    kept.isKept = true;
    const session = {};
    for (let i = 0; i < 5; i++) activity.hit(session, kept, false, '', -1);
    expect(shape).toHaveBeenCalledTimes(1);
    for (let i = 0; i < 5; i++) activity.hit(session, fleeting, false, '', -1);
    expect(shape).toHaveBeenCalledTimes(6);
    activity.close();
  });

  it('writes early what grows beyond its bound', () => {
    const log = new Written();
    const activity = new ActivityLog<string>(log, source);
    const session = {};
    for (let i = 0; i <= ACTIVITY.shapesPerSession; i++) {
      const one = statement(`SELECT * FROM k.t${i}`);
      one.isKept = true;
      activity.hit(session, one, false, `${i}`, -1);
    }
    expect(log.entries).toHaveLength(ACTIVITY.shapesPerSession);
    activity.close();
    expect(log.entries).toHaveLength(ACTIVITY.shapesPerSession + 1);
  });

  it('does not grow with texts that differ in values only', () => {
    const log = new Written();
    const activity = new ActivityLog<string>(log, source);
    const session = {};
    for (let i = 0; i < 10_000; i++)
      activity.hit(session, statement('SELECT * FROM k.t'), false, '', -1);
    expect(log.entries).toEqual([]);
    activity.close();
    expect(log.entries).toMatchObject([{ count: 10_000 }]);
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
