// A change is acknowledged once the record of what came of it is on disk, so that a gate that is killed right
// after has told nobody of a change whose outcome its ledger does not know. Where the disk does not take the
// record in time the change was made all the same: its client gets the node's answer, and is warned.
import { withWarning } from '../protocol/body-prefix.ts';
import { Frame } from '../protocol/frame.ts';
import { auditWaitMs } from './audit-room.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import type { FinalOutcome, Later } from './outcome.ts';

export interface AcknowledgeServices extends Pick<Gate, 'audit' | 'log' | 'metrics'> {
  readonly limits: Pick<Gate['limits'], 'auditWaitMs'>;
}

/**
 * For a change that was written ahead and has ended: its answer, once that may be given. Null: the outcome is given at
 * once, since it is of nothing of the kind or waited already.
 */
export function acknowledgement(
  exchange: Exchange,
  services: AcknowledgeServices,
  outcome: FinalOutcome,
): Promise<Later> | null {
  const { preparations } = exchange.attempt;
  if (preparations === null || preparations.recordId === null) return null;
  if (preparations.isAcknowledged) return null;
  preparations.awaitsAcknowledgement();
  return onceRecorded(exchange, services, outcome);
}

async function onceRecorded(
  exchange: Exchange,
  services: AcknowledgeServices,
  outcome: FinalOutcome,
): Promise<Later> {
  const { audit, limits, log, metrics } = services;
  const { attempt, session } = exchange;
  const wasSent = attempt.node !== null;
  // What never left is refused within the time that it could wait for the ledger altogether.
  const waitMs = wasSent ? limits.auditWaitMs : auditWaitMs(exchange, services);
  const isRecorded = !attempt.prepare().isOutcomeLost && (await audit.durable(waitMs));
  if (isRecorded || !wasSent) return outcome;
  metrics.counter('audit_late_outcomes_total').value++;
  log.warn(
    { session: session.id, of: attempt.recordId },
    'a change was answered before the record of its outcome was on disk',
  );
  if (outcome.frame === null) return outcome;
  const { frame } = outcome;
  const warned = withWarning(new Frame(frame, 0, frame.length), UNRECORDED);
  return { ...outcome, frame: Buffer.from(warned.bytes()) };
}

const UNRECORDED =
  'cqlgate: its audit log did not take the record of what came of this change in time (limits.auditWaitMs); do not repeat the change for that';
