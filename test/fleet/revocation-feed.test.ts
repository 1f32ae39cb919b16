// The fleet's list: what a gate does with a table that is there, absent, closed to it, or out of reach.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { epochMs, wallMs } from '../../src/clock.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { REVOCATION } from '../../src/limits/fleet.ts';
import { Consistency } from '../../src/protocol/consistency.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { newRevocation, Revocations, type Revocation } from '../../src/revocation/revocations.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { OwnQueries } from '../../src/upstream/own-query.ts';
import { RevocationFeed } from '../../src/fleet/revocation-feed.ts';
import { RevocationTable } from '../../src/fleet/revocation-table.ts';

/** Rows, an error's code, or no answer. */
type Answer = 'rows' | number | 'down';

/** A cluster with the one table, as the gate's control connection sees it. */
class Fleet {
  readonly rows: Buffer[][] = [];
  readonly queries: string[] = [];
  read: Answer = 'rows';
  write: Answer = 'rows';
  exists = true;

  async ask(query: string, consistency: number): Promise<Frame> {
    await Promise.resolve();
    this.queries.push(query);
    if (query.includes('system_schema.tables')) {
      return result(this.exists ? [[Buffer.from('revocations')]] : []);
    }
    const isWrite = query.startsWith('INSERT');
    expect(consistency).toBe(isWrite ? Consistency.QUORUM : Consistency.LOCAL_QUORUM);
    const answer = isWrite ? this.write : this.read;
    if (answer === 'down') throw new UpstreamFault('unreachable', 'the control connection is down');
    if (answer !== 'rows') return error(answer);
    return isWrite ? VOID : result(this.rows);
  }

  put({ id, what, value, reason, revokedBy, revokedAtMs }: Revocation): void {
    const at = Buffer.alloc(8);
    at.writeBigInt64BE(BigInt(epochMs(revokedAtMs)));
    const texts = [what, '', value, reason, revokedBy].map((text) => Buffer.from(text));
    this.rows.push([Buffer.from(id.replaceAll('-', ''), 'hex'), ...texts, at]);
  }
}

function frame(opcode: number, body: Buffer): Frame {
  const bytes = encodeFrame({ version: 4, opcode, streamId: 0, body });
  return new Frame(bytes, 0, bytes.length);
}

function result(rows: Buffer[][]): Frame {
  const type = { code: TypeCode.BLOB, bytes: Buffer.from([0, TypeCode.BLOB]) };
  const columns = (rows[0] ?? []).map((_cell, i) => ({
    keyspace: 'k',
    table: 't',
    name: `c${i}`,
    type,
  }));
  return frame(Opcode.RESULT, encodeRows({ columns, rows }));
}

const VOID = frame(Opcode.RESULT, new Writer().writeInt(1).toBuffer());

const error = (code: number): Frame =>
  frame(Opcode.ERROR, new Writer().writeInt(code).writeString('no').toBuffer());

const revocation = (value: string, reason = 'x'): Revocation => {
  const asked = { what: 'subject', value, issuer: null, reason, revokedBy: 'people me' } as const;
  return newRevocation(asked, wallMs()) as Revocation;
};

let fleet: Fleet;
let revocations: Revocations;
let told: string[];
let feed: RevocationFeed;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  fleet = new Fleet();
  revocations = new Revocations();
  told = [];
  const queries = new OwnQueries(async (query, consistency) => fleet.ask(query, consistency));
  const table = new RevocationTable('cqlgate', queries);
  feed = new RevocationFeed(table, revocations, {
    shared: (isShared) => told.push(isShared ? 'shared' : 'alone'),
    failed: (fault) => told.push(fault.message),
  });
});

afterEach(() => {
  feed.close();
  vi.useRealTimers();
});

const known = () => revocations.all.map(({ value }) => value).sort();
const poll = async (times = 1) => vi.advanceTimersByTimeAsync(times * REVOCATION.pollMs + 10);
const writesOf = (value: string) =>
  fleet.queries.filter((query) => query.startsWith('INSERT') && query.includes(value)).length;

