// UNPREPARED from a node: what the gate registered is prepared there again, and the request repeated
// once, but only if clients would notice nothing: same id, and metadata byte-equal to what they were
// given. Otherwise the client gets UNPREPARED and prepares itself.
import { later, monotonicMs } from '../clock.ts';
import {
  isRequestEnough,
  wantedToPrepareAgain,
  type WantedKeyspace,
} from '../cql/connection-state.ts';
import type { Frame } from '../protocol/frame.ts';
import { encodePrepare } from '../protocol/messages/prepare.ts';
import { decodePrepared, resultKind, ResultKind } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { hasPrepareFlags, hasResultMetadataId } from '../protocol/versions.ts';
import { UPSTREAM } from '../limits.ts';
import type { Connection } from '../upstream/connection.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { ClusterNode } from '../upstream/node.ts';
import type { PreparedStatement } from '../upstream/prepared.ts';
import { ANYWHERE, type Want } from '../upstream/route.ts';
import type { Exchange } from './exchange.ts';
import { reply, type Later } from './outcome.ts';
import { recordGivenUp } from './recording.ts';
import { replies } from './replies.ts';

export async function reprepare(exchange: Exchange, connection: Connection): Promise<Later> {
  for (const prepared of new Set(exchange.request.prepared)) {
    if (!(await prepareAgain(exchange, prepared, connection).catch(() => false))) {
      recordGivenUp(exchange);
      return reply(replies.unprepared(exchange.to, prepared.id));
    }
  }
  exchange.connection = null;
  exchange.repreparedAt = nodeOf(exchange, connection);
  return exchange.goOn;
}

/** True when the node now has the statement exactly as the client knows it. */
async function prepareAgain(
  exchange: Exchange,
  prepared: PreparedStatement,
  connection: Connection,
): Promise<boolean> {
  const { session } = exchange;
  const { version } = session;
  const registry = session.gate.cluster.prepared;
  const at = { node: connection.node, version, hasId: hasResultMetadataId(version) };
  return registry.repair(prepared, at, async () => {
    session.gate.metrics.counter('reprepared_total').value++;
    const { statement, keyspace, text } = prepared;
    const wanted = wantedToPrepareAgain(statement, keyspace);
    // A node that speaks a version with flags takes the keyspace from the request.
    const isNamed = hasPrepareFlags(version) && isRequestEnough(statement, wanted);
    const response = await requestIn(
      exchange,
      isNamed ? null : wanted,
      connection,
      encodePrepare(text, version, isNamed ? keyspace : null),
    );
    if (response.opcode !== Opcode.RESULT) return null;
    return resultKind(response) === ResultKind.PREPARED ? decodePrepared(response, version) : null;
  });
}

/**
 * The id depends on the keyspace of the connection it is prepared on, unless all names are full. The connection is
 * chosen in the turn in which it is used: others who wait may set its keyspace in between.
 */
async function requestIn(
  exchange: Exchange,
  keyspace: WantedKeyspace,
  connection: Connection,
  prepare: Buffer,
): Promise<Frame> {
  const untilMs = later(monotonicMs(), UPSTREAM.acquireTimeoutMs);
  const { givesWay } = exchange;
  const hasRoom = givesWay ? connection.hasMuchRoom : connection.hasRoom;
  let there = hasRoom && connection.isIn(keyspace) ? connection : null;
  if (there === null) {
    const node = nodeOf(exchange, connection);
    if (node === null) throw new UpstreamFault('unreachable', `${connection.node} is gone`);
    const route = exchange.session.route();
    const want: Want = { ...ANYWHERE, keyspace, preferred: [node], only: true, givesWay };
    there = route.pick(want);
    while (there === null && monotonicMs() < untilMs) {
      await route.whenAvailable(want, false, exchange.session.turn);
      there = route.pick(want);
    }
  }
  if (there === null) throw new UpstreamFault('busy', 'no connection became free in time');
  return there.request(Opcode.PREPARE, prepare, UPSTREAM.controlTimeoutMs, keyspace !== null);
}

function nodeOf({ session }: Exchange, { node }: Connection): ClusterNode | null {
  return session.gate.cluster.nodes.find(({ name }) => name === node) ?? null;
}
