// The ledger of a running gate, and the logs that count before they write into it.
import { ActivityLog } from '../audit/activity.ts';
import { Ledger } from '../audit/ledger.ts';
import { RefusalLog } from '../audit/refusals.ts';
import { SessionLog } from '../audit/session-log.ts';
import type { Limits } from '../limits/operator.ts';
import type { MemoryBudget } from '../memory/budget.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Exchange } from '../session/exchange.ts';
import type { Log } from '../session/gate.ts';
import { activitySource } from '../session/activity-source.ts';

export interface AuditLogs {
  readonly ledger: Ledger;
  readonly activity: ActivityLog<Exchange>;
  readonly refusals: RefusalLog;
  readonly sessionLog: SessionLog;
  /** Writes what was counted, and then ends the ledger. */
  close(): Promise<void>;
}

interface Surroundings {
  readonly limits: Limits;
  readonly memory: MemoryBudget;
  readonly metrics: Metrics;
  readonly log: Log;
}

export async function openAuditLogs(dir: string, around: Surroundings): Promise<AuditLogs> {
  const { limits, memory, metrics } = around;
  const ledger = await openLedger(dir, around);
  const counter = (what: string) => {
    const counted = metrics.counter('audit_counted_total', what);
    return (): void => {
      counted.value++;
    };
  };
  const activity = new ActivityLog<Exchange>(ledger, activitySource, {
    account: memory.heapKind('activity'),
    bytesPerRole: limits.activityBytesPerRole,
    onOther: counter('other_rows'),
  });
  const refusals = new RefusalLog(ledger, {
    account: memory.heapKind('refusals'),
    onCounted: counter('refusal'),
  });
  const sessionLog = new SessionLog(ledger, {
    account: memory.heapKind('refusals'),
    onCounted: counter('session'),
  });
  const close = async (): Promise<void> => {
    activity.close();
    refusals.close();
    sessionLog.close();
    await ledger.close();
  };
  return { ledger, activity, refusals, sessionLog, close };
}

async function openLedger(dir: string, { metrics, log }: Surroundings): Promise<Ledger> {
  return Ledger.open({
    dir,
    onError: (error) => {
      metrics.counter('audit_write_failures_total').value++;
      log.error({ err: error }, 'the ledger cannot be written');
    },
    onLost: (isFirst) => {
      metrics.counter('audit_lost_total').value++;
      if (isFirst) {
        log.error({}, 'records of the ledger are lost: it is full, and its disk refuses');
      }
    },
  });
}
