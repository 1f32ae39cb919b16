// SELECTs over system.local, system.peers and system.peers_v2, which show the gate in the place of nodes. The client's
// statement goes to its node like any other, so that the node checks it, names the columns and traces it; of the
// answer the gate exchanges what tells nodes:
//   - of system.local, values of a few columns;
//   - where the gate's own values are computed with, the statement that is sent has them in the place of columns;
//   - where rows are chosen by such values, and of peers, which has rows of the gate's own, the answer only says that
//     the statement is sound, and the rows are made here.
import type { SelectionTerm, TopologySelect } from '../cql/statement.ts';
import { CqlErrorCode } from '../protocol/error-codes.ts';
import { CQL } from '../limits/cql.ts';
import { TURN } from '../limits/session.ts';
import { requestReader, responsePrefix, withMessage } from '../protocol/body-prefix.ts';
import type { Frame } from '../protocol/frame.ts';
import { decodeExecute } from '../protocol/messages/execute.ts';
import { boundValues, QueryFlag } from '../protocol/messages/parameters.ts';
import { decodeQuery, withText } from '../protocol/messages/query.ts';
import {
  encodeRows,
  withoutColumns,
  withRows,
  type Column,
  type Rows,
} from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import {
  cellsOf,
  constantSelection,
  countsOf,
  limitOf,
  matching,
  selectionText,
  type Row,
} from '../topology/select-rows.ts';
import { isOpen, rowsFor, topologyTable, type TopologyTable } from '../topology/system-tables.ts';
import { laterTurn, turnWork } from '../turn.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { Exchange } from './exchange.ts';
import { reply, wait, type Later, type Outcome } from './outcome.ts';
import { recordGivenUp, recordOutcome } from './recording.ts';
import { replies, replyToFault } from './replies.ts';
import { scrubbedText, viewOf } from './scrub.ts';

/** What becomes of the answer of the node. */
export interface Answering {
  readonly table: TopologyTable;
  /** `cells`: some values are exchanged (scrub.ts). `as it is`: nothing. `rows`: they are made here. */
  readonly by: 'cells' | 'as it is' | 'rows';
  /** What the node gave where it was asked for no row, where something is computed. */
  readonly empty: Rows | null;
  /** What each selector is called in a result that is not JSON. */
  readonly names: readonly string[];
}

const TOO_COMPLEX = 'Over system.local, system.peers and system.peers_v2 cqlgate answers ';
const REFUSALS = {
  parts: `${TOO_COMPLEX}selections of fewer columns only`,
  functions: `${TOO_COMPLEX}no functions of users on what it exchanges`,
  markers: `${TOO_COMPLEX}no bind markers in a selection of what it exchanges; write the value into the text`,
  conditions: `${TOO_COMPLEX}conditions by = and IN only on what it exchanges, and in no other order`,
  rows: `${TOO_COMPLEX}of gates their columns, what is computed of each by itself, and how many there are`,
} as const;

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

/** The table of a statement that is answered so; null for nearly all. */
export function topologyOf({ request }: Exchange): TopologyTable | null {
  const { kind, tables } = request.statement;
  const table = kind === 'SELECT' ? tables[0] : undefined;
  return table === undefined ? null : topologyTable(table.keyspace, table.table);
}

/** Finds out how it is answered, before it is sent. null: it can be sent. */
export function planTopology(exchange: Exchange, table: TopologyTable): Outcome | null {
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
  const plan = { table, empty: null, names: [] };
  if (!isShownIn && (!isChosen || !isComputed)) {
    const unchosen = isJson ? 'as it is' : 'cells';
    exchange.answering = { ...plan, by: isChosen ? 'rows' : unchosen };
    withColumns(exchange);
    return null;
  }
  if (functions.length > 0) return refused(exchange, REFUSALS.functions);
  if (bindsSelection) return refused(exchange, REFUSALS.markers);
  const by = isChosen ? 'rows' : 'as it is';
  return wait(
    guardedLater(exchange, async () => prepare(exchange, topology, { ...plan, by })),
    exchange,
  );
}

/** Whether the node compares what it has, and nobody else may see, though its rows are not the answer. */
export function comparesNode({ answering, request }: Exchange): boolean {
  return answering?.by === 'rows' && request.statement.restricted?.length !== 0;
}

/** A node leaves out what the columns are of a QUERY, too, where that is asked for; here they must be known. */
function withColumns(exchange: Exchange): void {
  const { frame, opcode, text } = exchange.request;
  const { version } = exchange.session;
  if (opcode === Opcode.QUERY && skipsColumns(exchange)) {
    exchange.instead = withText(frame, version, text ?? '');
  }
}

