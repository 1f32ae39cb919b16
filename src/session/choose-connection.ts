// By which connection a permitted request leaves: one that is free now, or the one that a wait for one ends with.
import { monotonicMs, msBetween } from '../clock.ts';
import { isStatement } from '../cql/analyse.ts';
import { meansTheSameInNone, NO_KEYSPACE } from '../cql/connection-state.ts';
import { CQL } from '../limits/cql.ts';
import type { Connection } from '../upstream/connection.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { ClusterNode } from '../upstream/node.ts';
import { ANYWHERE } from '../upstream/connection-criteria.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { answer, GO_ON, type Later } from './outcome.ts';
import { replyToFault } from './replies.ts';
import type { RequestRoute } from './session-facts.ts';

export interface ConnectionServices extends Pick<Gate, 'limits'> {
  readonly statements: Pick<Gate['statements'], 'get'>;
}

/** null: none is free for it now. */
export function chooseConnection(
  exchange: Exchange,
  cluster: Pick<Gate['cluster'], 'replicasFor'>,
  route: RequestRoute,
): Connection | null {
  const { request, attempt } = exchange;
  attempt.prefers(preferredNodes(exchange, cluster));
  return request.isUse
    ? route.pickForUse(request.statement.keyspace ?? '', attempt.offered)
    : route.pick(exchange);
}

/** The nodes that serve it best; none where one is as good as another. */
function preferredNodes(
  { session, request, attempt }: Exchange,
  cluster: Pick<Gate['cluster'], 'replicasFor'>,
): readonly ClusterNode[] {
  if (attempt.repreparedAt !== null) return [attempt.repreparedAt];
  if (request.isPinned) return session.pinned();
  return cluster.replicasFor(request.frame, request.prepared, request.bound);
}

/** Goes on with the request once there is one, at most for as long as the request may take. */
export async function waitForConnection(
  exchange: Exchange,
  { limits, statements }: ConnectionServices,
  route: RequestRoute,
): Promise<Later> {
  const { request, session, attempt } = exchange;
  const nowMs = monotonicMs();
  const untilMs = attempt.waitsFor(nowMs, request.timeLimitMs(limits));
  try {
    if (nowMs >= untilMs) throw new UpstreamFault('busy', 'no connection became free in time');
    const { isUse, statement } = request;
    const want = isUse ? { ...ANYWHERE, keyspace: statement.keyspace } : exchange;
    const waitMs = msBetween(nowMs, untilMs);
    attempt.isOffered(await route.whenAvailable(want, isUse, session.turn, waitMs));
  } catch (error) {
    const fault = error instanceof UpstreamFault ? error : new UpstreamFault('busy', String(error));
    if (fault.code === 'keyspace' && needsNoKeyspace(exchange, statements)) return GO_ON;
    return answer(replyToFault(exchange, fault), 'unsent');
  }
  return GO_ON;
}

/**
 * The keyspace that it was to be carried out in is gone. True where it means the same in none: it is what a session
 * without a keyspace would send from here on, and is decided as that.
 */
function needsNoKeyspace(
  { request, attempt }: Exchange,
  statements: ConnectionServices['statements'],
): boolean {
  const { statement, text, prepared } = request;
  if (request.keyspace === NO_KEYSPACE || request.namedKeyspace !== null) return false;
  if (text === null || !meansTheSameInNone(statement)) return false;
  if (text.length > CQL.cachedTextLength) return false;
  // What was prepared stays what it was: the registry has it for all who execute it.
  const anew = prepared.length > 0 ? statement : statements.get(text, null);
  if (!isStatement(anew)) return false;
  attempt.needsNoKeyspace(anew);
  return true;
}
