// The path of a request, from top to bottom:
//   decode    handle-request.ts and handle-batch.ts made a Request of its frame
//   who       the authority of its session, under the policy of this moment
//   decide    a Permit, or a Denial
//   record    what must be so before it may leave, in the order of preconditions.ts: refusals, the ledger, the lane
//   forward   a connection, and the frame by that with the permit of this turn
//   answer    handle-response.ts says what comes of it, and end-request.ts ends it
// What has to wait comes back to the first line here and is decided anew, so that a permit is always spent in the turn
// that made it. An outcome other than null is where the path ends for now.
import { MessageFault, ProtocolFault } from '../errors.ts';
import { decide, isPermit, type Permit } from '../policy/decide.ts';
import type { Authority } from '../policy/policy.ts';
import { chooseConnection, waitForConnection } from './choose-connection.ts';
import { denyUnlessAbsent } from './deny.ts';
import type { Exchange } from './exchange.ts';
import { leaveBy } from './forward.ts';
import { readSchemaFirst } from './fresh-schema.ts';
import type { Gate } from './gate.ts';
import { onFault } from './handle-response.ts';
import { answer, answerAndClose, wait, type Outcome } from './outcome.ts';
import { PRECONDITIONS, PRECONDITIONS_OF_OTHERS } from './preconditions.ts';
import { replies } from './replies.ts';

function path(exchange: Exchange, gate: Gate): Outcome {
  const { session, request, attempt } = exchange;

  const authority = session.authority();
  if (typeof authority === 'string') return sessionIsOver(exchange, authority);

  const reading = readSchemaFirst(exchange, gate, authority);
  if (reading !== null) return reading;
  const decision = decide(authority, request.statement, session.schema);
  if (!isPermit(decision)) return denyUnlessAbsent(exchange, gate, decision);
  attempt.isDecided(decision);
  beginSpan(exchange, gate);

  const before = beforeForwarding(exchange, gate, authority);
  return before ?? forward(exchange, gate, authority, decision);
}

/** null: it may leave. */
function beforeForwarding(exchange: Exchange, gate: Gate, authority: Authority): Outcome | null {
  const preconditions = exchange.request.isWrittenAhead ? PRECONDITIONS : PRECONDITIONS_OF_OTHERS;
  for (let i = 0; i < preconditions.length; i++) {
    const outcome = preconditions[i]!(exchange, gate, authority);
    if (outcome !== null) return outcome;
  }
  return null;
}

function forward(exchange: Exchange, gate: Gate, authority: Authority, permit: Permit): Outcome {
  const route = exchange.session.route();
  const connection = chooseConnection(exchange, gate.cluster, route);
  if (connection !== null) return leaveBy(exchange, connection, authority, permit);
  return wait(waitForConnection(exchange, gate, route), exchange.request.isUse);
}

/** Throws ProtocolFault alone, where the bytes of a request that just came are not what they say. */
export function carryOut(exchange: Exchange, gate: Gate): Outcome {
  const { session, attempt } = exchange;
  try {
    if (session.isClosed) return answerAndClose(null, 'client gone', 'refused');
    return path(exchange, gate);
  } catch (error) {
    // Values that are bound other than the message says.
    if (error instanceof ProtocolFault && attempt.charge === null) {
      return onMessageFault(exchange, gate, error);
    }
    return onFault(exchange, gate, error);
  }
}

function beginSpan(exchange: Exchange, { telemetry }: Pick<Gate, 'telemetry'>): void {
  if (telemetry === null || exchange.attempt.span !== null) return;
  exchange.attempt.hasSpan(telemetry.permitted(exchange));
}

/** Its token expired or was revoked, or the policy binds it to nothing any more. */
function sessionIsOver({ to }: Exchange, why: string): Outcome {
  return answerAndClose(replies.unauthorized(to, why), why, 'refused');
}

function onMessageFault(
  { to }: Exchange,
  { metrics }: Pick<Gate, 'metrics'>,
  fault: ProtocolFault,
): Outcome {
  if (!(fault instanceof MessageFault)) throw fault;
  metrics.counter('protocol_errors_total').value++;
  const { version } = to;
  const frame = replies.protocolError({ version, streamId: fault.streamId }, fault.message);
  return answer(frame, 'refused');
}
