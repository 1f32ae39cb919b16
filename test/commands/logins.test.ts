// The logins towards the cluster: what is recorded when one changes, and what /readyz says of one that is refused.
import { expect, it } from 'vitest';
import type { AuditEntry } from '../../src/audit/record.ts';
import type { Ledger } from '../../src/audit/ledger.ts';
import { recordLogin, refusedLogins } from '../../src/commands/logins.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Login } from '../../src/secrets/upstream-login.ts';
import type { Cluster } from '../../src/upstream/cluster.ts';
import { LogLines } from '../support/log-lines.ts';

function recorded(login: Login) {
  const entries: AuditEntry[] = [];
  const ledger = { append: (entry: AuditEntry) => entries.push(entry) } as unknown as Ledger;
  const [metrics, log] = [new Metrics(), new LogLines()];
  recordLogin(login, { metrics, ledger, log });
  return { entries, log, count: metrics.counter('login_changes_total', 'ci').value };
}

it('a new login is counted, logged and recorded, by name and without its password', () => {
  const login = { name: 'ci', open: false, username: 'v-ci-1', password: 'secret-canary' } as Login;
  const { entries, log, count } = recorded(login);
  expect(count).toBe(1);
  expect(entries).toEqual([
    {
      kind: 'config',
      session: null,
      reason: 'upstream login changed',
      detail: { cassandra_role: 'ci', username: 'v-ci-1' },
    },
  ]);
  expect(JSON.stringify([entries, log.lines])).not.toContain('secret-canary');
});

it('a login without a password has no username either', () => {
  const { entries } = recorded({ name: 'ci', open: true });
  expect(entries[0]).toMatchObject({ detail: { cassandra_role: 'ci', username: null } });
});

it('each refused login is a warning', () => {
  const cluster = { refusedLogins: ['ci', 'batch'] } as unknown as Cluster;
  expect(refusedLogins(cluster)).toEqual([
    expect.stringContaining('Cassandra role ci is refused'),
    expect.stringContaining('Cassandra role batch is refused'),
  ]);
});
