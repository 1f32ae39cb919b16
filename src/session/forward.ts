// The frame of a permitted request, made what it is sent as by just its connection, and handed to that with the permit
// of this turn.
import { mayTrace, type Permit } from '../policy/decide.ts';
import type { Authority } from '../policy/policy.ts';
import { FrameFlag } from '../protocol/frame.ts';
import type { Connection } from '../upstream/connection.ts';
import { comparesNode } from './answer-topology.ts';
import type { Exchange } from './exchange.ts';
import { onFault } from './handle-response.ts';
import type { FaultServices } from './internal-fault.ts';
import { FORWARD, type Forward, type Outcome } from './outcome.ts';

/** The session sends it in this turn. */
export function leaveBy(
  exchange: Exchange,
  connection: Connection,
  authority: Authority,
  permit: Permit,
): Forward {
  const { request, attempt, session } = exchange;
  if ((attempt.sent.flags & FrameFlag.TRACING) !== 0) {
    const why = untracedWhy(exchange, authority);
    if (why !== null) attempt.goesUntraced(why);
  }
  // Only now: the connection may be in its keyspace. Schema changes take too long to keep it there.
  if (request.naming && request.namedKeyspace === null) {
    const isSlow = request.statement.family === 'schema';
    if (isSlow || !connection.carries(request.keyspace)) {
      attempt.namesKeyspace();
      session.reframed(exchange);
    }
  }
  attempt.leavesBy(connection, permit);
  return FORWARD;
}

/**
 * Hands the frame to its connection with the permit made this turn. False: nothing has left. Throws where the
 * permit is not for that, and nothing has left then either.
 */
export function send(exchange: Exchange): boolean {
  const { attempt } = exchange;
  const { connection, sent } = attempt;
  const permit = attempt.spendPermit();
  if (permit === null || connection === null) return false;
  const isSent = attempt.handedOver
    ? connection.repeat(permit, exchange, sent)
    : connection.forward(permit, exchange, sent);
  if (isSent) attempt.isSentTo(connection.node);
  else if (exchange.isUse) connection.keyspaceState.useNotSent();
  return isSent;
}

/** What a permit for something else ends a request with: an error of ours, and nothing was sent. */
export function onNotPermitted(
  exchange: Exchange,
  services: FaultServices,
  error: unknown,
): Outcome {
  const { request, attempt } = exchange;
  if (request.isUse) attempt.connection?.keyspaceState.useNotSent();
  attempt.hasNoConnection();
  return onFault(exchange, services, error, 'permit');
}

/** The trace of a SELECT that compares what only a node has would tell how many rows that found. */
function untracedWhy(exchange: Exchange, authority: Authority): string | null {
  if (!mayTrace(authority)) return UNTRACED.role;
  return comparesNode(exchange) ? UNTRACED.guess : null;
}

const UNTRACED = {
  role: 'cqlgate: this was not traced, since traces hold the statements and values of everybody: tracing needs SELECT on system_traces.sessions',
  guess:
    'cqlgate: this was not traced, since a trace tells what conditions on system.local, system.peers and system.peers_v2 find at a node, and not here',
} as const;
