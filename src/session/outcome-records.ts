// The records of what came of a request: one for a change of the schema or of roles, one for each read or write of
// rows under `dml: all`, and one for each child of a BATCH up to a bound. Otherwise rows are counted (activity.ts).
import { createHash } from 'node:crypto';
import { LONG_AGO, msSince } from '../clock.ts';
import type { AuditEntry, OutcomeRecord } from '../audit/record.ts';
import type { Statement } from '../cql/statement.ts';
import { consistencyName } from '../protocol/consistency.ts';
import { Frame } from '../protocol/frame.ts';
import { errorCodeText } from '../protocol/error-codes.ts';
import { errorCodeOf } from '../protocol/messages/error.ts';
import { rowCount } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { LEDGER } from '../limits/audit.ts';
import { TURN } from '../limits/session.ts';
import { turnWork } from '../turn.ts';
import type { Denied, Ending, SchemaChanged } from './ending.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import type { BatchPart } from './request.ts';
import { permitRecord, recordOf, statementRecord, traceRecord } from './statement-records.ts';

/** How a request that was let through ended. */
export type LetThrough = Exclude<Ending, Denied | 'refused'>;

/** Of a change: what came of the decision on disk, or of one that is not there. */
export function outcomeEntry(exchange: Exchange, ending: LetThrough): AuditEntry {
  const { session, attempt } = exchange;
  return {
    kind: 'outcome',
    ...session.auditBase(),
    ...traceRecord(exchange),
    ...(attempt.recordId === null ? {} : { of: attempt.recordId }),
    statement: statementRecord(exchange),
    outcome: outcomeRecord(exchange, ending),
    ...(attempt.node === null
      ? {}
      : {
          upstream: {
            node: attempt.node,
            cassandra_role: attempt.decided?.cassandraRole ?? '',
          },
        }),
  };
}

/** The decision and the outcome in one record, for each statement. */
export function recordRows(
  exchange: Exchange,
  { audit }: Pick<Gate, 'audit'>,
  ending: LetThrough,
): void {
  const { session, request } = exchange;
  const base = {
    kind: 'decision',
    ...session.auditBase(),
    ...traceRecord(exchange),
    decision: permitRecord(exchange),
    outcome: outcomeRecord(exchange, ending),
  } as const;
  const share = session.auditShare;
  if (request.parts === null) {
    audit.append({ ...base, statement: statementRecord(exchange) }, share);
    return;
  }
  const { type, statements } = request.parts;
  const size = statements.length;
  const consistency = consistencyName(request.consistency);
  const singly = Math.min(size, LEDGER.batchRecords);
  for (let index = 0; index < singly; index++) {
    const { statement, text, preparedId } = statements[index]!;
    const child = recordOf(statement, text, preparedId, session.schema);
    const batch = { type, index, size };
    audit.append({ ...base, statement: { ...child, consistency, batch } }, share);
  }
  if (singly === size) return;
  const rest: AuditEntry = {
    ...base,
    statement: { ...statementRecord(exchange), kind: null, batch: { type, index: singly, size } },
    count: size - singly,
    detail: { children_sha256: hashOf(statements.slice(singly)) },
  };
  audit.append(rest, share);
}

/** At most what the records of a request will take, by what it says: names stand in several of their fields. */
export function recordBytes({ request }: Exchange, dml: Gate['dml']): number {
  const { text, parts } = request;
  if (request.isOfRows && dml !== 'all') return 0;
  if (parts === null) {
    const one = LEDGER.entryBytes + 4 * Math.min(text?.length ?? 0, 2 * LEDGER.textBytes);
    // The decision and the outcome.
    return request.isOfRows ? one : 2 * one;
  }
  const singly = Math.min(parts.statements.length, LEDGER.batchRecords);
  let bytes = (singly + 1) * LEDGER.entryBytes;
  for (let i = 0; i < singly; i++) {
    bytes += 4 * Math.min(parts.statements[i]!.text.length, 2 * LEDGER.textBytes);
  }
  return bytes;
}

/** The answer of the node, where there was one. */
export function responseOf(ending: Ending): Frame | null {
  if (ending instanceof Frame) return ending;
  return typeof ending !== 'string' && ending.type === 'schema changed' ? ending.response : null;
}

const STATUS: Readonly<Record<Extract<LetThrough, string>, OutcomeRecord['status']>> = {
  timeout: 'timeout',
  unknown: 'unknown',
  unsent: 'error',
  answered: 'ok',
};

function outcomeRecord({ session, attempt }: Exchange, ending: LetThrough): OutcomeRecord {
  const response = responseOf(ending);
  const failed = response !== null && response.opcode === Opcode.ERROR;
  const latencyUs =
    attempt.startedAtMs === LONG_AGO ? null : Math.round(msSince(attempt.startedAtMs) * 1000);
  return {
    status: typeof ending === 'string' ? STATUS[ending] : failed ? 'error' : 'ok',
    error_code: failed ? errorCodeText(errorCodeOf(response)) : null,
    rows: response === null || failed ? null : rowsIn(response, session.version),
    latency_us: latencyUs,
    ...schemaRecord(ending, attempt.preparations?.schemaVersionBefore ?? null),
  };
}

function schemaRecord(
  ending: LetThrough,
  versionBefore: string | null,
): Pick<
  OutcomeRecord,
  'schema_change' | 'schema_version_before' | 'schema_version_after' | 'schema_agreed'
> {
  if (!isSchemaChanged(ending)) return { schema_change: null };
  const { change, agreement } = ending;
  return {
    schema_change: {
      change: change.change,
      target: change.target,
      keyspace: change.keyspace,
      name: change.name,
    },
    schema_version_before: versionBefore,
    schema_version_after: agreement.version,
    schema_agreed: agreement.agreed,
  };
}

function isSchemaChanged(ending: LetThrough): ending is SchemaChanged {
  return typeof ending !== 'string' && !(ending instanceof Frame);
}

/** A count that cannot be read is left out of the record; it is no reason to keep the rows from their client. */
function rowsIn(response: Frame, version: number): number | null {
  try {
    return rowCount(response, version);
  } catch {
    return null;
  }
}

/** A call costs as much as some hundred bytes. */
const HASHED_AT_ONCE = 65_536;

/**
 * Of the children that have no record of their own: the kind, tables and prepared id of each. Their texts are left
 * out, since a hash of texts with values in them lets these be guessed.
 */
function hashOf(children: readonly BatchPart[]): string {
  const hash = createHash('sha256');
  // An id stands in one buffer for all who execute it.
  const known = new Map<Statement | Buffer, string>();
  let lines = '';
  for (const { statement, preparedId } of children) {
    const key = preparedId ?? statement;
    let line = known.get(key);
    if (line === undefined) {
      const { kind, tables } = statement;
      const names = tables.map(({ keyspace, table }) => [keyspace, table]);
      line = `${JSON.stringify([kind, names, preparedId?.toString('hex') ?? null])}\n`;
      known.set(key, line);
    }
    lines += line;
    if (lines.length < HASHED_AT_ONCE) continue;
    hash.update(lines);
    lines = '';
  }
  turnWork.add(children.length * TURN.child);
  return hash.update(lines).digest('hex');
}
