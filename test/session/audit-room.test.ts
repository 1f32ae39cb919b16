// What must be recorded has its room in the ledger before it leaves, or waits for it, or is refused.
import { describe, expect, it } from 'vitest';
import { REFUSALS } from '../../src/limits/audit.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import {
  afterRoom,
  denyAfterRoom,
  keepRoom,
  UNRECORDABLE,
  type RoomServices,
} from '../../src/session/audit-room.ts';
import { answer, reply } from '../../src/session/outcome.ts';
import { exchangeOf, requestFor, sessionOf } from '../support/exchanges.ts';
import { denyServices, memoryLedger } from '../support/request-services.ts';

const READ = 'SELECT v FROM ks.t';
const WRITE = 'INSERT INTO ks.t (k) VALUES (1)';
const CHANGE = 'CREATE TABLE ks.t (k int PRIMARY KEY)';

function servicesOf(dml: 'all' | 'activity', ledger = memoryLedger()): RoomServices {
  return { audit: ledger.audit, dml, metrics: new Metrics(), limits: { auditWaitMs: 30 } };
}

describe('room in the ledger', () => {
  it.each([
    [READ, 'activity', 0],
    [WRITE, 'activity', 0],
    [READ, 'all', 1],
    [WRITE, 'all', 1],
    [CHANGE, 'activity', 2],
  ] as const)('%s (dml: %s) keeps that of %i records', (text, dml, times) => {
    const ledger = memoryLedger();
    const exchange = exchangeOf(requestFor(text));
    expect(keepRoom(exchange, servicesOf(dml, ledger))).toBeNull();
    const kept = exchange.attempt.preparations?.roomKept ?? 0;
    expect(ledger.room.usedBytes).toBe(kept);
    expect(kept > 0).toBe(times > 0);
    // Asked again after a wait, it keeps no more.
    expect(keepRoom(exchange, servicesOf(dml, ledger))).toBeNull();
    expect(ledger.room.usedBytes).toBe(kept);
  });

  it('is not kept for what is only prepared', () => {
    const exchange = exchangeOf(requestFor(CHANGE, { opcode: Opcode.PREPARE }));
    expect(keepRoom(exchange, servicesOf('all'))).toBeNull();
    expect(exchange.attempt.preparations).toBeNull();
  });

  it('is waited for, and then the request goes on', async () => {
    const ledger = memoryLedger({ maxBytes: 10_000_000 });
    const session = sessionOf({ auditShare: ledger.room.newShare() });
    ledger.room.take(session.auditShare, 10_000_000);
    const exchange = exchangeOf(requestFor(CHANGE), session);
    const outcome = keepRoom(exchange, {
      ...servicesOf('activity', ledger),
      limits: { auditWaitMs: 5_000 },
    });
    if (outcome?.type !== 'wait') throw new Error('a wait was expected');
    ledger.room.give(session.auditShare, 10_000_000);
    ledger.room.serve();
    expect(await outcome.outcome).toEqual({ type: 'go on' });
    expect(exchange.attempt.preparations?.roomKept).toBe(ledger.room.usedBytes);
  });

  it('is refused where there is none in time, and then nothing was executed', async () => {
    const ledger = memoryLedger({ maxBytes: 1 });
    const services = servicesOf('activity', ledger);
    const outcome = keepRoom(exchangeOf(requestFor(CHANGE)), services);
    if (outcome?.type !== 'wait') throw new Error('a wait was expected');
    const end = await outcome.outcome;
    expect(end).toMatchObject({ type: 'reply', ending: 'refused' });
    if (end.type === 'reply') expect(end.frame.toString()).toContain(UNRECORDABLE);
    expect(services.metrics.counter('audit_refusals_total', 'statement').value).toBe(1);
    expect(ledger.room.usedBytes).toBe(0);
  });

  it('is needed by a write although it is only counted, while the disk refuses', () => {
    const services = servicesOf('activity', memoryLedger({ writable: false, maxBytes: 0 }));
    expect(keepRoom(exchangeOf(requestFor(READ)), services)).toBeNull();
    expect(keepRoom(exchangeOf(requestFor(WRITE)), services)).toMatchObject({ type: 'wait' });
  });
});

describe('a refusal', () => {
  const refused = reply(Buffer.from('no'));
  const to = { version: 4, streamId: 1 };

  it('is given at once where its record is only counted, or has its room', () => {
    expect(afterRoom(sessionOf(), denyServices(), to, () => refused)).toBe(refused);
  });

  it('does not wait for the room that was kept for what is denied', () => {
    const ledger = memoryLedger({ maxBytes: 20_000 });
    const { room } = ledger;
    const session = sessionOf({ auditShare: room.newShare() });
    const { auditShare } = session;
    const exchange = exchangeOf(requestFor(CHANGE), session);
    expect(keepRoom(exchange, servicesOf('activity', ledger))).toBeNull();
    const mustWait = (): boolean => !room.has(auditShare, REFUSALS.recordBytes);
    expect(mustWait()).toBe(true);
    const services = denyServices({ audit: ledger.audit, refusals: { mustWait } });
    const denied = answer(Buffer.from('no'), 'refused');
    expect(denyAfterRoom(exchange, services, () => denied)).toBe(denied);
    expect(room.usedBytes).toBe(0);
  });

  it('waits for the room of its record, and keeps none', async () => {
    const ledger = memoryLedger();
    const services = denyServices({ audit: ledger.audit, refusals: { mustWait: () => true } });
    const waited = afterRoom(sessionOf(), services, to, () => refused);
    if (waited.type !== 'wait') throw new Error('a wait was expected');
    expect(await waited.outcome).toBe(refused);
    expect(ledger.room.usedBytes).toBe(0);
  });
});