function skipsColumns({ request, session }: Exchange): boolean {
  const { flags } = request.bound ?? decodeQuery(request.frame, session.version).parameters;
  return (flags & QueryFlag.SKIP_METADATA) !== 0;
}

/** The answer of the node with the gate in it; a promise where rows must be read for that. */
export function answerTopology(
  exchange: Exchange,
  answering: Answering,
  response: Frame,
): Frame | Promise<Later> {
  if (response.opcode !== Opcode.RESULT) return response;
  if (answering.by !== 'rows') return asAsked(exchange, response);
  const { siblings } = viewOf(exchange.session);
  const isNone = answering.table !== 'local' && siblings.length === 0;
  if (isNone && answering.empty === null) return made(exchange, answering, response, []);
  return guardedLater(exchange, async () => answerRows(exchange, answering, response));
}

async function guardedLater(exchange: Exchange, later: () => Promise<Later>): Promise<Later> {
  try {
    return await later();
  } catch (error) {
    if (!(error instanceof UpstreamFault)) throw error;
    recordEnd(exchange);
    if (error.code !== 'protocol') return reply(replyToFault(exchange, error));
    // What a node says of an error of its own, which no other node and no later time mends.
    const text = scrubbedText(exchange.session, error.message);
    return reply(replies.serverError(exchange.to, text));
  }
}

/** Asks a node what it makes of the selection over no row, and writes the statement that is sent. */
async function prepare(
  exchange: Exchange,
  topology: TopologySelect,
  plan: Answering,
): Promise<Later> {
  const { table, by } = plan;
  const { session, request } = exchange;
  const wrong = await wrongIn(exchange, topology, table);
  if (wrong !== null) return wrong;
  const selection = selectionText(topology);
  const ask = async (before: string) =>
    ownRows(exchange, `SELECT ${before}${selection} FROM system.${table} WHERE ${NOWHERE[table]}`);
  const empty = await ask(wordsOf(topology));
  const names = (topology.isJson ? await ask('') : empty).columns.map(({ name }) => name);
  const from = `FROM system.${table} ${topology.tail}`;
  let text = `SELECT ${KEYS[table]} ${from}`;
  if (by === 'as it is') {
    const { columns, rows } = await gateRows(exchange, table);
    const row = rows[0] ?? columns.map(() => null);
    text = `SELECT ${constantText(exchange, topology, columns, row, { table, names })} ${from}`;
  }
  // It costs the node that parses it, like a client's.
  if (text.length > CQL.cachedTextLength) return refused(exchange, REFUSALS.parts);
  exchange.instead = withText(request.frame, session.version, text);
  exchange.answering = { ...plan, empty, names };
  return exchange.goOn;
}

/**
 * What is wrong with a statement, as a node says it that prepares it: no value of a row is looked at for that. Of
 * another text than its own, the client's values are counted here, too.
 */
async function wrongIn(
  exchange: Exchange,
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
  const refusal = await session.gate.cluster.control.refusalOf(text, session.turn);
  if (refusal === null) return null;
  const said = scrubbedText(session, refusal.message, request.text);
  if (refusal.code === CqlErrorCode.INVALID) return refused(exchange, said);
  if (refusal.code !== CqlErrorCode.SYNTAX_ERROR) throw new UpstreamFault('protocol', said);
  recordEnd(exchange);
  return reply(replies.syntaxError(exchange.to, said));
}

function wordsOf({ isJson, isDistinct }: TopologySelect): string {
  return (isJson ? 'JSON ' : '') + (isDistinct ? 'DISTINCT ' : '');
}

/** What is selected, with the values of a row in it. */
function constantText(
  { session }: Exchange,
  topology: TopologySelect,
  columns: readonly Column[],
  row: Row,
  { table, names }: Pick<Answering, 'table' | 'names'>,
): string {
  const view = viewOf(session);
  const isKept = (column: string): boolean => isOpen(table, column, view);
  const selection = constantSelection(topology, { columns, row }, names, isKept);
  return topology.isJson ? `JSON ${selection}` : selection;
}

async function answerRows(
  exchange: Exchange,
  answering: Answering,
  response: Frame,
): Promise<Later> {
  const topology = exchange.request.statement.topology!;
  const all = await gateRows(exchange, answering.table);
  const rows = await chosenRows(exchange, answering, topology, all);
  if ('type' in rows) return rows;
  const answer = made(exchange, answering, response, rows);
  recordOutcome(exchange, answer);
  answer.setStreamId(exchange.clientStreamId);
  return reply(Buffer.from(answer.bytes()));
}

