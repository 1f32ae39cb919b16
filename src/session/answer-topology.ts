// The answer to a SELECT over system.local, system.peers or system.peers_v2: the node's, with the gate in the place of
// nodes, as plan-topology.ts found before it was sent.
import type { TopologySelect } from '../cql/statement.ts';
import { TURN } from '../limits/session.ts';
import { responsePrefix, withMessage } from '../protocol/body-prefix.ts';
import type { Frame } from '../protocol/frame.ts';
import {
  encodeRows,
  withoutColumns,
  withRows,
  type Column,
  type Rows,
} from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { cellsOf, countsOf, limitOf, matching, type Row } from '../topology/select-rows.ts';
import { laterTurn, turnWork } from '../turn.ts';
import type { Answering } from './attempt.ts';
import { boundValuesOf } from './bound-values.ts';
import type { Exchange } from './exchange.ts';
import { answer, type Later } from './outcome.ts';
import { viewOf } from './scrub.ts';
import {
  constantText,
  gateRows,
  orFault,
  refused,
  REFUSALS,
  skipsColumns,
  type TopologyServices,
} from './topology-rows.ts';

/** The answer of the node with the gate in it; a promise where rows must be read for that. */
export function answerTopology(
  exchange: Exchange,
  services: TopologyServices,
  answering: Answering,
  response: Frame,
): Frame | Promise<Later> {
  if (response.opcode !== Opcode.RESULT) return response;
  if (answering.by !== 'rows') return asAsked(exchange, response);
  const { siblings } = viewOf(exchange.session);
  const isNone = answering.table !== 'local' && siblings.length === 0;
  if (isNone && answering.empty === null) return made(exchange, answering, response, []);
  return orFault(exchange, async () => answerRows(exchange, services, answering, response));
}

/** Whether the node compares what it has, and nobody else may see, though its rows are not the answer. */
export function comparesNode({ attempt, request }: Exchange): boolean {
  return attempt.answering?.by === 'rows' && request.statement.restricted?.length !== 0;
}

async function answerRows(
  exchange: Exchange,
  services: TopologyServices,
  answering: Answering,
  response: Frame,
): Promise<Later> {
  const topology = exchange.request.statement.topology!;
  const all = await gateRows(exchange, services, answering.table);
  const rows = await chosenRows(exchange, services, answering, topology, all);
  if ('type' in rows) return rows;
  const result = made(exchange, answering, response, rows);
  result.setStreamId(exchange.request.clientStreamId);
  return answer(Buffer.from(result.bytes()), result);
}

/** The rows of the result. */
async function chosenRows(
  exchange: Exchange,
  services: TopologyServices,
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
  const values = boundValuesOf(exchange);
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
  return computed(exchange, services, answering, topology, columns, some);
}

/** Each row by itself, over the one row that there is of system.local. */
async function computed(
  exchange: Exchange,
  { cluster }: TopologyServices,
  answering: Answering,
  topology: TopologySelect,
  columns: readonly Column[],
  rows: readonly Row[],
): Promise<readonly Row[] | Later> {
  const answers = await Promise.all(
    rows.map(async (row) => {
      const text = constantText(exchange, topology, columns, row, answering);
      const query = `SELECT ${text} FROM system.local WHERE key = 'local'`;
      return cluster.control.systemRows(query, exchange.session.turn);
    }),
  );
  const found: Row[] = [];
  for (const one of answers) {
    // Something that needs a column and is not satisfied with a value.
    if ('refused' in one) return refused(exchange, REFUSALS.rows);
    found.push(...one.rows);
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
  if (exchange.attempt.instead === null || !skipsColumns(exchange)) return response;
  const message = withoutColumns(response, exchange.session.version);
  return withMessage(response, responsePrefix(response), message);
}
