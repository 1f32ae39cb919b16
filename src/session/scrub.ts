// What of a node's answers is rewritten before anything else sees it, so that no address of a node reaches a
// client: errors and warnings, and the rows of a few statements. All others are passed on unread.
import type { Statement } from '../cql/statement.ts';
import { FrameFlag, type Frame } from '../protocol/frame.ts';
import { CQL } from '../limits/cql.ts';
import { TURN } from '../limits/session.ts';
import { columnsOf, type Column } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { TypeCode } from '../protocol/types.ts';
import { estimatesFilter, readsEstimates } from '../policy/estimates.ts';
import { TRACES } from '../policy/system-keyspaces.ts';
import { NodeAddresses, type Scrub } from '../topology/node-addresses.ts';
import { filterRows } from '../topology/filter-rows.ts';
import { editRows, scrubResponse, scrubRows } from '../topology/scrub-response.ts';
import { localEdit, type GateView } from '../topology/system-tables.ts';
import { turnWork } from '../turn.ts';
import type { ClusterNode } from '../upstream/node.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import type { SessionFacts } from './session-facts.ts';

export interface ScrubServices {
  readonly cluster: { readonly prepared: Pick<Gate['cluster']['prepared'], 'resultMetadata'> };
}

/** By the list of nodes, which is another one when they change. */
const KNOWN = new WeakMap<readonly ClusterNode[], NodeAddresses>();

/** The response as its client may see it; the same object for nearly all. */
export function scrubbed(exchange: Exchange, services: ScrubServices, response: Frame): Frame {
  const { attempt, request } = exchange;
  const said = withoutAddresses(exchange, services, response);
  if (attempt.answering?.by === 'cells') return withGate(exchange, services, said);
  return readsEstimates(request.statement) ? ownRows(exchange, services, said) : said;
}

/** Of the row of system.local, the gate's own values. Copying it is work: it may be asked for a thousand times. */
function withGate(exchange: Exchange, services: ScrubServices, response: Frame): Frame {
  if (response.opcode !== Opcode.RESULT) return response;
  const { session, request } = exchange;
  turnWork.add(TURN.frame + response.byteLength / TURN.bytesPerUnit);
  const view = viewOf(session);
  const selectors = request.statement.topology?.selectors ?? null;
  const edit = ({ name, type }: Column, i: number) => {
    const column = selectors === null ? name : (selectors[i]?.column ?? null);
    return column === null ? null : localEdit({ name: column, type }, view);
  };
  const prepared = () => preparedColumns(exchange, services);
  return editRows(response, session.version, { count: selectors?.length ?? null, prepared, edit });
}

/** What drivers are told of this gate and those beside it. */
export function viewOf(session: SessionFacts): GateView {
  const { clusterName, advertised } = session;
  return { clusterName, self: advertised, siblings: session.siblings() };
}

/** Of the estimates of sizes, the rows of the role's own keyspaces. */
function ownRows(exchange: Exchange, services: ScrubServices, response: Frame): Frame {
  const { session, request } = exchange;
  const authority = session.authority();
  if (response.opcode !== Opcode.RESULT || request.isPrepare) return response;
  const role = typeof authority === 'string' ? null : authority.role;
  const filter = role === null ? NOTHING : estimatesFilter(role, request.statement);
  if (filter === null) return response;
  const { column, keeps } = filter;
  const prepared = () => preparedColumns(exchange, services);
  return filterRows(response, session.version, { column, name: 'keyspace_name', keeps, prepared });
}

/** A session that has no authority any more sees none of them. */
const NOTHING = { column: -1, keeps: () => false };

function withoutAddresses(exchange: Exchange, services: ScrubServices, response: Frame): Frame {
  const { session, request } = exchange;
  const telling = tellingRows(request.statement);
  const isError = response.opcode === Opcode.ERROR;
  if (!isError && telling === null && (response.flags & FrameFlag.WARNING) === 0) return response;
  const scrub = { ...scrubOf(session), quoted: quotedIn(request.text) };
  const { version } = session;
  const said = scrubResponse(response, version, scrub);
  if (telling === null || said.opcode !== Opcode.RESULT) return said;
  return scrubRows(
    said,
    version,
    { ...telling, prepared: () => preparedColumns(exchange, services) },
    scrub,
  );
}

/** A text of the gate's own with what a node or the gate's side of it put there; it may quote a statement. */
export function scrubbedText(
  session: SessionFacts,
  text: string,
  quoted: string | null = null,
): string {
  const { nodes, gate } = scrubOf(session);
  return nodes.scrub(text, gate, quotedIn(quoted));
}

/** It is searched for each error: a long one is not, and its addresses go like all others. */
function quotedIn(text: string | null): string | null {
  return text === null || text.length > CQL.cachedTextLength ? null : text;
}

/** Whether answers to it are read here, where they have no warning. */
export function looksIntoRows(statement: Statement): boolean {
  if (statement.topology !== null) return true;
  return tellingRows(statement) !== null || readsEstimates(statement);
}

/** What is looked into of the rows that tell addresses; null for nearly all statements. */
function tellingRows({ selection, tables, describe }: Statement) {
  if (selection !== null && tables[0]?.keyspace === TRACES.keyspace) {
    return { names: selection.columns?.map(({ name }) => name) ?? null, only: null };
  }
  // The ranges of DESCRIBE CLUSTER; its texts, and all else of that form, are of the schema.
  return describe?.form === 'cluster' ? DESCRIBED : null;
}

const DESCRIBED = { names: null, only: TypeCode.MAP };

function scrubOf({ nodes, advertised }: SessionFacts): Omit<Scrub, 'quoted'> {
  let known = KNOWN.get(nodes);
  if (known === undefined) {
    known = new NodeAddresses(nodes.flatMap(({ host, native }) => [host, native.host]));
    KNOWN.set(nodes, known);
  }
  return { nodes: known, gate: advertised };
}

/** EXECUTE may leave the metadata out: then rows are as PREPARED said. */
function preparedColumns(
  { session, request }: Exchange,
  { cluster }: ScrubServices,
): ReturnType<typeof columnsOf> | null {
  const [prepared] = request.prepared;
  if (prepared === undefined) return null;
  const metadata = cluster.prepared.resultMetadata(prepared, session.version);
  return metadata === null ? null : columnsOf(metadata, session.version);
}
