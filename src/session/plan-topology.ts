// How a SELECT over system.local, system.peers or system.peers_v2, which show the gate in the place of nodes, is
// answered: found out before it is sent (answer-topology.ts does it). The client's statement goes to its node like any
// other, so that the node checks it, names the columns and traces it; of the answer the gate exchanges what tells nodes:
//   - of system.local, values of a few columns;
//   - where the gate's own values are computed with, the statement that is sent has them in the place of columns;
//   - where rows are chosen by such values, and of peers, which has rows of the gate's own, the answer only says that
//     the statement is sound, and the rows are made here.
import type { Statement, TopologySelect } from '../cql/statement.ts';
import { CqlErrorCode } from '../protocol/error-codes.ts';
import { CQL } from '../limits/cql.ts';
import type { Frame } from '../protocol/frame.ts';
import { withText } from '../protocol/messages/query.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { selectionText } from '../topology/select-rows.ts';
import { isOpen, topologyTable, type TopologyTable } from '../topology/system-tables.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { Answering } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { answer, GO_ON, wait, type Later, type Outcome } from './outcome.ts';
import { replies } from './replies.ts';
import { scrubbedText, viewOf } from './scrub.ts';
import {
  constantText,
  gateRows,
  orFault,
  ownEnding,
  ownRows,
  refused,
  REFUSALS,
  skipsColumns,
  type TopologyServices,
} from './topology-rows.ts';

const KEYS: Readonly<Record<TopologyTable, string>> = {
  local: 'key',
  peers: 'peer',
  peers_v2: 'peer',
};

/** Rows of these keys are nowhere. */
const NOWHERE: Readonly<Record<TopologyTable, string>> = {
  local: "key = 'none'",
  peers: "peer = '0.0.0.0'",
  peers_v2: "peer = '0.0.0.0'",
};

/** Before it is sent: null says that it can be, or that it is no such SELECT. */
export function planTopology(exchange: Exchange, services: TopologyServices): Outcome | null {
  const { request, attempt } = exchange;
  const table = topologyOf(request.statement);
  if (table === null || attempt.answering !== null || request.isPrepare) return null;
  return plan(exchange, services, table);
}

function plan(
  exchange: Exchange,
  services: TopologyServices,
  table: TopologyTable,
): Outcome | null {
  const { topology, restricted, functions } = exchange.request.statement;
  if (topology === null) return refused(exchange, REFUSALS.parts);
  const view = viewOf(exchange.session);
  const isShown = (column: string): boolean => !isOpen(table, column, view);
  const isChosen = table !== 'local' || restricted === null || restricted.some(isShown);
  const { selectors, isJson, bindsSelection } = topology;
  const isComputed = isJson || selectors?.some(({ column }) => column === null) === true;
  const shows = ({ column, reads }: NonNullable<typeof selectors>[number]): boolean =>
    (isJson || column === null) && reads.some(({ name }) => isShown(name));
  const isShownIn = selectors === null ? isJson : selectors.some(shows);
  const answering = { table, empty: null, names: [] };
  if (!isShownIn && (!isChosen || !isComputed)) {
    const unchosen = isJson ? 'as it is' : 'cells';
    const by = isChosen ? 'rows' : unchosen;
    exchange.attempt.answersAs({ ...answering, by }, withColumns(exchange));
    return null;
  }
  if (functions.length > 0) return refused(exchange, REFUSALS.functions);
  if (bindsSelection) return refused(exchange, REFUSALS.markers);
  const by = isChosen ? 'rows' : 'as it is';
  return wait(
    orFault(exchange, async () => prepare(exchange, services, topology, { ...answering, by })),
  );
}

/** The table of a statement that is answered so; null for nearly all. */
function topologyOf({ kind, tables }: Statement): TopologyTable | null {
  const table = kind === 'SELECT' ? tables[0] : undefined;
  return table === undefined ? null : topologyTable(table.keyspace, table.table);
}

/** A node leaves out what the columns are of a QUERY, too, where that is asked for; here they must be known. */
function withColumns(exchange: Exchange): Frame | null {
  const { frame, opcode, text } = exchange.request;
  if (opcode !== Opcode.QUERY || !skipsColumns(exchange)) return null;
  return withText(frame, exchange.session.version, text ?? '');
}

/** Asks a node what it makes of the selection over no row, and writes the statement that is sent. */
async function prepare(
  exchange: Exchange,
  services: TopologyServices,
  topology: TopologySelect,
  planned: Answering,
): Promise<Later> {
  const { table, by } = planned;
  const { session, request } = exchange;
  const wrong = await wrongIn(exchange, services, topology, table);
  if (wrong !== null) return wrong;
  const selection = selectionText(topology);
  const ask = async (before: string) =>
    ownRows(
      exchange,
      services,
      `SELECT ${before}${selection} FROM system.${table} WHERE ${NOWHERE[table]}`,
    );
  const empty = await ask(wordsOf(topology));
  const names = (topology.isJson ? await ask('') : empty).columns.map(({ name }) => name);
  const from = `FROM system.${table} ${topology.tail}`;
  let text = `SELECT ${KEYS[table]} ${from}`;
  if (by === 'as it is') {
    const { columns, rows } = await gateRows(exchange, services, table);
    const row = rows[0] ?? columns.map(() => null);
    text = `SELECT ${constantText(exchange, topology, columns, row, { table, names })} ${from}`;
  }
  // It costs the node that parses it, like a client's.
  if (text.length > CQL.cachedTextLength) return refused(exchange, REFUSALS.parts);
  const instead = withText(request.frame, session.version, text);
  exchange.attempt.answersAs({ ...planned, empty, names }, instead);
  return GO_ON;
}

/**
 * What is wrong with a statement, as a node says it that prepares it: no value of a row is looked at for that. Of
 * another text than its own, the client's values are counted here, too.
 */
async function wrongIn(
  exchange: Exchange,
  { cluster }: TopologyServices,
  topology: TopologySelect,
  table: TopologyTable,
): Promise<Later | null> {
  const { session, request } = exchange;
  const [prepared] = request.prepared;
  if (prepared !== undefined && request.bound !== null) {
    const markers = prepared.bindNames.length;
    const values = request.bound.valueCount;
    if (markers === values) return null;
    const text = `there were ${markers} markers(?) in CQL but ${values} bound variables`;
    return refused(exchange, text);
  }
  const text = `SELECT ${wordsOf(topology)}${selectionText(topology)} FROM system.${table} ${topology.tail}`;
  const refusal = await cluster.control.refusalOf(text, session.turn);
  if (refusal === null) return null;
  const said = scrubbedText(session, refusal.message, request.text);
  if (refusal.code === CqlErrorCode.INVALID) return refused(exchange, said);
  if (refusal.code !== CqlErrorCode.SYNTAX_ERROR) throw new UpstreamFault('protocol', said);
  return answer(replies.syntaxError(exchange.to, said), ownEnding(exchange));
}

function wordsOf({ isJson, isDistinct }: TopologySelect): string {
  return (isJson ? 'JSON ' : '') + (isDistinct ? 'DISTINCT ' : '');
}
