// The logins towards the cluster as `serve` runs them, with what is logged, counted and shown of them.
import { wallMs } from '../clock.ts';
import type { Readiness } from '../admin/readiness.ts';
import type { Ledger } from '../audit/ledger.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Login } from '../secrets/upstream-login.ts';
import { Logins } from '../secrets/logins.ts';
import type { Log } from '../session/gate.ts';
import type { Cluster } from '../upstream/cluster.ts';

/** No secret is read yet: `Logins.start` does that. Rejects with ConfigFault. */
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
    logins.ages(wallMs()).map(([name, ageMs]) => [[name], ageMs / 1000]),
  );
  readiness.advise(() => logins.warnings(wallMs()));
  return logins;
}

/** Records that another login came into force: by it auditors find the user in Cassandra's own logs. */
export function recordLogin(
  login: Login,
  parts: { readonly metrics: Metrics; readonly ledger: Ledger; readonly log: Log },
): void {
  const cassandra_role = login.name;
  const username = login.open ? null : login.username;
  parts.metrics.counter('login_changes_total', cassandra_role).value++;
  parts.ledger.append({
    kind: 'config',
    session: null,
    reason: 'upstream login changed',
    detail: { cassandra_role, username },
  });
  parts.log.info({ cassandra_role }, 'another upstream login is in force');
}

/** Warnings for /readyz. */
export function refusedLogins(cluster: Cluster): string[] {
  return cluster.refusedLogins.map(
    (name) =>
      `the new login of Cassandra role ${name} is refused by the cluster, or does not reach it; the one before serves on`,
  );
}
