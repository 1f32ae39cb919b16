// Counting instead of recording: permitted rows by statement and minute.
import { describe, expect, it, vi } from 'vitest';
import { ActivityLog, type ActivitySource } from '../../src/audit/activity.ts';
import { Share } from '../../src/audit/room.ts';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { ACTIVITY, LEDGER } from '../../src/limits/audit.ts';
import { TURN } from '../../src/limits/session.ts';
import { inLaterTurn, turnWork } from '../../src/turn.ts';
import { limit } from '../support/limits.ts';
import { Written } from './written.ts';

function statement(text: string): Statement {
  const found = analyse(text, null);
  if (!isStatement(found)) throw new Error(found.reason);
  return found;
}

const SHARE = new Share();
const CHILD = [statement('SELECT * FROM k.a'), statement('SELECT * FROM k.b')];

/** Statements of one table are alike. */
const source: ActivitySource<string> = {
  share: () => SHARE,
  others: () => ({ kind: 'activity', session: null, reason: 'others' }),
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

  it('counts the children of large BATCHes over several turns, each once and in order', async () => {
    const log = new Written();
    const activity = new ActivityLog<string>(log, source);
    const children = Array.from({ length: 20_000 }, (_unused, n) => {
      return { text: '', statement: CHILD[n % 2]! };
    });
    const first = turnWork.turn;
    let most = 0;
    const add = vi.spyOn(turnWork, 'add').mockImplementation((units) => {
      turnWork.done += units;
      most = Math.max(most, turnWork.done);
    });
    const session = {};
    activity.hitAll(session, children, false, 'one');
    activity.hitAll(session, children.slice(0, 3), true, 'two');
    while (turnWork.turn - first < (2 * 20_000 * TURN.shape) / TURN.workPerSession) {
      inLaterTurn(() => undefined);
      await new Promise(setImmediate);
    }
    add.mockRestore();
    expect(most).toBeLessThanOrEqual(TURN.work + TURN.workPerSession + 2 * TURN.shape);
    activity.flush();
    expect(log.entries.map(({ reason, count, errors }) => [reason, count, errors])).toEqual([
      ['one 0', 10_002, 2],
      ['one 1', 10_001, 1],
    ]);
    activity.close();
  });

  it('writes the minute over several turns, each count once', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const log = new Written();
    const activity = new ActivityLog<string>(log, source);
    const sessions = Array.from({ length: 600 }, () => ({}));
    for (const session of sessions) {
      for (const child of CHILD) activity.hit(session, child, false, 'one', -1);
      if (turnWork.isSpent) await new Promise(setImmediate);
    }
    await new Promise(setImmediate);
    vi.advanceTimersByTime(ACTIVITY.intervalMs);
    vi.useRealTimers();
    const most = TURN.workPerSession / TURN.record + CHILD.length;
    expect(log.entries.length).toBeLessThanOrEqual(most);
    // In between some go on, and one ends.
    activity.hit(sessions[0]!, CHILD[0]!, false, 'next minute', -1);
    activity.flushSession(sessions.at(-1)!);
    let before = log.entries.length;
    do {
      before = log.entries.length;
      await new Promise(setImmediate);
      expect(log.entries.length - before).toBeLessThanOrEqual(TURN.work / TURN.record + most);
    } while (log.entries.length > before);
    expect(log.entries).toHaveLength(1_200);
    activity.close();
    expect(log.entries).toHaveLength(1_201);
    expect(log.entries.every(({ count }) => count === 1)).toBe(true);
  });

  it('counts at its end what it had put off', () => {
    const log = new Written();
    const activity = new ActivityLog<string>(log, source);
    const children = Array.from({ length: 5_000 }, () => ({ text: '', statement: CHILD[0]! }));
    activity.hitAll({}, children, false, 'one');
    activity.close();
    expect(log.entries.map(({ count }) => count)).toEqual([5_000]);
  });

  it('counts what is past the bound of a session or of a role as others', () => {
    const others = vi.fn();
    const log = new Written();
    const activity = new ActivityLog<string>(log, source, {
      bytesPerRole: 20_000,
      onOther: others,
    });
    for (const session of [{}, {}, {}]) {
      for (let i = 0; i < ACTIVITY.shapesPerSession; i++) {
        activity.hit(session, statement(`SELECT * FROM k.t${i}`), i % 2 === 0, `${i}`, -1);
      }
      // Its end begins no new count.
      activity.flushSession(session);
    }
    activity.close();
    const bytes = log.entries.reduce((sum, one) => sum + JSON.stringify(one).length, 0);
    expect(bytes).toBeLessThan(60_000);
    const all = log.entries.reduce((sum, { count }) => sum + (count ?? 0), 0);
    expect(all).toBe(3 * ACTIVITY.shapesPerSession);
    const rest = log.entries.filter(({ reason }) => reason === 'others');
    expect(rest).toHaveLength(1);
    expect(rest[0]!.count).toBe(others.mock.calls.length);
    expect(rest[0]!.errors).toBeGreaterThan(0);
  });

  it('goes on counting while there is no room, and writes it all in the end', () => {
    const log = new Written(100_000);
    const activity = new ActivityLog<string>(log, source);
    const blocker = log.room.newShare();
    log.room.take(blocker, 100_000);
    const [stays, leaves] = [{}, {}];
    const one = statement('SELECT * FROM k.a');
    for (let minute = 0; minute < 3; minute++) {
      activity.hit(stays, one, false, 'stays', -1);
      activity.hit(leaves, one, true, 'leaves', -1);
      activity.flush();
    }
    activity.flushSession(leaves);
    expect(log.entries).toEqual([]);
    log.room.give(blocker, 100_000);
    activity.flush();
    expect(log.entries.map(({ reason, count }) => [reason, count])).toEqual([
      ['leaves', 3],
      ['stays', 3],
    ]);
    activity.close();
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

  it('counts as many shapes of a session as it may apart, and no more', () => {
    limit(ACTIVITY, { shapesPerSession: 3 });
    const log = new Written();
    const others = vi.fn();
    const activity = new ActivityLog<string>(log, source, { onOther: others });
    const session = {};
    for (let i = 0; i < 3; i++)
      activity.hit(session, statement(`SELECT * FROM k.t${i}`), false, '', -1);
    expect(others).not.toHaveBeenCalled();
    activity.hit(session, statement('SELECT * FROM k.more'), false, '', -1);
    activity.hit(session, statement('SELECT * FROM k.t0'), false, '', -1);
    expect(others).toHaveBeenCalledTimes(1);
    activity.close();
    expect(log.entries.map(({ count }) => count)).toEqual([2, 1, 1, 1]);
  });

  it('counts shapes apart until the records of a session have as many bytes as they may', () => {
    const recorded = (bytes: number) => {
      limit(ACTIVITY, { bytesPerSession: bytes });
      const others = vi.fn();
      const activity = new ActivityLog<string>(new Written(), source, { onOther: others });
      const session = {};
      for (const table of ['a', 'b']) {
        activity.hit(session, statement(`SELECT * FROM k.${table}`), false, '', -1);
      }
      activity.close();
      return others.mock.calls.length;
    };
    const entry = { kind: 'activity', session: null, reason: '' };
    const one = JSON.stringify(entry).length + LEDGER.linkBytes;
    expect([recorded(one + 1), recorded(one)]).toEqual([0, 1]);
  });

  it('keeps the counts of as many statements of a session by themselves as it may', () => {
    limit(ACTIVITY, { statementsPerSession: 2 });
    const shape = vi.fn(source.shape);
    const activity = new ActivityLog<string>(new Written(), { ...source, shape });
    const session = {};
    const kept = [1, 2, 3].map(() =>
      Object.assign(statement('SELECT * FROM k.a'), { isKept: true }),
    );
    for (let round = 0; round < 3; round++) {
      for (const one of kept) activity.hit(session, one, false, '', -1);
    }
    // Of two it is worked out once, of the third each time.
    expect(shape).toHaveBeenCalledTimes(2 + 3);
    activity.close();
  });

  it('writes the counts of sessions that ended in goes, and those who are there in between', () => {
    limit(ACTIVITY, { writtenAtOnce: 2 });
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    limit(TURN, { workPerSession: 1 });
    const log = new Written(100_000);
    const activity = new ActivityLog<string>(log, source);
    const blocker = log.room.newShare();
    log.room.take(blocker, 100_000);
    for (let i = 0; i < 5; i++) {
      const session = {};
      activity.hit(session, CHILD[0]!, false, `${i}`, -1);
      activity.flushSession(session);
    }
    log.room.give(blocker, 100_000);
    vi.advanceTimersByTime(ACTIVITY.intervalMs - 1);
    expect(log.entries).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(log.entries).toHaveLength(2);
    vi.useRealTimers();
    activity.close();
    expect(log.entries).toHaveLength(5);
  });
});
