// The policy of a running gate follows its file: what is logged, counted and recorded when that changes.
import type { Readiness } from '../admin/readiness.ts';
import type { AuditEntry, AuditLog } from '../audit/record.ts';
import type { LoadedPolicy, PolicyContext } from '../config/load-policy.ts';
import { PolicyWatcher } from '../config/policy-watcher.ts';
import type { Gate } from '../session/gate.ts';

/** The record of the policy that is in force from here on. */
export function recordPolicy(audit: AuditLog, reason: string, policyVersion: string): void {
  const detail = { policy_version: policyVersion };
  audit.append({ kind: 'config', session: null, reason, detail } satisfies AuditEntry);
}

/** `content` is the text that the policy in force was made of. */
export function watchPolicy(
  gate: Gate,
  readiness: Readiness,
  from: { readonly file: string; readonly content: string; readonly context: PolicyContext },
): PolicyWatcher {
  const { metrics, log, audit } = gate;
  const { file, content, context } = from;
  const onPolicy = ({ policy, warnings }: LoadedPolicy): void => {
    gate.policy = policy;
    metrics.counter('policy_reloads_total', 'taken').value++;
    recordPolicy(audit, 'policy taken', policy.version);
    for (const warning of warnings) log.warn({}, warning);
    log.info({ policy_version: policy.version }, 'policy taken');
  };
  const watcher = new PolicyWatcher(
    {
      file,
      context,
      onPolicy,
      onProblem: (fault, state) => {
        metrics.counter('policy_reloads_total', state).value++;
        log.error(
          { problems: fault.problems },
          state === 'invalid'
            ? 'the changed policy is not valid; the one before stays in force'
            : 'the policy file cannot be read, or is gone; the policy read before stays in force',
        );
      },
      onRestored: () => {
        metrics.counter('policy_reloads_total', 'restored').value++;
        log.info({}, 'the policy file is again what the policy in force was made of');
      },
    },
    content,
  );
  readiness.advise(() => (watcher.problem === null ? [] : [watcher.problem]));
  metrics.gauge('policy_file_usable', () => Number(watcher.problem === null));
  return watcher;
}
