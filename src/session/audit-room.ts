// Room in the ledger, asked for before a request leaves or is answered: what must be recorded and cannot be is
// not answered as if it had been. A change of schema or roles and a write wait for the disk too; reads under
// `dml: activity`, and refusals that are only counted, wait for nothing.
import { monotonicMs, msSince } from '../clock.ts';
import { REFUSALS } from '../limits/audit.ts';
import { giveRoom } from './end-request.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { recordBytes } from './outcome-records.ts';
import {
  answer,
  GO_ON,
  reply,
  wait,
  type FinalOutcome,
  type Later,
  type Outcome,
  type Reply,
  type Wait,
} from './outcome.ts';
import { replies, type To } from './replies.ts';
import type { SessionFacts } from './session-facts.ts';

export interface RoomServices extends Pick<Gate, 'audit' | 'dml' | 'metrics'> {
  readonly limits: Pick<Gate['limits'], 'auditWaitMs'>;
}

export const UNRECORDABLE =
  'the audit log of cqlgate takes no record of this now, so nothing was executed; try again later';

/** Before it leaves: what will be recorded of it has its room, or is waited for. */
export function keepRoom(exchange: Exchange, services: RoomServices): Outcome | null {
  return hasRoom(exchange, services) ? null : wait(forRoom(exchange, services));
}

function hasRoom(exchange: Exchange, { audit, dml }: Pick<Gate, 'audit' | 'dml'>): boolean {
  const { session, request, attempt } = exchange;
  const { isMutation } = request;
  if (!isMutation && (dml !== 'all' || request.statement.family !== 'read')) return true;
  // On disk already, or on the way: its outcome has room.
  if (attempt.recordId !== null || request.isPrepare) return true;
  const { preparations } = attempt;
  const bytes = preparations !== null && preparations.roomKept > 0 ? 0 : recordBytes(exchange, dml);
  if (bytes === 0) return !isMutation || audit.writable;
  if (!audit.room.keep(session.auditShare, bytes, isMutation)) return false;
  attempt.prepare().roomIsKept(bytes);
  return true;
}

/** Goes on with the request when there is room for its records. */
async function forRoom(exchange: Exchange, services: RoomServices): Promise<Later> {
  const { session, attempt, request } = exchange;
  const { audit, dml, metrics } = services;
  metrics.counter('audit_waits_total').value++;
  const preparations = attempt.prepare();
  const bytes = preparations.roomKept > 0 ? 0 : recordBytes(exchange, dml);
  const waitMs = auditWaitMs(exchange, services);
  const kept = audit.room.keepWithin(session.auditShare, bytes, request.isMutation, waitMs);
  if (!(await auditWait(exchange, kept))) return unrecordable(exchange, services);
  preparations.roomIsKept(bytes);
  return GO_ON;
}

/** What is left of the time that a request may wait for the ledger; other waits do not count. */
export function auditWaitMs(
  { attempt }: Exchange,
  { limits }: Pick<RoomServices, 'limits'>,
): number {
  return Math.max(0, limits.auditWaitMs - (attempt.preparations?.auditWaitedMs ?? 0));
}

/** A wait for the ledger, which counts. */
export async function auditWait<T>({ attempt }: Exchange, waited: Promise<T>): Promise<T> {
  const startedAtMs = monotonicMs();
  const end = await waited;
  attempt.prepare().waitedForAudit(msSince(startedAtMs));
  return end;
}

/** It is not sent. Where its decision is in the queue, so is then what became of it. */
export function unrecordable({ to }: Exchange, services: Pick<Gate, 'metrics'>): FinalOutcome {
  return answer(refusal(to, services), 'refused');
}

/** A refusal that gets a record of its own is given once there is room for that. */
export function afterRoom(
  session: SessionFacts,
  services: RefusalServices,
  to: To,
  refuse: () => Reply,
): Reply | Wait<Reply> {
  const room = forRefusal(session, services);
  if (room === null) return refuse();
  return wait(room.then((isKept) => (isKept ? refuse() : reply(refusal(to, services)))));
}

/** The same for a request that is denied: the record is made at its end. */
export function denyAfterRoom(
  exchange: Exchange,
  services: RefusalServices,
  refuse: () => FinalOutcome,
): Outcome {
  // What was kept for it comes first, or its denial would wait for just that. Only what was let through needs it still.
  const { recordId, repeated } = exchange.attempt;
  if (recordId === null && !repeated) giveRoom(exchange, services);
  const room = forRefusal(exchange.session, services);
  if (room === null) return refuse();
  return wait(room.then((isKept) => (isKept ? refuse() : unrecordable(exchange, services))));
}

export interface RefusalServices extends RoomServices {
  readonly refusals: Pick<Gate['refusals'], 'mustWait'>;
}

/** null: its record needs no wait. */
function forRefusal(session: SessionFacts, services: RefusalServices): Promise<boolean> | null {
  const { audit, refusals, limits, metrics } = services;
  if (!refusals.mustWait(session.who())) return null;
  metrics.counter('audit_waits_total').value++;
  return roomForRefusal(session, audit, limits.auditWaitMs);
}

async function roomForRefusal(
  { auditShare }: SessionFacts,
  { room }: Gate['audit'],
  waitMs: number,
): Promise<boolean> {
  const isKept = await room.keepWithin(auditShare, REFUSALS.recordBytes, false, waitMs);
  if (isKept) room.give(auditShare, REFUSALS.recordBytes);
  return isKept;
}

function refusal(to: To, { metrics }: Pick<Gate, 'metrics'>): Buffer {
  metrics.counter('audit_refusals_total', 'statement').value++;
  return replies.overloaded(to, UNRECORDABLE);
}
