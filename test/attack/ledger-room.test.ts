// What must be recorded and cannot be is not answered as if it had been; one tenant's flood takes neither the
// queue, nor the disk, nor the others' room.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { verifyLedger } from '../../src/audit/verify.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { ACTIVITY, REFUSALS, SESSION_RECORDS } from '../../src/limits/audit.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { LedgerDisk } from '../support/ledger-disk.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const ROLES = {
  one: { grants: ['SELECT, MODIFY ON KEYSPACE orders'] },
  two: { grants: ['SELECT, MODIFY, ALTER ON KEYSPACE orders'] },
};
const SELECT = 'SELECT * FROM orders.t';
const INSERT = 'INSERT INTO orders.t (k) VALUES (1)';
const FORBIDDEN = 'SELECT * FROM other.t';
const TEXT = 'the audit log of cqlgate takes no record of this now, so nothing was executed';

let gate: ScriptedGate;
let disk: LedgerDisk;
const clients: RawClient[] = [];

async function start(dml: 'all' | 'activity', auditWaitMs: number, maxQueueBytes = 100_000) {
  disk = new LedgerDisk();
  disk.attach({ maxQueueBytes });
  gate = await ScriptedGate.start(ROLES, {
    audit: { dir: 'audit', dml },
    limits: { auditWaitMs },
  });
}

async function login(role: string): Promise<RawClient> {
  const client = await gate.login(role);
  clients.push(client);
  return client;
}

afterEach(async () => {
  disk.recover();
  for (const client of clients.splice(0)) client.close();
  await gate.close();
  vi.restoreAllMocks();
});

/** Without waiting for answers; they come in any order. */
async function flood(client: RawClient, count: number, textOf: (i: number) => string) {
  for (let i = 0; i < count; i++) {
    const writer = new Writer().writeLongString(textOf(i)).writeShort(1).writeByte(0);
    const body = writer.toBuffer();
    client.write(encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: i, body }));
  }
  const codes: (number | null)[] = [];
  for (let i = 0; i < count; i++) codes.push(errorOf(await client.next())?.code ?? null);
  return codes;
}

const records = async (): Promise<any[]> => {
  await disk.ledger!.flush();
  return gate.files.records();
};

describe('while the ledger has no room', () => {
  it('rows under `dml: all` wait, and are refused or go on; one role leaves room for others', async () => {
    await start('all', 1_000);
    const [one, two] = [await login('one'), await login('two')];
    await disk.ledger!.flush();
    disk.state = 'stuck';
    const codes = await flood(one, 60, () => SELECT);
    const refused = codes.filter((code) => code === CqlErrorCode.OVERLOADED).length;
    expect(refused).toBeGreaterThan(10);
    expect(codes.filter((code) => code === null)).toHaveLength(60 - refused);
    const sent = gate.cluster.counts(({ text }) => text === SELECT);
    // What was refused did not leave.
    expect(sent).toEqual([60 - refused]);
    // The other role is not out of room.
    expect((await two.query(SELECT))!.opcode).toBe(Opcode.RESULT);
    // One that waits goes on when the disk does.
    const share = disk.ledger!.room.share('one');
    disk.ledger!.room.take(share, 50_000);
    const waiting = one.query(INSERT);
    await expect.poll(() => disk.ledger!.room.waiting).toBe(1);
    disk.ledger!.room.give(share, 50_000);
    disk.recover();
    expect((await waiting)!.opcode).toBe(Opcode.RESULT);
    const rows = (await records()).filter(({ outcome }) => outcome !== undefined);
    expect(rows).toHaveLength(60 - refused + 2);
    expect((await verifyLedger(`${gate.files.dir}/audit`)).result).toBe('intact');
  });

  it('reads under `dml: activity` go on; writes, logins and denials on record are refused by a text', async () => {
    await start('activity', 200, 30_000);
    const one = await login('one');
    await disk.ledger!.flush();
    disk.state = 'full';
    // Fills what the role may hold.
    const share = disk.ledger!.room.share('one');
    disk.ledger!.room.take(share, 30_000);
    disk.ledger!.append({ kind: 'config', session: null, reason: 'meets the disk' });
    await expect.poll(() => disk.ledger!.writable).toBe(false);
    expect((await one.query(SELECT))!.opcode).toBe(Opcode.RESULT);
    expect(errorOf(await one.query(INSERT))).toMatchObject({
      code: CqlErrorCode.OVERLOADED,
      message: expect.stringContaining(TEXT) as string,
    });
    for (const text of [FORBIDDEN, 'SELEC nothing', "SELECT 'x"]) {
      expect(errorOf(await one.query(text))).toMatchObject({ code: CqlErrorCode.OVERLOADED });
    }
    const late = await RawClient.connect(gate.port);
    clients.push(late);
    expect(errorOf(await late.logIn('one', gate.files.issuer.mint()))).toMatchObject({
      code: CqlErrorCode.AUTH_ERROR,
      message: expect.stringContaining(TEXT) as string,
    });
    const stranger = await RawClient.connect(gate.port);
    clients.push(stranger);
    expect(errorOf(await stranger.logIn('one', 'no token'))).toMatchObject({
      code: CqlErrorCode.AUTH_ERROR,
      message: expect.stringContaining(TEXT) as string,
    });
    disk.ledger!.room.give(share, 30_000);
    disk.recover();
    await expect.poll(() => disk.ledger!.writable, { timeout: 5_000 }).toBe(true);
    expect((await one.query(INSERT))!.opcode).toBe(Opcode.RESULT);
    expect(errorOf(await one.query(FORBIDDEN))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    const kinds = (await records()).map(({ kind }) => String(kind));
    expect(kinds.filter((kind) => kind === 'session_start')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'auth')).toHaveLength(0);
  });

  it('a denial that is only counted waits for nothing', async () => {
    await start('activity', 10_000);
    const one = await login('one');
    await flood(one, REFUSALS.singlyPerScope, () => FORBIDDEN);
    disk.ledger!.room.take(disk.ledger!.room.share('one'), 100_000);
    const codes = await flood(one, 100, () => FORBIDDEN);
    expect(new Set(codes)).toEqual(new Set([CqlErrorCode.UNAUTHORIZED]));
    disk.ledger!.room.give(disk.ledger!.room.share('one'), 100_000);
  });
});