/** The rows of the result. */
async function chosenRows(
  exchange: Exchange,
  answering: Answering,
  topology: TopologySelect,
  { columns, rows: all }: Rows,
): Promise<readonly Row[] | Later> {
  const { selectors, isDistinct, groups } = topology;
  const { empty } = answering;
  const isAggregate = empty !== null && empty.rows.length > 0 && !groups;
  if (all.length === 0) return isAggregate ? empty.rows : [];
  if (topology.rows === null) return refused(exchange, REFUSALS.conditions);
  const { where, limit } = topology.rows;
  const values = bound(exchange);
  const work =
    TURN.ownAnswer + where.reduce((sum, { terms }) => sum + terms.length, 0) / TURN.termsPerUnit;
  if (turnWork.isSpent) await laterTurn(work);
  turnWork.add(work);
  const matched = matching({ columns, rows: all }, where, values);
  if (matched === null) return refused(exchange, REFUSALS.conditions);
  if (isAggregate) {
    if (matched.length === 0) return empty.rows;
    if (matched.length > 1) {
      const counts = topology.isJson ? null : countsOf(selectors, columns, matched);
      return counts === null ? refused(exchange, REFUSALS.rows) : [counts];
    }
  }
  const some = matched.slice(0, limitOf(limit, values));
  if (empty === null) {
    const cells = some.map((row) => cellsOf(selectors, columns, row));
    return isDistinct ? distinct(cells) : cells;
  }
  return computed(exchange, answering, topology, columns, some);
}

/** Each row by itself, over the one row that there is of system.local. */
async function computed(
  exchange: Exchange,
  answering: Answering,
  topology: TopologySelect,
  columns: readonly Column[],
  rows: readonly Row[],
): Promise<readonly Row[] | Later> {
  const { control } = exchange.session.gate.cluster;
  const answers = await Promise.all(
    rows.map(async (row) => {
      const text = constantText(exchange, topology, columns, row, answering);
      const query = `SELECT ${text} FROM system.local WHERE key = 'local'`;
      return control.systemRows(query, exchange.session.turn);
    }),
  );
  const found: Row[] = [];
  for (const answer of answers) {
    // Something that needs a column and is not satisfied with a value.
    if ('refused' in answer) return refused(exchange, REFUSALS.rows);
    found.push(...answer.rows);
  }
  return topology.isDistinct ? distinct(found) : found;
}

function distinct(rows: readonly Row[]): readonly Row[] {
  const isSame = (a: Row, b: Row): boolean =>
    a.every((cell, i) => (cell === null ? b[i] === null : b[i] !== null && cell.equals(b[i]!)));
  return rows.filter((row, i) => rows.findIndex((one) => isSame(one, row)) === i);
}

/** The answer of the node with these rows, behind whatever else it says. */
function made(
  exchange: Exchange,
  { empty }: Answering,
  response: Frame,
  rows: readonly Row[],
): Frame {
  const message =
    empty === null
      ? withRows(response, exchange.session.version, rows)
      : encodeRows({ columns: empty.columns, rows });
  return asAsked(exchange, withMessage(response, responsePrefix(response), message));
}

/** Another text than the client's was answered with its columns. */
function asAsked(exchange: Exchange, response: Frame): Frame {
  if (exchange.instead === null || !skipsColumns(exchange)) return response;
  const message = withoutColumns(response, exchange.session.version);
  return withMessage(response, responsePrefix(response), message);
}

/** All rows of the table as clients may see them. */
async function gateRows(exchange: Exchange, table: TopologyTable): Promise<Rows> {
  const ask = async (name: string) => ownRows(exchange, `SELECT * FROM system.${name}`);
  const [real, local] = await Promise.all([ask(table), table === 'local' ? null : ask('local')]);
  return rowsFor(table, real, { ...viewOf(exchange.session), local: local ?? real });
}

/** Of a query that is known to be sound. */
async function ownRows({ session }: Exchange, query: string): Promise<Rows> {
  const rows = await session.gate.cluster.control.systemRows(query, session.turn);
  if ('refused' in rows) throw new UpstreamFault('protocol', rows.refused.message);
  return rows;
}

function refused(exchange: Exchange, text: string): Later {
  recordEnd(exchange);
  return reply(replies.invalid(exchange.to, text));
}

function recordEnd(exchange: Exchange): void {
  if (exchange.node === null) recordGivenUp(exchange);
  else recordOutcome(exchange, 'answered');
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