describe('a table that is there', () => {
  it('is read before anybody is let in, then each second', async () => {
    fleet.put(revocation('before'));
    await feed.start();
    expect(known()).toEqual(['before']);
    fleet.put(revocation('after'));
    await poll();
    expect(known()).toEqual(['after', 'before']);
    expect(told).toEqual(['shared']);
    expect(feed.ageSeconds).toBeLessThan(1);
  });

  it('gets what is revoked here, its quotes written as CQL has them', async () => {
    await feed.start();
    expect(await feed.revoke(revocation("o'hara", "'); DROP TABLE x; --"))).toBe(true);
    const insert = fleet.queries.find((query) => query.startsWith('INSERT'));
    expect(insert).toContain(`'o''hara', '''); DROP TABLE x; --', 'people me'`);
  });

  it('may be late with what was written: that holds all the same', async () => {
    await feed.start();
    await feed.revoke(revocation('own'));
    const { epoch } = revocations;
    // The replica that is asked does not have it yet.
    await poll(2);
    expect(known()).toEqual(['own']);
    expect(revocations.epoch).toBe(epoch);
    expect(writesOf('own')).toBe(1);
  });

  it('may be out of reach: what is known holds, that is said once, what is new is written later', async () => {
    fleet.put(revocation('before'));
    await feed.start();
    fleet.read = 'down';
    fleet.write = CqlErrorCode.UNAVAILABLE;
    expect(await feed.revoke(revocation('own'))).toBe(false);
    await poll(5);
    expect(known()).toEqual(['before', 'own']);
    expect(told).toEqual(['shared', expect.stringContaining('could not be written')]);
    expect(feed.ageSeconds).toBeGreaterThanOrEqual(5);
    fleet.read = 'rows';
    fleet.write = 'rows';
    await poll(2);
    expect(told.slice(2)).toEqual(['shared']);
    expect(writesOf('own')).toBe(2);
    expect(feed.ageSeconds).toBeLessThan(2);
  });

  it.each([CqlErrorCode.UNAUTHORIZED, CqlErrorCode.INVALID, CqlErrorCode.UNAVAILABLE])(
    'and answers %i lets nobody in: what it revokes would be good again',
    async (code) => {
      fleet.read = code;
      let started = false;
      const starting = feed.start().then(() => {
        started = true;
      });
      await poll(3);
      expect(started).toBe(false);
      expect(told).toEqual([expect.stringContaining('could not be read')]);
      fleet.read = 'rows';
      await poll();
      await starting;
      expect(told.slice(1)).toEqual(['shared']);
    },
  );

  it('may hold rows that this version does not know', async () => {
    fleet.put({ ...revocation('later'), what: 'planet' as 'subject' });
    fleet.put(revocation('known'));
    await feed.start();
    expect(known()).toEqual(['known']);
  });
});

describe('a table that is not there', () => {
  beforeEach(() => {
    fleet.exists = false;
  });

  it.each([CqlErrorCode.INVALID, CqlErrorCode.UNAUTHORIZED])(
    '(answer %i) keeps nobody out, and that is said',
    async (code) => {
      fleet.read = code;
      await feed.start();
      expect(told).toEqual(['alone']);
      expect(feed.ageSeconds).toBeNull();
      expect(await feed.revoke(revocation('own'))).toBe(false);
      expect(known()).toEqual(['own']);
    },
  );

  it('gets what was revoked here once it is made', async () => {
    fleet.read = CqlErrorCode.INVALID;
    await feed.start();
    await feed.revoke(revocation('own'));
    expect(writesOf('own')).toBe(0);
    fleet.read = 'rows';
    await vi.advanceTimersByTimeAsync(REVOCATION.absentPollMs + 10);
    expect(told).toEqual(['alone', 'shared']);
    expect(writesOf('own')).toBe(1);
  });
});
