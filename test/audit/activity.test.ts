// Counting instead of recording: permitted rows by statement and minute, refusals beyond a limit.
import { describe, expect, it, vi } from 'vitest';
import { ActivityLog, type ActivitySource } from '../../src/audit/activity.ts';
import type { AuditEntry, AuditLog } from '../../src/audit/record.ts';
import { RefusalLog } from '../../src/audit/refusals.ts';
import { SessionLog } from '../../src/audit/session-log.ts';
import { Room, Share } from '../../src/audit/room.ts';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { ACTIVITY, LEDGER, REFUSALS, SESSION_RECORDS } from '../../src/limits/audit.ts';
import { TURN } from '../../src/limits/session.ts';
import { inLaterTurn, turnWork } from '../../src/turn.ts';

class Written implements AuditLog {
  readonly entries: AuditEntry[] = [];
  readonly writable = true;
  readonly room: Room;
  constructor(maxBytes = Infinity) {
    this.room = new Room(maxBytes, () => true);
  }
  async durable(): Promise<boolean> {
    return Promise.resolve(true);
  }
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
});

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
});

describe('room in the queue', () => {
  it('is left by one role for the others, and served to them in turn', async () => {
    const room = new Room(1_000, () => true);
    const [a, b] = [room.share('a'), room.share('b')];
    let kept = 0;
    while (room.keep(a, 10, false)) kept += 10;
    expect(kept).toBe(500);
    expect(room.keep(b, 100, false)).toBe(true);
    const order: string[] = [];
    const waits = [a, a, a, b].map(async (share) =>
      room.keepWithin(share, 200, false, 60_000).then(() => order.push(share === a ? 'a' : 'b')),
    );
    // The last needs no wait.
    await waits[3];
    expect(order).toEqual(['b']);
    room.give(a, 500);
    room.serve();
    await waits[0];
    expect(order).toEqual(['b', 'a', 'a']);
    room.close();
    await Promise.all(waits);
  });

  it('is not had past its time, nor by more than may wait', async () => {
    let isDiskFine = false;
    const room = new Room(1_000, () => isDiskFine);
    const share = room.share('a');
    expect(await room.keepWithin(share, 1, true, 5)).toBe(false);
    expect(room.waiting).toBe(0);
    const waits = Array.from({ length: LEDGER.waitersPerShare }, async () =>
      room.keepWithin(share, 0, true, 60_000),
    );
    expect(await room.keepWithin(share, 0, true, 60_000)).toBe(false);
    isDiskFine = true;
    room.serve();
    expect(await Promise.all(waits)).not.toContain(false);
  });
});
