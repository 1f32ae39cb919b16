// The lock that gates share, over a table that behaves as Cassandra's: never held by two, whatever answers
// are lost on the way.
import type * as machine from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { later, monotonicMs } from '../../src/clock.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { LANE } from '../../src/limits/fleet.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { HeldLock } from '../../src/fleet/ddl-lane.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { OwnQueries } from '../../src/upstream/own-query.ts';
import { LockTable } from '../../src/fleet/fleet-lock.ts';

const TTL_MS = LANE.lockTtlSeconds * 1000;

function frame(opcode: number, body: Buffer): Frame {
  const bytes = encodeFrame({ version: 4, opcode, streamId: 0, body });
  return new Frame(bytes, 0, bytes.length);
}

function rowOf(cells: Record<string, Buffer>): Frame {
  const type = { code: TypeCode.BLOB, bytes: Buffer.from([0, TypeCode.BLOB]) };
  const columns = Object.keys(cells).map((name) => ({ keyspace: 'k', table: 't', name, type }));
  return frame(Opcode.RESULT, encodeRows({ columns, rows: [Object.values(cells)] }));
}

const error = (code: number): Frame =>
  frame(Opcode.ERROR, new Writer().writeInt(code).writeString('no').toBuffer());

/** A way to the table: whole, cut before the node has the query, or cut before its answer is back. */
type Way = 'whole' | 'cut' | 'answers lost' | number;

/** The one table, with rows that end by their time to live; its clock is nobody else's. */
class Cluster {
  readonly #rows = new Map<string, { owner: string; endsAtMs: number }>();
  exists = true;

  get owner(): string | null {
    const row = this.#rows.get('ddl ks');
    return row === undefined || row.endsAtMs <= performance.now() ? null : row.owner;
  }

  set(owner: string | null): void {
    if (owner === null) this.#rows.delete('ddl ks');
    else this.#rows.set('ddl ks', { owner, endsAtMs: performance.now() + TTL_MS });
  }

  answer(query: string): Frame {
    if (query.includes('system_schema.tables')) {
      return this.exists ? rowOf({ table_name: Buffer.from('locks') }) : EMPTY;
    }
    if (!this.exists) return error(CqlErrorCode.INVALID);
    const given = this.owner;
    const [wanted, expected] = [/^INSERT.*, '([^']*)'\)/, /IF owner = '([^']*)'$/].map(
      (pattern) => pattern.exec(query)?.[1],
    );
    const isApplied = wanted === undefined ? given === expected : given === null;
    if (isApplied) this.set(query.startsWith('DELETE') ? null : (wanted ?? given));
    return rowOf({
      '[applied]': Buffer.from([isApplied ? 1 : 0]),
      ...(isApplied || given === null ? {} : { owner: Buffer.from(given) }),
    });
  }
}

const EMPTY = frame(Opcode.RESULT, encodeRows({ columns: [], rows: [] }));

class Gate {
  way: Way = 'whole';
  readonly told: string[] = [];
  readonly queries: string[] = [];
  readonly table: LockTable;

  constructor(cluster: Cluster) {
    const ask = async (query: string): Promise<Frame> => {
      await Promise.resolve();
      this.queries.push(query);
      const { way } = this;
      if (typeof way === 'number' && !query.includes('system_schema')) return error(way);
      if (way === 'cut') throw new UpstreamFault('unreachable', 'the control connection is down');
      const answer = cluster.answer(query);
      if (way === 'answers lost') throw new UpstreamFault('timeout', 'no answer');
      return answer;
    };
    this.table = new LockTable('cqlgate', new OwnQueries(ask), {
      shared: (isShared) => this.told.push(isShared ? 'shared' : 'alone'),
      lost: (name) => this.told.push(`lost ${name}`),
    });
  }

  async acquire(waitMs = 60_000): Promise<HeldLock | null> {
    return this.table.acquire('ddl ks', later(monotonicMs(), waitMs));
  }
}

let cluster: Cluster;
let one: Gate;
let two: Gate;

/** How long the machine slept: its uptime counts that, the clocks of its timers do not. */
let sleptMs = 0;
vi.mock('node:os', async (original) => {
  const os = await original<typeof machine>();
  return { ...os, uptime: () => os.uptime() + sleptMs / 1000 };
});

