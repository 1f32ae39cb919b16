// Room in the ledger, asked for before a request leaves or is answered: what must be recorded and cannot be is
// not answered as if it had been. A change of schema or roles and a write wait for the disk too; reads under
// `dml: activity`, and refusals that are only counted, wait for nothing.
import { monotonicMs, msSince } from '../clock.ts';
import { LEDGER, REFUSALS } from '../limits/audit.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Exchange } from './exchange.ts';
import { reply, wait, type Later, type Outcome, type Reply } from './outcome.ts';
import { recordOutcome, recordGivenUp } from './recording.ts';
import { replies, type To } from './replies.ts';
import type { Session } from './session.ts';

export const UNRECORDABLE =
  'the audit log of cqlgate takes no record of this now, so nothing was executed; try again later';

/** True: what will be recorded of it has its room. */
export function hasRoom(exchange: Exchange): boolean {
  const { session, request, isMutation, preparations } = exchange;
  const { audit, dml } = session.gate;
  if (!isMutation && (dml !== 'all' || request.statement.family !== 'read')) return true;
  // On disk already, or on the way: its outcome has room.
  if (exchange.recordId !== null || request.opcode === Opcode.PREPARE) return true;
  const bytes = preparations !== null && preparations.roomKept > 0 ? 0 : bytesOf(exchange);
  if (bytes === 0) return !isMutation || audit.writable;
  if (!audit.room.keep(session.auditShare, bytes, isMutation)) return false;
  exchange.prepare().roomKept = bytes;
  return true;
}

/** Goes on with the exchange when there is room for it. */
export async function forRoom(exchange: Exchange): Promise<Later> {
  const { session, isMutation } = exchange;
  const { audit, metrics } = session.gate;
  metrics.counter('audit_waits_total').value++;
  const preparations = exchange.prepare();
  const bytes = preparations.roomKept > 0 ? 0 : bytesOf(exchange);
  const share = session.auditShare;
  const kept = audit.room.keepWithin(share, bytes, isMutation, auditWaitMs(exchange));
  if (!(await auditWait(exchange, kept))) return unrecordable(exchange);
  preparations.roomKept += bytes;
  return exchange.goOn;
}

/** What is left of the time that a request may wait for the ledger; other waits do not count. */
export function auditWaitMs({ session, preparations }: Exchange): number {
  return Math.max(0, session.gate.limits.auditWaitMs - (preparations?.auditWaitedMs ?? 0));
}

/** A wait for the ledger, which counts. */
export async function auditWait<T>(exchange: Exchange, wait: Promise<T>): Promise<T> {
  const startedAtMs = monotonicMs();
  const end = await wait;
  exchange.prepare().auditWaitedMs += msSince(startedAtMs);
  return end;
}

/** It was not sent. Where its decision is in the queue, so is then what became of it. */
export function unrecordable(exchange: Exchange): Reply {
  if (exchange.recordId !== null) recordOutcome(exchange, 'unsent');
  else recordGivenUp(exchange);
  return refuse(exchange.session, exchange.to);
}

/** A refusal that is recorded singly is given once there is room for its record. */
export function afterRoom(
  session: Session,
  to: To,
  exchange: Exchange | null,
  refusal: () => Reply,
): Outcome {
  const { audit, refusals, limits, metrics } = session.gate;
  if (!refusals.mustWait(session.who())) return refusal();
  metrics.counter('audit_waits_total').value++;
  const { room } = audit;
  const share = session.auditShare;
  const outcome = room.keepWithin(share, REFUSALS.recordBytes, false, limits.auditWaitMs);
  return wait(
    outcome.then((isKept) => {
      if (!isKept) return refuse(session, to);
      room.give(share, REFUSALS.recordBytes);
      return refusal();
    }),
    exchange,
  );
}

function refuse({ gate }: Session, to: To): Reply {
  gate.metrics.counter('audit_refusals_total', 'statement').value++;
  return reply(replies.overloaded(to, UNRECORDABLE));
}

/** At most what its records will take, by what it says: names stand in several of their fields. */
function bytesOf({ request, session }: Exchange): number {
  const { statement, text, parts } = request;
  const isRows = statement.family === 'read' || statement.family === 'write';
  if (isRows && session.gate.dml !== 'all') return 0;
  if (parts === null) {
    const one = LEDGER.entryBytes + 4 * Math.min(text?.length ?? 0, 2 * LEDGER.textBytes);
    // The decision and the outcome.
    return isRows ? one : 2 * one;
  }
  const singly = Math.min(parts.statements.length, LEDGER.batchRecords);
  let bytes = (singly + 1) * LEDGER.entryBytes;
  for (let i = 0; i < singly; i++) {
    bytes += 4 * Math.min(parts.statements[i]!.text.length, 2 * LEDGER.textBytes);
  }
  return bytes;
}
