// UNPREPARED from a node: what the gate registered is prepared there again, and the request repeated
// once, but only if clients would notice nothing: same id, and metadata byte-equal to what they were
// given. Otherwise the client gets UNPREPARED and prepares itself.
import { isInState, wantedToPrepareAgain, type WantedKeyspace } from '../cql/connection-state.ts';
import { encodePrepare } from '../protocol/messages/prepare.ts';
import { decodePrepared, resultKind, ResultKind } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { hasResultMetadataId } from '../protocol/versions.ts';
import { UPSTREAM } from '../limits.ts';
import type { Connection } from '../upstream/connection.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { ClusterNode } from '../upstream/node.ts';
import type { PreparedStatement } from '../upstream/prepared.ts';
import { ANYWHERE, type Want } from '../upstream/route.ts';
import type { Exchange } from './exchange.ts';
import { reply, type Outcome } from './outcome.ts';
import { recordGivenUp } from './recording.ts';
import { replies } from './replies.ts';

export async function reprepare(exchange: Exchange, connection: Connection): Promise<Outcome> {
  for (const prepared of new Set(exchange.request.prepared)) {
    if (!(await prepareAgain(exchange, prepared, connection).catch(() => false))) {
      recordGivenUp(exchange);
      return reply(replies.unprepared(exchange.to, prepared.id));
    }
  }
  exchange.connection = null;
  exchange.repreparedAt = nodeOf(exchange, connection);
  return exchange.again();
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
    const wanted = wantedToPrepareAgain(prepared.statement, prepared.keyspace);
    const there = await connectionIn(exchange, wanted, connection);
    const response = await there.request(
      Opcode.PREPARE,
      encodePrepare(prepared.text, version),
      UPSTREAM.controlTimeoutMs,
    );
    if (response.opcode !== Opcode.RESULT) return null;
    return resultKind(response) === ResultKind.PREPARED ? decodePrepared(response, version) : null;
  });
}

/** The id depends on the keyspace of the connection it is prepared on, unless all names are full. */
async function connectionIn(
  exchange: Exchange,
  keyspace: WantedKeyspace,
  connection: Connection,
): Promise<Connection> {
  const { givesWay } = exchange;
  const hasRoom = givesWay ? connection.hasMuchRoom : connection.hasRoom;
  if (hasRoom && isInState(connection.keyspace, keyspace)) return connection;
  const node = nodeOf(exchange, connection);
  if (node === null) throw new UpstreamFault('unreachable', `${connection.node} is gone`);
  const route = exchange.session.route();
  const want: Want = { ...ANYWHERE, keyspace, preferred: [node], only: true, givesWay };
  return route.pick(want) ?? (await route.whenAvailable(want, false, exchange.session.turn));
}

function nodeOf({ session }: Exchange, { node }: Connection): ClusterNode | null {
  return session.gate.cluster.nodes.find(({ name }) => name === node) ?? null;
}
