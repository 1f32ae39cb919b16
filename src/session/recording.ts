// What goes into the ledger, and when: schema and role statements before they are sent and after
// they are answered; rows by `audit.dml`; denials always. Error texts of nodes quote values, so only
// their codes are recorded.
import { createHash } from 'node:crypto';
import { LONG_AGO, msBetween, msSince } from '../clock.ts';
import type { ActivitySource } from '../audit/activity.ts';
import type {
  AuditEntry,
  DecisionRecord,
  OutcomeRecord,
  StatementRecord,
} from '../audit/record.ts';
import { fingerprintOf, redactOnce } from '../audit/redact.ts';
import { compoundKey } from '../compound-key.ts';
import { keyspaceOf, needsOf } from '../cql/needs.ts';
import { formatNeed, formatResource } from '../cql/resource.ts';
import type { Schema, Statement, Unanalysable } from '../cql/statement.ts';
import type { Permit } from '../policy/decide.ts';
import type { Denial } from '../policy/denial.ts';
import { consistencyName } from '../protocol/consistency.ts';
import type { Frame } from '../protocol/frame.ts';
import { errorCodeText } from '../protocol/error-codes.ts';
import { errorCodeOf } from '../protocol/messages/error.ts';
import type { SchemaChange } from '../protocol/messages/event.ts';
import { rowCount } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Agreement } from '../upstream/schema-agreement.ts';
import { LEDGER } from '../limits/audit.ts';
import { TURN } from '../limits/session.ts';
import { turnMonotonicMs, turnWork } from '../turn.ts';
import type { BatchPart, Exchange } from './exchange.ts';
import type { Session } from './session.ts';
import type { TraceContext } from './trace-context.ts';

/**
 * How a request ended: with a response, or `timeout` (no answer in time), `unknown` (the connection
 * ended), `unsent` (it never left), `answered` (by the gate itself).
 */
export type Ending = Frame | 'timeout' | 'unknown' | 'unsent' | 'answered';

/** The write-ahead record of a schema or role statement. */
export function decisionEntry(exchange: Exchange, permit: Permit): AuditEntry {
  return {
    kind: 'decision',
    ...exchange.session.auditBase(),
    ...traceRecord(exchange),
    statement: statementRecord(exchange),
    decision: permitted(permit.policyVersion, permit.grant),
    // Those written ahead are sent to their session's own node.
    upstream: {
      node: exchange.session.pinned()[0]?.name ?? null,
      cassandra_role: permit.cassandraRole,
    },
  };
}

export function recordDenial(exchange: Exchange, denial: Denial): void {
  const { session, request } = exchange;
  turnWork.add(TURN.refusal);
  session.gate.metrics.counter('denied_total', denial.reason, request.statement.kind).value++;
  session.gate.refusals.refused(session.who(), () => ({
    kind: 'decision',
    ...session.auditBase(),
    ...traceRecord(exchange),
    statement: statementRecord(exchange),
    decision: {
      result: 'deny',
      policy_version: session.gate.policy.version,
      grant: null,
      reason: denial.reason,
      missing: denial.missing,
    },
  }));
}

/** A text that was refused before anything could be decided on it. */
export function recordUnanalysable(
  session: Session,
  text: string,
  why: Unanalysable,
  caller: TraceContext | null,
): void {
  turnWork.add(TURN.refusal);
  const { rule } = why;
  session.gate.metrics.counter('denied_total', rule, 'unknown').value++;
  session.gate.telemetry?.refused(session, caller, rule);
  session.gate.refusals.refused(session.who(), () => ({
    kind: 'decision',
    ...session.auditBase(),
    ...(caller === null ? UNTRACED : { trace_id: caller.traceId, span_id: caller.spanId }),
    statement: {
      kind: null,
      keyspace: null,
      resources: [],
      ...(why.lexes ? redactOnce(text, why) : UNREDACTED),
      lwt: false,
      ...(why.lexes ? {} : { unlexed: { length: text.length, position: why.position } }),
    },
    decision: {
      result: 'deny',
      policy_version: session.gate.policy.version,
      grant: null,
      reason: rule,
      missing: [],
    },
  }));
}

/**
 * The one end of a request that was let through: whichever way it ends, this is called, directly or by the
 * two below, and what it says counts once. Room for the record was kept when it was let through.
 */
export function recordOutcome(exchange: Exchange, ending: Ending, schema?: MadeChange): void {
  if (exchange.isEnded) return;
  // Throws where the answer can't be read; it ends otherwise then.
  count(exchange, ending);
  exchange.isEnded = true;
  try {
    const traced = traceRecord(exchange);
    exchange.session.gate.telemetry?.ended(exchange, ending);
    if (exchange.request.opcode !== Opcode.PREPARE) append(exchange, ending, traced, schema);
  } finally {
    giveRoom(exchange);
  }
}

