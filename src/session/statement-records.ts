// What records of the ledger say of a request: its statement, what was asked of the policy for it, its trace. Never
// values: the texts are redacted, and an error of a node, which quotes values, is told by its code alone.
import type { AuditEntry, DecisionRecord, StatementRecord } from '../audit/record.ts';
import { redactOnce } from '../audit/redact.ts';
import { keyspaceOf, needsOf } from '../cql/needs.ts';
import { formatNeed, formatResource } from '../cql/resource.ts';
import type { Schema, Statement, Unanalysable } from '../cql/statement.ts';
import type { Permit } from '../policy/decide.ts';
import type { Denial } from '../policy/denial.ts';
import { consistencyName } from '../protocol/consistency.ts';
import type { Exchange } from './exchange.ts';
import type { SessionFacts } from './session-facts.ts';
import type { TraceContext } from './trace-context.ts';

export type TraceRecord = Pick<AuditEntry, 'trace_id' | 'span_id'>;

const UNTRACED: TraceRecord = {};

/** Where there is no one text, or none that may be recorded. */
const UNREDACTED = { text: null, sha256: null, fingerprint: null };

/** The write-ahead record of a schema or role statement. */
export function decisionEntry(exchange: Exchange, permit: Permit): AuditEntry {
  return {
    kind: 'decision',
    ...exchange.session.auditBase(),
    ...traceRecord(exchange),
    statement: statementRecord(exchange),
    decision: permitted(permit),
    // Those written ahead are sent to their session's own node.
    upstream: {
      node: exchange.session.pinned()[0]?.name ?? null,
      cassandra_role: permit.cassandraRole,
    },
  };
}

export function denialEntry(exchange: Exchange, { reason, missing }: Denial): AuditEntry {
  const { session } = exchange;
  return {
    kind: 'decision',
    ...session.auditBase(),
    ...traceRecord(exchange),
    statement: statementRecord(exchange),
    decision: denied(session.policyVersion, reason, missing),
  };
}

/** Of a text that was refused before anything could be decided on it. */
export function unanalysableEntry(
  session: SessionFacts,
  text: string,
  why: Unanalysable,
  caller: TraceContext | null,
): AuditEntry {
  return {
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
    decision: denied(session.policyVersion, why.rule, []),
  };
}

/** The caller's trace, and the span of the request in it: the caller's own where the gate makes none. */
export function traceRecord({ attempt, request }: Exchange): TraceRecord {
  const traced = attempt.span ?? request.caller;
  return traced === null ? UNTRACED : { trace_id: traced.traceId, span_id: traced.spanId };
}

export function statementRecord({ request, session }: Exchange): StatementRecord {
  const { statement, text, prepared, consistency, parts } = request;
  const { schema } = session;
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
    ...(request.isPrepare ? {} : { consistency: consistencyName(consistency) }),
  };
}

export function recordOf(
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

/** What last permitted a request. */
export function permitRecord({ attempt }: Exchange): DecisionRecord {
  return permitted(attempt.decided ?? { policyVersion: '', grant: '' });
}

function permitted({ policyVersion, grant }: Pick<Permit, 'policyVersion' | 'grant'>) {
  const record: DecisionRecord = {
    result: 'permit',
    policy_version: policyVersion,
    grant,
    reason: null,
    missing: [],
  };
  return record;
}

function denied(
  policyVersion: string,
  reason: DecisionRecord['reason'],
  missing: readonly string[],
): DecisionRecord {
  return { result: 'deny', policy_version: policyVersion, grant: null, reason, missing };
}