describe('a flood of one tenant', () => {
  it('of SELECTs that are all different writes a bounded number of bytes, and counts the rest', async () => {
    await start('activity', 5_000, 10_000_000);
    const one = await login('one');
    for (let i = 0; i < 3; i++) {
      await flood(one, 1_000, (n) => `SELECT k AS a_${i}_${n} FROM orders.t`);
    }
    one.close();
    await expect.poll(async () => (await records()).at(-1)?.kind).toBe('session_end');
    await gate.stop();
    const rows = (await gate.files.records()).filter(({ kind }) => kind === 'activity');
    const bytes = rows.map((row) => JSON.stringify(row)).join('').length;
    expect(bytes).toBeLessThan(1.2 * ACTIVITY.bytesPerSession);
    expect(rows.reduce((sum: number, { count }) => sum + Number(count), 0)).toBe(3_000);
    expect(rows.filter(({ detail }) => detail?.statements === 'others')).toHaveLength(1);
  });

  it('of refusals has one bound over all its connections', async () => {
    await start('activity', 5_000, 10_000_000);
    for (let i = 0; i < 5; i++) {
      const one = await login('one');
      await flood(one, 30, (n) => (n % 2 === 0 ? FORBIDDEN : 'SELEC nothing'));
      one.close();
    }
    const two = await login('two');
    await flood(two, 5, () => FORBIDDEN);
    const denied = (await records()).filter(({ decision }) => decision?.result === 'deny');
    expect(denied.filter(({ role }) => role === 'one')).toHaveLength(REFUSALS.singlyPerScope);
    expect(denied.filter(({ role }) => role === 'two')).toHaveLength(5);
    await gate.stop();
    const counted = (await gate.files.records()).filter(({ decision, count }) => decision && count);
    expect(counted.map(({ count }) => count)).toEqual([5 * 30 - REFUSALS.singlyPerScope]);
  });

  it('of logins with a good token has one bound, and counts the rest', async () => {
    await start('activity', 5_000, 10_000_000);
    const token = gate.files.issuer.mint();
    const count = SESSION_RECORDS.singlyPerScope + 30;
    for (let i = 0; i < count; i++) (await RawClient.login(gate.port, 'one', token)).close();
    (await login('two')).close();
    await gate.stop();
    const all: any[] = await gate.files.records();
    for (const kind of ['session_start', 'session_end']) {
      const ones = all.filter((record) => record.kind === kind && record.role === 'one');
      expect(ones).toHaveLength(SESSION_RECORDS.singlyPerScope + 1);
      expect(ones.at(-1)).toMatchObject({ count: 30, since: expect.any(String) });
      expect(all.filter((record) => record.kind === kind && record.role === 'two')).toHaveLength(1);
    }
  });

  it('of children of a BATCH under `dml: all` writes a bounded number of records', async () => {
    await start('all', 5_000, 10_000_000);
    const one = await login('one');
    const children = Array.from({ length: 5_000 }, () => INSERT);
    expect((await one.batch(children))!.opcode).toBe(Opcode.RESULT);
    const rows = (await records()).filter(({ outcome }) => outcome !== undefined);
    expect(rows).toHaveLength(65);
    expect(rows.at(-1)).toMatchObject({
      count: 5_000 - 64,
      statement: { batch: { index: 64, size: 5_000 } },
      detail: { children_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    });
  });
});

describe('a record past the last bound of the queue', () => {
  it('is lost, which is counted, and recorded as soon as there is room', async () => {
    await start('activity', 100, 4_000);
    const { ledger } = disk;
    disk.state = 'stuck';
    const long = 'x'.repeat(500);
    let dropped = 0;
    for (let i = 0; i < 50; i++) {
      if (ledger!.append({ kind: 'config', session: null, reason: long }) === null) dropped++;
    }
    expect(dropped).toBeGreaterThan(20);
    await gate.logged(/records of the ledger are lost/);
    disk.recover();
    await ledger!.flush();
    ledger!.append({ kind: 'config', session: null, reason: 'there is room again' });
    const gap = (await records()).at(-2);
    expect(gap).toMatchObject({ kind: 'config', detail: { records: dropped } });
    expect(gap.reason).toContain('records were lost');
  });
});