/** It ends and was not sent: where the decision is on disk, it stands there what came of it. */
export function recordGivenUp(exchange: Exchange): void {
  if (exchange.recordId !== null) recordOutcome(exchange, 'unsent');
  if (exchange.isEnded) return;
  exchange.isEnded = true;
  exchange.session.gate.telemetry?.ended(exchange, 'refused');
  giveRoom(exchange);
}

/**
 * The decision on disk is not what will be sent: its record ends here, and the request goes on to a record
 * of its own with room of its own.
 */
export function recordSuperseded(exchange: Exchange): void {
  if (exchange.recordId !== null) append(exchange, 'unsent', traceRecord(exchange), undefined);
  if (exchange.preparations !== null) {
    exchange.preparations.recordId = null;
    exchange.preparations.recorded = null;
  }
  giveRoom(exchange);
}

/** It ends, and nobody said how: once it was sent, what came of it is not known. */
export function recordAbandoned(exchange: Exchange): void {
  if (exchange.handedOver) recordOutcome(exchange, 'unknown');
  else recordGivenUp(exchange);
}

function giveRoom(exchange: Exchange): void {
  const { preparations, session } = exchange;
  if (preparations === null || preparations.roomKept === 0) return;
  session.gate.audit.room.give(session.auditShare, preparations.roomKept);
  preparations.roomKept = 0;
}

interface MadeChange {
  readonly change: SchemaChange;
  readonly agreement: Agreement;
}

function append(
  exchange: Exchange,
  ending: Ending,
  traced: TraceRecord,
  schema: MadeChange | undefined,
): void {
  const { request, session } = exchange;
  const { family } = request.statement;
  if (family === 'schema' || family === 'role') {
    const entry: AuditEntry = {
      kind: 'outcome',
      ...session.auditBase(),
      ...traced,
      ...(exchange.recordId === null ? {} : { of: exchange.recordId }),
      statement: statementRecord(exchange),
      outcome: outcomeRecord(exchange, ending, schema),
      ...(exchange.node === null
        ? {}
        : {
            upstream: {
              node: exchange.node,
              cassandra_role: exchange.decided?.cassandraRole ?? '',
            },
          }),
    };
    const recorded = session.gate.audit.append(entry, session.auditShare);
    exchange.prepare().isOutcomeLost = recorded === null;
    return;
  }
  const rows = family === 'read' || family === 'write';
  if (rows && session.gate.dml === 'all') recordRows(exchange, ending, traced);
  else recordActivity(exchange, ending);
}

function count({ request, session, startedAtMs }: Exchange, ending: Ending): void {
  const { metrics, requestCounts } = session.gate;
  const family = request.opcode === Opcode.PREPARE ? 'prepare' : request.statement.family;
  const durationMs = startedAtMs === LONG_AGO ? -1 : msBetween(startedAtMs, turnMonotonicMs());
  if (typeof ending === 'string') {
    requestCounts.ended(family, ending === 'answered' ? 'ok' : ending, durationMs);
  } else if (ending.opcode === Opcode.ERROR) {
    requestCounts.ended(family, 'error', durationMs);
    metrics.counter('node_errors_total', errorCodeText(errorCodeOf(ending))).value++;
  } else requestCounts.ended(family, 'ok', durationMs);
}

function recordActivity(exchange: Exchange, ending: Ending): void {
  const { request, session } = exchange;
  const failed =
    typeof ending === 'string' ? ending !== 'answered' : ending.opcode === Opcode.ERROR;
  const { activity } = session.gate;
  if (request.parts === null) activity.hit(session, request.statement, failed, exchange, -1);
  else activity.hitAll(session, request.parts.statements, failed, exchange);
}

