// A change is acknowledged once the record of what came of it is on disk, so that a gate that is killed right
// after has told nobody of a change whose outcome its ledger does not know. Where the disk does not take the
// record in time the change was made all the same: its client gets the node's answer, and is warned.
import { withWarning } from '../protocol/body-prefix.ts';
import { Frame } from '../protocol/frame.ts';
import { auditWaitMs } from './audit-room.ts';
import type { Exchange } from './exchange.ts';
import type { Later, Outcome } from './outcome.ts';
import { recordAbandoned } from './recording.ts';

/** For a change that was written ahead: its answer, once that may be given. Null: `outcome` goes on as it is. */
export function acknowledgement(exchange: Exchange, outcome: Outcome): Promise<Later> | null {
  const preparations = exchange.prepare();
  if (preparations.isAcknowledged || (outcome.type !== 'reply' && outcome.type !== 'close'))
    return null;
  preparations.isAcknowledged = true;
  if (!exchange.isEnded) recordAbandoned(exchange);
  return onceRecorded(exchange, outcome);
}

async function onceRecorded(
  exchange: Exchange,
  outcome: Extract<Outcome, { readonly frame: Buffer | null }>,
): Promise<Later> {
  const { audit, limits, log, metrics } = exchange.session.gate;
  const wasSent = exchange.handedOver;
  // What never left is refused within the time that it could wait for the ledger altogether.
  const waitMs = wasSent ? limits.auditWaitMs : auditWaitMs(exchange);
  const isRecorded = !exchange.prepare().isOutcomeLost && (await audit.durable(waitMs));
  if (isRecorded || !wasSent) return outcome;
  metrics.counter('audit_late_outcomes_total').value++;
  log.warn(
    { session: exchange.session.id, of: exchange.recordId },
    'a change was answered before the record of its outcome was on disk',
  );
  if (outcome.frame === null) return outcome;
  const { frame } = outcome;
  const warned = withWarning(new Frame(frame, 0, frame.length), UNRECORDED);
  return { ...outcome, frame: Buffer.from(warned.bytes()) };
}

const UNRECORDED =
  'cqlgate: its audit log did not take the record of what came of this change in time (limits.auditWaitMs); do not repeat the change for that';
