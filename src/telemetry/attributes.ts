// What spans say of a request, in the words of the semantic conventions: database (stable), CI/CD
// and VCS, identity; what they have no word for is `cqlgate.*`. Never values or errors' texts.
import type { Attributes } from '@opentelemetry/api';
import { redactOnce } from '../audit/redact.ts';
import type { ClientRecord, VcsRecord } from '../audit/record.ts';
import { formatResource } from '../cql/resource.ts';
import type { Statement } from '../cql/statement.ts';
import { principalRecord } from '../identity/claims.ts';
import type { Authority } from '../policy/policy.ts';
import { consistencyName } from '../protocol/consistency.ts';
import { endpointOf } from '../protocol/inet.ts';
import { Opcode, opcodeName } from '../protocol/opcodes.ts';
import type { Exchange } from '../session/exchange.ts';

const SUMMARY_MAX_LENGTH = 255;

/** `SELECT orders.items`: operation and targets; a span's name too. */
export function summaryOf({ request }: Exchange): string {
  const { statement, parts } = request;
  const operation = operationOf(request.opcode, statement);
  if (parts !== null) {
    const kinds = new Set(parts.statements.map((part) => targetsOf(part.statement)));
    return (kinds.size === 1 ? `BATCH ${[...kinds][0]!}` : 'BATCH').slice(0, SUMMARY_MAX_LENGTH);
  }
  const targets = targetNames(statement);
  return [operation, ...targets].join(' ').slice(0, SUMMARY_MAX_LENGTH);
}

function targetsOf(statement: Statement): string {
  return [statement.kind, ...targetNames(statement)].join(' ');
}

function targetNames({ tables, keyspace }: Statement): string[] {
  if (tables.length > 0) return tables.map((one) => `${one.keyspace}.${one.table}`);
  return keyspace === null ? [] : [keyspace];
}

function operationOf(opcode: number, { kind }: Statement): string {
  return opcode === Opcode.PREPARE ? `PREPARE ${kind}` : kind;
}

/** Of the statement; the same on the SERVER and the CLIENT span. */
export function databaseAttributes(exchange: Exchange): Attributes {
  const { statement, text, parts, opcode, consistency } = exchange.request;
  const single = statement.tables.length === 1 ? statement.tables[0]! : null;
  const size = parts?.statements.length ?? 0;
  const shown = text === null ? null : redactOnce(text, statement).text;
  return {
    'db.system.name': 'cassandra',
    'db.operation.name': operationOf(opcode, statement),
    'db.query.summary': summaryOf(exchange),
    ...(statement.keyspace === null ? {} : { 'db.namespace': statement.keyspace }),
    ...(single === null ? {} : { 'db.collection.name': single.table }),
    ...(parts === null || size === 1 ? {} : { 'db.operation.batch.size': size }),
    ...(shown === null ? {} : { 'db.query.text': shown }),
    ...(opcode === Opcode.PREPARE
      ? {}
      : { 'cassandra.consistency.level': consistencyName(consistency).toLowerCase() }),
    'cqlgate.request.opcode': opcodeName(opcode),
  };
}

/**
 * Of who asks, and of which commit: the same for all requests of a session under one policy. A hint
 * is no revision: whoever reads spans would take it for one.
 */
export function identityAttributes(
  sessionId: string,
  authority: Authority,
  vcs: VcsRecord,
): Attributes {
  const { principal, role, binding, policy } = authority;
  const record = principalRecord(principal);
  return present({
    'session.id': sessionId,
    'enduser.id': record.subject,
    'user.roles': [role.name],
    'cqlgate.issuer': principal.issuerName,
    'cqlgate.binding': binding.name,
    'cqlgate.policy.version': policy.version,
    'cqlgate.token.sha256': record.token_sha256,
    'cqlgate.cassandra_role': role.cassandraRole,
    'cqlgate.repository.uuid': record.repository_uuid,
    'cqlgate.environment.uuid': record.environment_uuid,
    'cicd.pipeline.run.id': record.pipeline_uuid,
    'cicd.pipeline.task.run.id': record.step_uuid,
    ...(record.repository_uuid === null ? {} : { 'vcs.provider.name': 'bitbucket' }),
    'vcs.ref.head.name': record.branch,
    ...(record.branch === null ? {} : { 'vcs.ref.head.type': 'branch' }),
    'vcs.ref.head.revision': vcs.verified ? vcs.commit : null,
    'vcs.change.id': vcs.pull_request === null ? null : String(vcs.pull_request),
    'cicd.pipeline.run.url.full': vcs.build_url,
    'cqlgate.pipeline.target': principal.pipelineTarget ?? null,
    'cqlgate.commit.source': vcs.source,
  });
}

export function clientAttributes(client: ClientRecord): Attributes {
  const { host, port } = endpointOf(client.address);
  return present({
    'client.address': host,
    'client.port': port,
    'cqlgate.driver.name': client.driver,
    'cqlgate.driver.version': client.driver_version,
    'network.protocol.name': 'cql',
    'network.protocol.version': client.protocol === null ? null : String(client.protocol),
  });
}

export function nodeAttributes(node: string | null): Attributes {
  if (node === null) return {};
  const { host, port } = endpointOf(node);
  return { 'server.address': host, 'server.port': port };
}

export function resourceNames(statement: Statement): string[] {
  return [...new Set(statement.needs.map((need) => formatResource(need.resource)))];
}

function present(attributes: Record<string, string | number | string[] | null>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter(([, value]) => value !== null),
  ) as Attributes;
}