function recordRows(exchange: Exchange, ending: Ending, traced: TraceRecord): void {
  const { session, request } = exchange;
  const outcome = outcomeRecord(exchange, ending);
  const decision = permittedBy(exchange);
  const base = {
    kind: 'decision',
    ...session.auditBase(),
    ...traced,
    decision,
    outcome,
  } as const;
  const { audit } = session.gate;
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
    const child = recordOf(statement, text, preparedId, session.gate.cluster.schema);
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

/** What activity is counted by, and what its record says: that is asked once a minute, not per request. */
export const activitySource: ActivitySource<Exchange> = {
  share: ({ session }) => session.auditShare,
  others: ({ session }) => ({
    kind: 'activity',
    session: null,
    role: session.auditBase().role ?? null,
    detail: { statements: 'others' },
  }),
  shape: ({ request }, statement, index) => {
    const { text, preparedId } = partOf(request, index);
    const shape = fingerprintOf(text, statement);
    if (shape === null) return null;
    return compoundKey(shape, preparedId?.toString('latin1') ?? null, statement.keyspace);
  },
  describe: (exchange, statement, index) => {
    const { session, request } = exchange;
    const { text, preparedId } = partOf(request, index);
    return {
      kind: 'activity',
      ...session.auditBase(),
      statement:
        request.parts === null
          ? statementRecord(exchange)
          : recordOf(statement, text, preparedId, session.gate.cluster.schema),
      decision: permittedBy(exchange),
    };
  },
};

/** Where a statement of a request comes from: the whole of it, or a child of a BATCH. */
function partOf(
  { parts, text, prepared }: Exchange['request'],
  index: number,
): { readonly text: string; readonly preparedId: Buffer | null } {
  return parts?.statements[index] ?? { text: text ?? '', preparedId: prepared[0]?.id ?? null };
}

type TraceRecord = Pick<AuditEntry, 'trace_id' | 'span_id'>;

const UNTRACED: TraceRecord = {};

/** The caller's trace, and the span of the request in it: the caller's own where we make none. */
function traceRecord({ span, caller }: Exchange): TraceRecord {
  const traced = span ?? caller;
  return traced === null ? UNTRACED : { trace_id: traced.traceId, span_id: traced.spanId };
}

/** Where there is no one text, or none that may be recorded. */
const UNREDACTED = { text: null, sha256: null, fingerprint: null };

function statementRecord({ request, session }: Exchange): StatementRecord {
  const { statement, text, prepared, opcode, consistency, parts } = request;
  const { schema } = session.gate.cluster;
  if (parts !== null) {
    return {
      kind: 'BATCH',
      keyspace: statement.keyspace,
      ...needsRecord(statement, schema),
      ...UNREDACTED,
      consistency: consistencyName(consistency),
      lwt: statement.lwt,
      batch: { type: parts.type, index: 0, size: parts.statements.length },
    };
  }
  return {
    ...recordOf(statement, text ?? '', prepared[0]?.id ?? null, schema),
    ...(opcode === Opcode.PREPARE ? {} : { consistency: consistencyName(consistency) }),
  };
}

function recordOf(
  statement: Statement,
  text: string,
  preparedId: Buffer | null,
  schema: Schema,
): StatementRecord {
  return {
    kind: statement.kind,
    keyspace: keyspaceOf(statement, schema),
    ...needsRecord(statement, schema),
    ...redactOnce(text, statement),
    // The id is an MD5 of the text: of a role statement it would let a password be guessed.
    ...(preparedId === null || statement.family === 'role'
      ? {}
      : { prepared_id: preparedId.toString('hex') }),
    lwt: statement.lwt,
  };
}

/** What it names, and what was asked of the policy: the schema adds base tables, views and overloads. */
function needsRecord(
  statement: Statement,
  schema: Schema,
): Pick<StatementRecord, 'resources' | 'needs'> {
  return {
    resources: [...new Set(statement.needs.map((need) => formatResource(need.resource)))],
    needs: [...new Set(needsOf(statement, schema).map(formatNeed))],
  };
}

/** What last permitted an exchange. */
function permittedBy({ decided }: Exchange): DecisionRecord {
  return permitted(decided?.policyVersion ?? '', decided?.grant ?? '');
}

function permitted(policyVersion: string, grant: string): DecisionRecord {
  return { result: 'permit', policy_version: policyVersion, grant, reason: null, missing: [] };
}

const STATUS: Readonly<Record<Exclude<Ending, Frame>, OutcomeRecord['status']>> = {
  timeout: 'timeout',
  unknown: 'unknown',
  unsent: 'error',
  answered: 'ok',
};

/** A count that cannot be read is left out of the record; it is no reason to keep the rows from their client. */
function rowsIn(response: Frame, version: number): number | null {
  try {
    return rowCount(response, version);
  } catch {
    return null;
  }
}

function outcomeRecord(
  exchange: Exchange,
  ending: Ending,
  schema?: { readonly change: SchemaChange; readonly agreement: Agreement },
): OutcomeRecord {
  const failed = typeof ending !== 'string' && ending.opcode === Opcode.ERROR;
  const latencyUs =
    exchange.startedAtMs === LONG_AGO ? null : Math.round(msSince(exchange.startedAtMs) * 1000);
  return {
    status: typeof ending === 'string' ? STATUS[ending] : failed ? 'error' : 'ok',
    error_code: failed ? errorCodeText(errorCodeOf(ending)) : null,
    rows: typeof ending === 'string' || failed ? null : rowsIn(ending, exchange.session.version),
    latency_us: latencyUs,
    schema_change:
      schema === undefined
        ? null
        : {
            change: schema.change.change,
            target: schema.change.target,
            keyspace: schema.change.keyspace,
            name: schema.change.name,
          },
    ...(schema === undefined
      ? {}
      : {
          schema_version_before: exchange.preparations?.schemaVersionBefore ?? null,
          schema_version_after: schema.agreement.version,
          schema_agreed: schema.agreement.agreed,
        }),
  };
}
