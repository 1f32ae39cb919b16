// The logins towards the cluster as `serve` runs them: what is logged, counted and told of them.
import type { Readiness } from '../admin/readiness.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { Logins } from '../secrets/logins.ts';
import type { Log } from '../session/gate.ts';

/** Nothing is read yet: see `Logins.start`. Rejects with ConfigFault. */
export async function loginsOf(
  { config, base, maxSecretAgeMs }: LoadedConfig,
  parts: { readonly metrics: Metrics; readonly readiness: Readiness; readonly log: Log },
): Promise<Logins> {
  const { metrics, readiness, log } = parts;
  const logins = await Logins.create({
    specs: config.cassandraRoles,
    vault: config.vault,
    base,
    maxSecretAgeMs,
    listener: {
      changed: (name) =>
        log.info({ cassandra_role: name }, 'the secret of an upstream login was read'),
      failed: (name, fault) => {
        metrics.counter('secret_read_failures_total', name).value++;
        log.warn({ cassandra_role: name, reason: fault.message }, 'a secret could not be read');
      },
      vaultFailed: (fault) => {
        metrics.counter('vault_token_failures_total').value++;
        log.warn({ reason: fault.message }, "the gate's token for Vault could not be renewed");
      },
    },
  });
  metrics.gauge('secret_age_seconds', () =>
    logins.ages(Date.now()).map(([name, ageMs]) => [[name], ageMs / 1000]),
  );
  readiness.advise(() => logins.warnings(Date.now()));
  return logins;
}
