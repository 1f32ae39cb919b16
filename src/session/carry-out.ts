// From a decoded request to its outcome: decide, record, find a connection, forward. What has to
// wait (a commit, a ledger write, a connection) comes back to the first line and is decided anew, so that a
// permit is always spent in the turn that made it.
import { later, monotonicMs, msBetween, NEVER } from '../clock.ts';
import { decide, hangsOnSchema, isPermit, mayTrace, type Permit } from '../policy/decide.ts';
import type { Denial } from '../policy/denial.ts';
import { isStatement } from '../cql/analyse.ts';
import { meansTheSameInNone, NO_KEYSPACE } from '../cql/connection-state.ts';
import { estimatesDenial, readsEstimates } from '../policy/estimates.ts';
import { FrameFlag } from '../protocol/frame.ts';
import { CQL } from '../limits/cql.ts';
import { absentSystemTable, addressRefusal } from '../topology/address-columns.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { ClusterNode } from '../upstream/node.ts';
import type { PreparedStatement } from '../upstream/prepared.ts';
import { ANYWHERE } from '../upstream/connection-criteria.ts';
import type { Route } from '../upstream/route.ts';
import type { Authority } from '../policy/policy.ts';
import { bound, comparesNode, planTopology, topologyOf } from './answer-topology.ts';
import type { Exchange } from './exchange.ts';
import { javaTypesRefusal } from './java-types.ts';
import { close, reply, wait, type Later, type Outcome } from './outcome.ts';
import {
  decisionEntry,
  recordDenial,
  recordGivenUp,
  recordOutcome,
  recordSuperseded,
} from './recording.ts';
import { afterRoom, auditWait, auditWaitMs, forRoom, hasRoom, unrecordable } from './audit-room.ts';
import { commitAsked } from './require-commit.ts';
import { superuserAsked } from './require-superuser.ts';
import { replies, replyToFault } from './replies.ts';
import type { Session } from './session.ts';
import { enterLane, laneMode, lockLost } from './schema-change.ts';
import { Opcode } from '../protocol/opcodes.ts';

/** Throws on an error of ours; what was kept for the request is given back then. */
export function carryOut(exchange: Exchange): Outcome {
  try {
    return decideAndSend(exchange);
  } catch (error) {
    if (exchange.charge === null) recordGivenUp(exchange);
    throw error;
  }
}

function decideAndSend(exchange: Exchange): Outcome {
  const { session, request } = exchange;
  const { gate } = session;

  const authority = session.authority();
  if (typeof authority === 'string') {
    recordGivenUp(exchange);
    return close(replies.unauthorized(exchange.to, authority), authority);
  }
  if (request.statement.family === 'schema' && isSchemaOld(exchange, authority)) {
    return wait(forSchema(exchange), exchange);
  }
  const decision = decide(authority, request.statement, gate.cluster.schema);
  if (!isPermit(decision)) return absentOrDenied(exchange, decision);
  exchange.decided = decision;
  if (gate.telemetry !== null) exchange.span ??= gate.telemetry.permitted(exchange);

  const refusal = refusalOf(exchange, authority);
  if (refusal !== null) return absent(exchange) ?? invalid(exchange, refusal);
  if (readsEstimates(request.statement) && request.opcode !== Opcode.PREPARE) {
    const denial = estimatesDenial(authority.role, request.statement, bound(exchange));
    if (denial !== null) return deny(exchange, denial);
  }
  const table = topologyOf(exchange);
  if (table !== null && exchange.answering === null && request.opcode !== Opcode.PREPARE) {
    const planned = planTopology(exchange, table);
    if (planned !== null) return planned;
  }

  // What is on disk is what is sent: a policy that came in between makes another decision of it.
  const recorded = exchange.preparations?.recorded ?? null;
  if (recorded !== null && !isSame(recorded, decision)) recordSuperseded(exchange);
  if (!hasRoom(exchange)) return wait(forRoom(exchange), exchange);
  if (isWrittenAhead(exchange)) {
    const commit = commitAsked(exchange, authority);
    if (commit instanceof Promise) return wait(goOnAfter(exchange, commit), exchange);
    if (commit !== null) return deny(exchange, commit);
    const superuser = superuserAsked(exchange, authority);
    if (superuser instanceof Promise) return wait(goOnAfter(exchange, superuser), exchange);
    if (superuser !== null) return deny(exchange, superuser);
    if (exchange.recordId === null) {
      // Before it is recorded: what is decided then is sent at once.
      const mode = exchange.prepare().ticket === null ? laneMode(exchange) : null;
      if (mode !== null) return wait(enterLane(exchange, mode), exchange);
      return wait(writeAhead(exchange, decision), exchange);
    }
  }

  if (exchange.preparations?.ticket?.isHeld === false) return lockLost(exchange);
  const route = session.route();
  exchange.preferred = preferredNodes(exchange);
  const connection = exchange.isUse
    ? route.pickForUse(request.statement.keyspace ?? '', exchange.offered)
    : route.pick(exchange);
  if (connection === null) return wait(forConnection(exchange, route), exchange, exchange.isUse);

  const { sent } = exchange;
  if ((sent.flags & FrameFlag.TRACING) !== 0) {
    exchange.untraced = untracedWhy(exchange, authority);
    if (exchange.untraced !== null) sent.clearFlag(FrameFlag.TRACING);
  }
  // Only now: the connection may be in its keyspace. Schema changes take too long to keep it there.
  if (request.naming && request.namedKeyspace === null) {
    const isSlow = request.statement.family === 'schema';
    if (isSlow || !connection.carries(request.keyspace)) exchange.nameKeyspace();
  }
  exchange.permit = decision;
  exchange.connection = connection;
  return exchange.forward;
}

