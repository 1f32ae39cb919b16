// What a schema change does besides other statements: it has its turn (lane.ts), and is answered only when the
// nodes agree on the schema, so that whoever reads the answer finds the same schema at every node.
import { monotonicMs, msSince } from '../clock.ts';
import type { Statement } from '../cql/statement.ts';
import { withWarning } from '../protocol/body-prefix.ts';
import type { Frame } from '../protocol/frame.ts';
import type { SchemaChange } from '../protocol/messages/event.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { LaneMode } from '../fleet/ddl-lane.ts';
import type { Agreement } from '../upstream/schema-agreement.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';

export interface AgreementServices extends Pick<Gate, 'log' | 'metrics'> {
  readonly limits: Pick<Gate['limits'], 'schemaAgreementMs'>;
  readonly cluster: Pick<Gate['cluster'], 'agreeOnSchema'>;
}

/**
 * How it enters the lane; null: not at all. Roles and grants are rows of system_auth, not schema. TRUNCATE
 * changes rows too, but not beside a change of their table.
 */
export function laneMode({ request }: Pick<Exchange, 'request'>): LaneMode | null {
  const { family, kind } = request.statement;
  if (family !== 'schema' || request.opcode === Opcode.PREPARE) return null;
  return kind === 'TRUNCATE' ? 'shared' : 'exclusive';
}

/** Waits until all nodes have the change, and this gate's own view of the schema too. */
export async function settleSchemaChange(
  exchange: Exchange,
  services: AgreementServices & { readonly cluster: Pick<Gate['cluster'], 'settleSchemaChange'> },
  change: SchemaChange,
): Promise<Agreement> {
  const agreement = await agree(exchange, services);
  await services.cluster.settleSchemaChange(change).catch(() => undefined);
  return agreement;
}

/** The node's answer; where nodes differ it says so, since whoever reads on may meet one without the change. */
export function withAgreement(response: Frame, { agreed }: Agreement): Frame {
  return agreed ? response : withWarning(response, DISAGREEMENT);
}

const DISAGREEMENT =
  'cqlgate: the schema change was made, but not all nodes had it in time (limits.schemaAgreementMs); do not repeat it, wait before you use it';

export async function agree(
  { session }: Exchange,
  { cluster, limits, metrics, log }: AgreementServices,
  from: string | null = null,
): Promise<Agreement> {
  const startedAtMs = monotonicMs();
  const agreement = await cluster.agreeOnSchema(limits.schemaAgreementMs, from);
  const seconds = msSince(startedAtMs) / 1000;
  metrics.histogram('schema_agreement_seconds').observe(seconds);
  if (!agreement.agreed) {
    metrics.counter('schema_disagreements_total').value++;
    log.warn(
      { session: session.id, seconds: Math.round(seconds) },
      from === null
        ? 'the nodes do not agree on the schema after a change; look for nodes that are cut off from others'
        : 'a schema change got no answer, and its node is not reached or the nodes do not agree; the next change goes on',
    );
  }
  return agreement;
}

/** Each is of one keyspace. */
export function keyspaceOf({ keyspace, tables }: Statement): string {
  return keyspace ?? tables[0]?.keyspace ?? '';
}
