// The one end of a request, whichever way it came to it: here it is counted, its span ends and its record is made, and
// here the room that was kept in the ledger and its turn in the lane are given back. What is said second has no effect.
import { LONG_AGO, msBetween } from '../clock.ts';
import { TURN } from '../limits/session.ts';
import type { Denial } from '../policy/denial.ts';
import { Frame } from '../protocol/frame.ts';
import { errorCodeText } from '../protocol/error-codes.ts';
import { errorCodeOf } from '../protocol/messages/error.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { turnMonotonicMs, turnWork } from '../turn.ts';
import type { Denied, Ending } from './ending.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { outcomeEntry, recordRows, responseOf, type LetThrough } from './outcome-records.ts';
import { leaveLane } from './lane.ts';
import type { AgreementServices } from './schema-change.ts';
import { denialEntry } from './statement-records.ts';

export interface EndServices
  extends
    AgreementServices,
    Pick<Gate, 'audit' | 'dml' | 'metrics' | 'requestCounts' | 'telemetry'> {
  readonly activity: Pick<Gate['activity'], 'hit' | 'hitAll'>;
  readonly refusals: Pick<Gate['refusals'], 'refused'>;
}

export function endRequest(exchange: Exchange, services: EndServices, ending: Ending): void {
  const { attempt } = exchange;
  if (attempt.isEnded) return;
  const through = letThrough(exchange, ending);
  // This throws where an answer cannot be read: then the request ends by the error that this is.
  if (through !== null) count(exchange, services, through);
  attempt.hasEnded();
  try {
    endSpan(exchange, services, isDenied(ending) ? ending : (through ?? ending));
    if (through !== null && !exchange.request.isPrepare) record(exchange, services, through);
    if (isDenied(ending)) recordDenial(exchange, services, ending.denial);
  } finally {
    giveRoom(exchange, services);
    leaveLane(exchange, services, ending);
  }
}

/**
 * The decision on disk is not what will be sent: that record ends here, and the request goes on to a record of its own
 * with room of its own.
 */
export function supersede(exchange: Exchange, services: Pick<Gate, 'audit'>): void {
  const { attempt, session } = exchange;
  if (attempt.recordId !== null) {
    services.audit.append(outcomeEntry(exchange, 'unsent'), session.auditShare);
  }
  attempt.preparations?.decisionIsSuperseded();
  giveRoom(exchange, services);
}

/** Gives back the room in the ledger that was kept for its records. */
export function giveRoom({ attempt, session }: Exchange, { audit }: Pick<Gate, 'audit'>): void {
  const bytes = attempt.preparations?.takeRoom() ?? 0;
  if (bytes > 0) audit.room.give(session.auditShare, bytes);
}

/**
 * null where nothing was let through. A decision that is on disk was: there its end must stand, too. So was a read whose
 * connection was lost: it was sent, and a node may have carried it out, whatever keeps it from being repeated.
 */
function letThrough({ attempt }: Exchange, ending: Ending): LetThrough | null {
  if (ending !== 'refused' && ending !== 'unsent' && !isDenied(ending)) return ending;
  if (attempt.repeated) return 'unknown';
  return ending === 'unsent' || attempt.recordId !== null ? 'unsent' : null;
}

function isDenied(ending: Ending): ending is Denied {
  return typeof ending !== 'string' && !(ending instanceof Frame) && ending.type === 'denied';
}

function count({ request, attempt }: Exchange, services: EndServices, ending: LetThrough): void {
  const { metrics, requestCounts } = services;
  const family = request.isPrepare ? 'prepare' : request.statement.family;
  const { startedAtMs } = attempt;
  const durationMs = startedAtMs === LONG_AGO ? -1 : msBetween(startedAtMs, turnMonotonicMs());
  if (typeof ending === 'string') {
    requestCounts.ended(family, ending === 'answered' ? 'ok' : ending, durationMs);
  } else if (responseOf(ending)?.opcode === Opcode.ERROR) {
    const code = errorCodeText(errorCodeOf(responseOf(ending)!));
    requestCounts.ended(family, 'error', durationMs);
    metrics.counter('node_errors_total', code).value++;
  } else requestCounts.ended(family, 'ok', durationMs);
}

function endSpan(exchange: Exchange, { telemetry }: EndServices, ending: Ending): void {
  if (telemetry === null) return;
  if (!isDenied(ending)) telemetry.ended(exchange, ending);
  else exchange.attempt.hasSpan(telemetry.denied(exchange, ending.denial));
}

function record(exchange: Exchange, services: EndServices, ending: LetThrough): void {
  const { request, session, attempt } = exchange;
  const { audit, dml } = services;
  if (request.isWrittenAhead) {
    const recorded = audit.append(outcomeEntry(exchange, ending), session.auditShare);
    attempt.prepare().outcomeIsRecorded(recorded === null);
  } else if (request.isOfRows && dml === 'all') recordRows(exchange, services, ending);
  else recordActivity(exchange, services, ending);
}

function recordActivity(
  exchange: Exchange,
  { activity }: Pick<EndServices, 'activity'>,
  ending: LetThrough,
): void {
  const { request, session } = exchange;
  const failed =
    typeof ending === 'string'
      ? ending !== 'answered'
      : responseOf(ending)?.opcode === Opcode.ERROR;
  if (request.parts === null) activity.hit(session, request.statement, failed, exchange, -1);
  else activity.hitAll(session, request.parts.statements, failed, exchange);
}

function recordDenial(
  exchange: Exchange,
  { metrics, refusals }: Pick<EndServices, 'metrics' | 'refusals'>,
  denial: Denial,
): void {
  turnWork.add(TURN.refusal);
  metrics.counter('denied_total', denial.reason, exchange.request.statement.kind).value++;
  refusals.refused(exchange.session.who(), () => denialEntry(exchange, denial));
}