/**
 * Whether the schema is to be read before the decision: when it comes, and again when it is its turn, for what was
 * absent may have been made meanwhile. From then on nobody else changes the keyspace through a gate.
 */
function isSchemaOld(exchange: Exchange, authority: Authority): boolean {
  if (!hangsOnSchema(authority, exchange.request.statement)) return false;
  const { schemaReadFor, ticket } = exchange.prepare();
  return schemaReadFor !== (ticket ?? 'decision');
}

async function forSchema(exchange: Exchange): Promise<Later> {
  try {
    await exchange.session.gate.cluster.control.refreshSchema();
  } catch (error) {
    const fault = error instanceof UpstreamFault ? error : new UpstreamFault('busy', String(error));
    recordGivenUp(exchange);
    return reply(replyToFault(exchange, fault));
  }
  const preparations = exchange.prepare();
  preparations.schemaReadFor = preparations.ticket ?? 'decision';
  return exchange.goOn;
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

/** Why the answer, or what a node keeps of the text, forbids what is granted. */
function refusalOf({ session, request }: Exchange, { role }: Authority): string | null {
  const { statement } = request;
  const refusal = addressRefusal(statement);
  if (refusal !== null || statement.javaTypes.length === 0) return refusal;
  return javaTypesRefusal(role, statement, session.gate.cluster.schema);
}

/** Apart from the path above: a closure there would cost each request that waits for nothing. */
async function goOnAfter(exchange: Exchange, settled: Promise<unknown>): Promise<Later> {
  await settled;
  return exchange.goOn;
}

/** The nodes that serve it best; none where one is as good as another. */
function preferredNodes(exchange: Exchange): readonly ClusterNode[] {
  const { session, request, repreparedAt } = exchange;
  if (repreparedAt !== null) return [repreparedAt];
  if (exchange.isPinned) return session.pinned();
  return session.gate.cluster.replicasFor(request.frame, request.prepared, request.bound);
}

/** Schema changes, TRUNCATE, roles and grants: on disk before the node sees them. */
function isWrittenAhead({ request }: Exchange): boolean {
  const { family } = request.statement;
  return (family === 'schema' || family === 'role') && request.opcode !== Opcode.PREPARE;
}

/** Whether a record of the one says what the other permits. */
function isSame(recorded: Permit, { policyVersion, cassandraRole, grant }: Permit): boolean {
  return (
    recorded.policyVersion === policyVersion &&
    recorded.cassandraRole === cassandraRole &&
    recorded.grant === grant
  );
}

async function writeAhead(exchange: Exchange, permit: Permit): Promise<Later> {
  const { session } = exchange;
  const { audit, cluster } = session.gate;
  const isSchema = exchange.request.statement.family === 'schema';
  // Room for it and for the outcome was kept: from here on each end of it is recorded.
  const preparations = exchange.prepare();
  preparations.recordId = audit.append(decisionEntry(exchange, permit), session.auditShare);
  preparations.recorded = permit;
  const before = isSchema ? cluster.control.schemaVersion().catch(() => null) : null;
  const isOnDisk =
    preparations.recordId !== null &&
    (await auditWait(exchange, audit.durable(auditWaitMs(exchange))));
  preparations.schemaVersionBefore = await before;
  return isOnDisk ? exchange.goOn : unrecordable(exchange);
}

async function forConnection(exchange: Exchange, route: Route): Promise<Later> {
  const { request } = exchange;
  const nowMs = monotonicMs();
  if (exchange.waitUntilMs === NEVER) {
    exchange.waitUntilMs = later(nowMs, exchange.timeLimitMs);
  }
  try {
    if (nowMs >= exchange.waitUntilMs) {
      throw new UpstreamFault('busy', 'no connection became free in time');
    }
    const want = exchange.isUse ? { ...ANYWHERE, keyspace: request.statement.keyspace } : exchange;
    const { isUse, session, waitUntilMs } = exchange;
    const waitMs = msBetween(nowMs, waitUntilMs);
    exchange.offered = await route.whenAvailable(want, isUse, session.turn, waitMs);
  } catch (error) {
    const fault = error instanceof UpstreamFault ? error : new UpstreamFault('busy', String(error));
    if (fault.code === 'keyspace' && needsNoKeyspace(exchange)) return exchange.goOn;
    recordOutcome(exchange, 'unsent');
    return reply(replyToFault(exchange, fault));
  }
  return exchange.goOn;
}

function invalid(exchange: Exchange, text: string): Outcome {
  recordGivenUp(exchange);
  return reply(replies.invalid(exchange.to, text));
}

/**
 * Drivers look for tables that other releases have, and take this answer for no. Nothing was refused, so nothing is
 * recorded. The schema, which everybody may read, lists the tables of these keyspaces.
 */
function absent(exchange: Exchange): Outcome | null {
  const { session, request } = exchange;
  const table = absentSystemTable(request.statement, session.gate.cluster.schema);
  return table === null ? null : invalid(exchange, `table ${table} does not exist`);
}

function absentOrDenied(exchange: Exchange, denial: Denial): Outcome {
  return absent(exchange) ?? deny(exchange, denial);
}

/**
 * The keyspace that it was to be carried out in is gone. True where it means the same in none: it is what a session
 * without a keyspace would send from here on, and is decided as that.
 */
function needsNoKeyspace(exchange: Exchange): boolean {
  const { request, session } = exchange;
  const { statement, text, prepared } = request;
  if (request.keyspace === NO_KEYSPACE || request.namedKeyspace !== null) return false;
  if (text === null || !meansTheSameInNone(statement)) return false;
  if (text.length > CQL.cachedTextLength) return false;
  // What was prepared stays what it was: the registry has it for all who execute it.
  const anew = prepared.length > 0 ? statement : session.gate.statements.get(text, null);
  if (!isStatement(anew)) return false;
  exchange.request = { ...request, statement: anew, keyspace: NO_KEYSPACE };
  return true;
}

function deny(exchange: Exchange, denial: Denial): Outcome {
  recordGivenUp(exchange);
  return afterRoom(exchange.session, exchange.to, exchange, () => {
    const { session, request, to } = exchange;
    const { telemetry, metrics } = session.gate;
    if (telemetry !== null) exchange.span = telemetry.denied(exchange, denial);
    recordDenial(exchange, denial);
    const foreign = foreignOf(session, request.prepared);
    if (foreign === undefined) return reply(replies.unauthorized(to, denial.message));
    metrics.counter('unprepared_total').value++;
    return reply(replies.unprepared(to, foreign.id));
  });
}

/**
 * The first statement that only others prepared and that is refused here: it is answered as an id that nobody
 * knows, or a client could find out what others have prepared. Whoever prepared it himself is told.
 */
export function foreignOf(
  session: Session,
  prepared: readonly PreparedStatement[],
): PreparedStatement | undefined {
  const { cluster } = session.gate;
  const authority = session.authority();
  return [...new Set(prepared)].find((one) => {
    if (cluster.prepared.wasPreparedBy(one, session)) return false;
    if (typeof authority === 'string') return true;
    return !isPermit(decide(authority, one.statement, cluster.schema));
  });
}
