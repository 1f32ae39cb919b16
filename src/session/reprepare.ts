// UNPREPARED from a node: what the gate registered is prepared there again, and the request repeated once, but only
// if its client would notice nothing. Same id and bind metadata; in v4 the same result metadata as clients were given;
// in v5 the one whose id stands in the client's own EXECUTE, or its driver would read by the old one for ever.
// Otherwise the client gets UNPREPARED and prepares itself: then the node has all of them, so that this ends, also
// where nodes do not agree on the schema.
import { later, monotonicMs } from '../clock.ts';
import {
  isRequestEnough,
  wantedToPrepareAgain,
  type WantedKeyspace,
} from '../cql/connection-state.ts';
import { encodePrepare } from '../protocol/messages/prepare.ts';
import { isPlainErrorCode } from '../protocol/error-codes.ts';
import { encodeError } from '../protocol/messages/error.ts';
import { resultMetadataIdOf } from '../protocol/messages/execute.ts';
import type { Prepared } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { hasPrepareFlags, hasResultMetadataId } from '../protocol/versions.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { Connection } from '../upstream/connection.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { ClusterNode } from '../upstream/node.ts';
import { prepareOver, refusalIn, type Refusal } from '../upstream/own-query.ts';
import type { PreparedStatement, Repaired } from '../upstream/prepared.ts';
import { ANYWHERE, type ConnectionCriteria } from '../upstream/connection-criteria.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { answer, GO_ON, type Later } from './outcome.ts';
import { replies } from './replies.ts';
import { moveOn } from './repeat.ts';
import { scrubbedText } from './scrub.ts';

export interface RepreparingServices extends Pick<Gate, 'metrics'> {
  readonly cluster: Pick<Gate['cluster'], 'prepared'>;
}

export async function reprepare(
  exchange: Exchange,
  services: RepreparingServices,
  connection: Connection,
): Promise<Later> {
  let changed: PreparedStatement | null = null;
  for (const prepared of new Set(exchange.request.prepared)) {
    const repaired = await prepareAgain(exchange, services, prepared, connection).catch(() => null);
    if (repaired !== null && 'refused' in repaired) {
      return refused(exchange, services, prepared, connection, repaired.refused);
    }
    // The others too: with one of them missing, the node would say so again after its client prepared.
    if (!isAsBefore(exchange, services, prepared, repaired)) changed ??= prepared;
  }
  if (changed !== null) return notPrepared(exchange, changed);
  exchange.attempt.isPreparedAnewAt(nodeOf(exchange, connection));
  return GO_ON;
}

/** Whether the node now has the statement exactly as the client knows it. */
function isAsBefore(
  { session, request }: Exchange,
  { cluster }: RepreparingServices,
  prepared: PreparedStatement,
  repaired: Exclude<Repaired, { refused: unknown }> | null,
): boolean {
  if (repaired?.isSame !== true) return false;
  if (!cluster.prepared.knowsMarkers(prepared, session)) return false;
  // A BATCH gives no rows by metadata that its client has.
  if (request.opcode !== Opcode.EXECUTE || repaired.resultMetadataId === null) return true;
  const own = resultMetadataIdOf(request.frame, session.version);
  return own?.equals(repaired.resultMetadataId) === true;
}

function notPrepared(exchange: Exchange, prepared: PreparedStatement): Later {
  return answer(replies.unprepared(exchange.to, prepared.id), 'refused');
}

/**
 * The node does not take what another one took: it may not have a change of the schema yet. Another node is asked,
 * once. A client that were told to prepare might be served by the other node again and again, so it is told what the
 * node says, as if it had prepared there itself.
 */
function refused(
  exchange: Exchange,
  services: RepreparingServices,
  prepared: PreparedStatement,
  { node }: Connection,
  { code, message }: Refusal,
): Later {
  const { session, attempt, request } = exchange;
  if (!session.route().hasOther(node)) return notPrepared(exchange, prepared);
  if (!attempt.movedOn) {
    moveOn(exchange, services, node, 'unprepared');
    return GO_ON;
  }
  if (!isPlainErrorCode(code)) return notPrepared(exchange, prepared);
  const text = scrubbedText(session, message, request.text);
  return answer(encodeError(exchange.to, text, { code }), 'refused');
}

async function prepareAgain(
  exchange: Exchange,
  { cluster, metrics }: RepreparingServices,
  prepared: PreparedStatement,
  connection: Connection,
): Promise<Repaired> {
  const { version } = exchange.session;
  const at = { node: connection.node, version, hasId: hasResultMetadataId(version) };
  return cluster.prepared.repair(prepared, at, async () => {
    metrics.counter('reprepared_total').value++;
    const { statement, keyspace, text } = prepared;
    const wanted = wantedToPrepareAgain(statement, keyspace);
    // A node that speaks a version with flags takes the keyspace from the request.
    const isNamed = hasPrepareFlags(version) && isRequestEnough(statement, wanted);
    const body = encodePrepare(text, version, isNamed ? keyspace : null);
    try {
      return await prepareIn(exchange, isNamed ? null : wanted, connection, body);
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal === null) throw error;
      return refusal;
    }
  });
}

/**
 * The id depends on the keyspace of the connection it is prepared on, unless all names are full. The connection is
 * chosen in the turn in which it is used: others who wait may set its keyspace in between.
 */
async function prepareIn(
  exchange: Exchange,
  keyspace: WantedKeyspace,
  connection: Connection,
  prepare: Buffer,
): Promise<Prepared> {
  const untilMs = later(monotonicMs(), UPSTREAM.acquireTimeoutMs);
  const { givesWay } = exchange;
  const hasRoom = givesWay ? connection.hasMuchRoom : connection.hasRoom;
  let there = hasRoom && connection.isIn(keyspace) ? connection : null;
  if (there === null) {
    const node = nodeOf(exchange, connection);
    if (node === null) throw new UpstreamFault('unreachable', `${connection.node} is gone`);
    const route = exchange.session.route();
    const want: ConnectionCriteria = {
      ...ANYWHERE,
      keyspace,
      preferred: [node],
      only: true,
      givesWay,
    };
    there = route.pick(want);
    while (there === null && monotonicMs() < untilMs) {
      await route.whenAvailable(want, false, exchange.session.turn);
      there = route.pick(want);
    }
  }
  if (there === null) throw new UpstreamFault('busy', 'no connection became free in time');
  return prepareOver(there, prepare, keyspace !== null);
}

function nodeOf({ session }: Exchange, { node }: Connection): ClusterNode | null {
  return session.nodes.find(({ name }) => name === node) ?? null;
}
