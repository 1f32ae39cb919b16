// Answers SELECTs over system.local, system.peers and system.peers_v2 from the node's real rows,
// with the gate in the place of nodes.
import type { SelectionTerm, Statement } from '../cql/statement.ts';
import { TURN } from '../limits.ts';
import { requestReader } from '../protocol/body-prefix.ts';
import { decodeExecute } from '../protocol/messages/execute.ts';
import { boundValues } from '../protocol/messages/parameters.ts';
import { decodeQuery } from '../protocol/messages/query.ts';
import { encodeRows } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { rowsFor, select, type TopologyTable } from '../topology/system-tables.ts';
import { laterTurn, turnWork } from '../turn.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { Exchange } from './exchange.ts';
import { reply, type Later } from './outcome.ts';
import { recordOutcome } from './recording.ts';
import { replies, replyToFault } from './replies.ts';
import { scrubbedText } from './scrub.ts';

const TOO_COMPLEX =
  'Over system.local, system.peers and system.peers_v2 cqlgate answers plain columns with key conditions only: no JSON, CAST, functions or aggregates';

export async function answerTopology(exchange: Exchange, table: TopologyTable): Promise<Later> {
  const { selection } = exchange.request.statement;
  if (selection === null) return reply(replies.invalid(exchange.to, TOO_COMPLEX));
  try {
    return await answer(exchange, table, selection);
  } catch (error) {
    if (!(error instanceof UpstreamFault)) throw error;
    return reply(replyToFault(exchange, error));
  }
}

async function answer(
  exchange: Exchange,
  table: TopologyTable,
  selection: NonNullable<Statement['selection']>,
): Promise<Later> {
  const { session } = exchange;
  const { cluster } = session.gate;
  const siblings = session.siblings();
  // Siblings are rows like the local one; without any the peers are none, and it is not asked for.
  const needsLocal = table !== 'local' && siblings.length > 0;
  const [real, local] = await Promise.all([
    cluster.control.systemTable(table, session.turn),
    needsLocal ? cluster.control.systemTable('local', session.turn) : null,
  ]);
  // Many may have waited for the same rows.
  const work = workOf(selection);
  if (turnWork.isSpent) await laterTurn(work);
  turnWork.add(work);
  // A table that this release lacks: drivers fall back on exactly this answer.
  if ('refused' in real)
    return reply(replies.invalid(exchange.to, scrubbedText(session, real.refused.message)));
  const localRows = local === null || 'refused' in local ? real : local;
  const rows = rowsFor(table, real, {
    clusterName: cluster.control.target.clusterName,
    self: session.advertised,
    siblings,
    local: localRows,
  });
  const answer = select(selection, rows, bound(exchange));
  if ('invalid' in answer) return reply(replies.invalid(exchange.to, answer.invalid));
  recordOutcome(exchange, 'answered');
  return reply(replies.result(exchange.to, encodeRows(answer)));
}

function workOf({ where }: NonNullable<Statement['selection']>): number {
  const terms = where.reduce((sum, condition) => sum + condition.terms.length, 0);
  return TURN.ownAnswer + terms / TURN.termsPerUnit;
}

/** What is bound to the markers of a QUERY or an EXECUTE; looked for once a marker asks. */
export function bound(exchange: Exchange): (term: Marker) => Buffer | null {
  let values: ReturnType<typeof boundValues> | null = null;
  // EXECUTE may name values by the names that PREPARE told, which are the columns'.
  const names = exchange.request.prepared[0]?.bindNames ?? [];
  return ({ index, name }) => {
    values ??= valuesOf(exchange);
    return values({ index, name: name ?? names[index] ?? null });
  };
}

type Marker = Pick<Extract<SelectionTerm, { type: 'marker' }>, 'index' | 'name'>;

function valuesOf({ session, request }: Exchange): ReturnType<typeof boundValues> {
  const { frame, opcode } = request;
  const { parameters } =
    opcode === Opcode.EXECUTE
      ? decodeExecute(frame, session.version)
      : decodeQuery(frame, session.version);
  turnWork.add(parameters.valueCount / TURN.termsPerUnit);
  return boundValues(requestReader(frame), parameters);
}
