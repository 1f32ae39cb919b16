// The decision on a change of the schema, of roles or of grants, on disk before a node sees the change.
import { auditWait, auditWaitMs, unrecordable, type RoomServices } from './audit-room.ts';
import type { Permit } from '../policy/decide.ts';
import { supersede } from './end-request.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { GO_ON, wait, type Later, type Outcome } from './outcome.ts';
import { decisionEntry } from './statement-records.ts';

export interface WriteAheadServices extends RoomServices {
  readonly cluster: { readonly control: Pick<Gate['cluster']['control'], 'schemaVersion'> };
}

/** What is on disk is what is sent: a policy that came in between makes another decision of it. */
export function endOtherDecision(
  exchange: Exchange,
  services: Pick<Gate, 'audit'>,
): Outcome | null {
  const { preparations, decided } = exchange.attempt;
  const recorded = preparations?.recorded ?? null;
  if (recorded === null || decided === null) return null;
  if (!isSameDecision(recorded, decided)) supersede(exchange, services);
  return null;
}

/** Goes on with the request once the record is on disk. */
export function writeAhead(exchange: Exchange, services: WriteAheadServices): Outcome | null {
  const { recordId, decided } = exchange.attempt;
  if (recordId !== null || decided === null) return null;
  return wait(recorded(exchange, services, decided));
}

async function recorded(
  exchange: Exchange,
  services: WriteAheadServices,
  permit: Permit,
): Promise<Later> {
  const { session, attempt, request } = exchange;
  const { audit, cluster } = services;
  const isSchema = request.statement.family === 'schema';
  // Room for it and for the outcome was kept: from here on each end of it is recorded.
  const preparations = attempt.prepare();
  const recordId = audit.append(decisionEntry(exchange, permit), session.auditShare);
  preparations.decisionIsRecorded(recordId, permit);
  const before = isSchema ? cluster.control.schemaVersion().catch(() => null) : null;
  const isOnDisk =
    recordId !== null &&
    (await auditWait(exchange, audit.durable(auditWaitMs(exchange, services))));
  preparations.schemaWas(await before);
  return isOnDisk ? GO_ON : unrecordable(exchange, services);
}

/** Whether a record of the one says what the other permits. */
function isSameDecision(
  recorded: Permit,
  { policyVersion, cassandraRole, grant }: Permit,
): boolean {
  return (
    recorded.policyVersion === policyVersion &&
    recorded.cassandraRole === cassandraRole &&
    recorded.grant === grant
  );
}