beforeEach(() => {
  sleptMs = 0;
  vi.useFakeTimers();
  cluster = new Cluster();
  one = new Gate(cluster);
  two = new Gate(cluster);
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = async (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

/** What a promise came to, without waiting for it. */
function watch<T>(promise: Promise<T>): {
  readonly value: T | null;
  readonly fault: string | null;
} {
  const seen = { value: null as T | null, fault: null as string | null };
  promise.then(
    (value) => (seen.value = value),
    (fault: unknown) => (seen.fault = (fault as Error).message),
  );
  return seen;
}

describe('the lock', () => {
  it('is held by one gate, beyond its time to live, and by the next once it is given back', async () => {
    const held = await one.acquire();
    const other = watch(two.acquire(120_000));
    await pass(2 * TTL_MS);
    expect(held?.isHeld).toBe(true);
    expect(other.value).toBeNull();
    await held?.release();
    expect(held?.isHeld).toBe(false);
    await pass(LANE.pollMaxMs);
    expect(other.value?.isHeld).toBe(true);
    expect(one.told).toEqual(['shared']);
  });

  it('of a gate that is cut off is lost before another gate can have it', async () => {
    const held = (await one.acquire())!;
    one.way = 'cut';
    const other = watch(two.acquire(120_000));
    const startedAtMs = performance.now();
    while (other.value === null) {
      await pass(100);
      if (other.value !== null) break;
      expect(performance.now() - startedAtMs).toBeLessThan(TTL_MS + 1_000);
    }
    expect(held.isHeld).toBe(false);
    expect(one.told).toEqual(['shared', 'lost ddl ks']);
  });

  it('counts from the last renewal that was answered, not from one that was only sent', async () => {
    const held = (await one.acquire())!;
    one.way = 'answers lost';
    await pass(TTL_MS - LANE.marginMs - 1);
    expect(held.isHeld).toBe(true);
    await pass(1);
    expect(held.isHeld).toBe(false);
  });

  it('is lost at once when the table says that it is another gate’s', async () => {
    const held = (await one.acquire())!;
    cluster.set('somebody');
    await pass(LANE.renewMs);
    expect(held.isHeld).toBe(false);
    await pass(TTL_MS);
    expect(one.told).toEqual(['shared', 'lost ddl ks']);
  });

  it('is not believed for longer when the clock of the gate is set back', async () => {
    const held = (await one.acquire())!;
    one.way = 'cut';
    vi.setSystemTime(Date.now() - 3_600_000);
    await pass(TTL_MS - LANE.marginMs);
    expect(held.isHeld).toBe(false);
  });

  it('is not believed after a sleep of the machine in which it ended', async () => {
    const held = (await one.acquire())!;
    sleptMs = TTL_MS - LANE.marginMs - 1_000;
    expect(held.isHeld).toBe(true);
    sleptMs += 1_000;
    expect(held.isHeld).toBe(false);
  });

  it('that was made though the answer was lost is found, and counted from when that was known', async () => {
    one.way = 'answers lost';
    const got = watch(one.acquire());
    await pass(0);
    expect(cluster.owner).not.toBeNull();
    one.way = 'cut';
    await pass(TTL_MS - 10_000);
    one.way = 'whole';
    await pass(LANE.pollMaxMs);
    const held = got.value!;
    one.way = 'cut';
    for (let ms = 0; ms < 2 * TTL_MS && held.isHeld; ms += 100) {
      expect(cluster.owner).not.toBeNull();
      await pass(100);
    }
    expect(held.isHeld).toBe(false);
  });

  it('that can not be had in time is refused with whose fault it is', async () => {
    await one.acquire();
    const busy = watch(two.acquire(2_000));
    await pass(2_000);
    expect(busy.fault).toMatch(/another gate of the fleet/);
    two.way = CqlErrorCode.UNAVAILABLE;
    const unavailable = watch(two.acquire(2_000));
    await pass(2_000);
    expect(unavailable.fault).toMatch(/can't be asked for: no/);
  });

  it('that was asked for in vain is not left behind', async () => {
    one.way = 'answers lost';
    const got = watch(one.acquire(1_000));
    await pass(1_000);
    expect(got.fault).toMatch(/no answer/);
    one.way = 'whole';
    await pass(LANE.pollMaxMs);
    expect(cluster.owner).toBeNull();
  });

  it('is given back again and again while the cluster is away', async () => {
    const held = (await one.acquire())!;
    one.way = 'cut';
    let isBack = false;
    void held.release().then(() => (isBack = true));
    await pass(3_000);
    expect(isBack).toBe(false);
    one.way = 'whole';
    await pass(LANE.pollMaxMs);
    expect(isBack).toBe(true);
    expect(cluster.owner).toBeNull();
    expect(one.told).toEqual(['shared']);
  });

  it('is not given back for ever: it ends by itself', async () => {
    const held = (await one.acquire())!;
    one.way = 'cut';
    let isBack = false;
    void held.release().then(() => (isBack = true));
    await pass(TTL_MS + LANE.pollMaxMs);
    expect(isBack).toBe(true);
    const asked = one.queries.length;
    await pass(TTL_MS);
    expect(one.queries).toHaveLength(asked);
  });

  it('of another gate is not given back in its place', async () => {
    const held = (await one.acquire())!;
    cluster.set('somebody');
    await held.release();
    expect(cluster.owner).toBe('somebody');
  });
});

describe('a fleet without a table of locks', () => {
  it.each([CqlErrorCode.INVALID, CqlErrorCode.UNAUTHORIZED])(
    'locks nothing (%d), says so once, and is looked at again later',
    async (code) => {
      cluster.exists = false;
      one.way = code;
      expect(await one.acquire()).toBeNull();
      const asked = one.queries.length;
      await pass(LANE.absentPollMs - 1);
      expect(await one.acquire()).toBeNull();
      expect(one.queries).toHaveLength(asked);
      expect(one.table.isShared).toBe(false);
      await pass(1);
      expect(await one.acquire()).toBeNull();
      expect(one.queries.length).toBeGreaterThan(asked);
      cluster.exists = true;
      one.way = 'whole';
      await pass(LANE.absentPollMs);
      expect((await one.acquire())?.isHeld).toBe(true);
      expect(one.told).toEqual(['alone', 'shared']);
    },
  );

  it('is no fleet whose table is closed to the gate: nothing is changed beside the others', async () => {
    one.way = CqlErrorCode.UNAUTHORIZED;
    await expect(one.acquire()).rejects.toThrow(/is there, but the gate may not use it.*provision/);
    expect(one.told).toEqual([]);
    one.way = 'whole';
    expect((await one.acquire())?.isHeld).toBe(true);
  });
});
