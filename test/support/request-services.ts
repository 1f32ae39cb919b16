// Services of a gate for the steps of a request, made of nothing but memory: for tests that need no gate.
import type { AuditEntry, AuditLog } from '../../src/audit/record.ts';
import { Room } from '../../src/audit/room.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { DenyServices } from '../../src/session/deny.ts';

/** A ledger that keeps what it was given; `isDurable` says whether the disk takes it in time. */
export function memoryLedger({ isDurable = true, maxBytes = 1_000_000, writable = true } = {}) {
  const records: AuditEntry[] = [];
  const room = new Room(maxBytes, () => true);
  const audit: AuditLog = {
    room,
    append: (entry) => `id${records.push(entry)}`,
    appendDurably: async () => Promise.reject(new Error('not expected')),
    durable: async () => Promise.resolve(isDurable),
    writable,
  };
  return { audit, records, room };
}

export function denyServices(changes: Partial<DenyServices> = {}): DenyServices {
  return {
    audit: memoryLedger().audit,
    dml: 'activity',
    metrics: new Metrics(),
    limits: { auditWaitMs: 50 },
    refusals: { mustWait: () => false },
    cluster: { prepared: { wasPreparedBy: () => true } },
    ...changes,
  };
}
