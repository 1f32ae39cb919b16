// What the plan and the answer of a SELECT over system.local, system.peers or system.peers_v2 share: the rows that
// clients may see of these tables, and how what cannot be answered is refused.
import type { TopologySelect } from '../cql/statement.ts';
import type { Column, Rows } from '../protocol/messages/result.ts';
import { QueryFlag } from '../protocol/messages/parameters.ts';
import { decodeQuery } from '../protocol/messages/query.ts';
import { constantSelection, type Row } from '../topology/select-rows.ts';
import { isOpen, rowsFor, type TopologyTable } from '../topology/system-tables.ts';
import type { ControlConnection } from '../upstream/control-connection.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { Answering } from './attempt.ts';
import type { Ending } from './ending.ts';
import type { Exchange } from './exchange.ts';
import { answer, type FinalOutcome, type Later } from './outcome.ts';
import { replies, replyToFault } from './replies.ts';
import { scrubbedText, viewOf } from './scrub.ts';

/** Queries of the gate's own about the table that is asked for. */
export interface TopologyServices {
  readonly cluster: {
    readonly control: Pick<ControlConnection, 'refusalOf' | 'systemRows'>;
  };
}

const TOO_COMPLEX = 'Over system.local, system.peers and system.peers_v2 cqlgate answers ';
export const REFUSALS = {
  parts: `${TOO_COMPLEX}selections of fewer columns only`,
  functions: `${TOO_COMPLEX}no functions of users on what it exchanges`,
  markers: `${TOO_COMPLEX}no bind markers in a selection of what it exchanges; write the value into the text`,
  conditions: `${TOO_COMPLEX}conditions by = and IN only on what it exchanges, and in no other order`,
  rows: `${TOO_COMPLEX}of gates their columns, what is computed of each by itself, and how many there are`,
} as const;

export async function orFault(exchange: Exchange, later: () => Promise<Later>): Promise<Later> {
  try {
    return await later();
  } catch (error) {
    if (!(error instanceof UpstreamFault)) throw error;
    const ending = ownEnding(exchange);
    if (error.code !== 'protocol') return answer(replyToFault(exchange, error), ending);
    // What a node says of an error of its own, which no other node and no later time mends.
    const text = scrubbedText(exchange.session, error.message);
    return answer(replies.serverError(exchange.to, text), ending);
  }
}

export function refused(exchange: Exchange, text: string): FinalOutcome {
  return answer(replies.invalid(exchange.to, text), ownEnding(exchange));
}

/** How a request ends that the gate answers itself, whether a node was asked before or not. */
export function ownEnding({ attempt }: Exchange): Ending {
  return attempt.node === null ? 'refused' : 'answered';
}

export function skipsColumns({ request, session }: Exchange): boolean {
  const { flags } = request.bound ?? decodeQuery(request.frame, session.version).parameters;
  return (flags & QueryFlag.SKIP_METADATA) !== 0;
}

/** What is selected, with the values of a row in it. */
export function constantText(
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

/** All rows of the table as clients may see them. */
export async function gateRows(
  exchange: Exchange,
  services: TopologyServices,
  table: TopologyTable,
): Promise<Rows> {
  const ask = async (name: string) => ownRows(exchange, services, `SELECT * FROM system.${name}`);
  const [real, local] = await Promise.all([ask(table), table === 'local' ? null : ask('local')]);
  return rowsFor(table, real, { ...viewOf(exchange.session), local: local ?? real });
}

/** Of a query that is known to be sound. */
export async function ownRows(
  { session }: Exchange,
  { cluster }: TopologyServices,
  query: string,
): Promise<Rows> {
  const rows = await cluster.control.systemRows(query, session.turn);
  if ('refused' in rows) throw new UpstreamFault('protocol', rows.refused.message);
  return rows;
}
