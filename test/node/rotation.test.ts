// The upstream login changes while sessions work: nobody notices, and connections of the login before
// are gone. The long run is test/full/rotation.test.ts.
import { utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode, through } from '../support/nodes.ts';
import {
  changePassword,
  createUser,
  portsOf,
  prepareRotation,
  Workers,
} from '../support/rotation.ts';
import { VaultDouble } from '../support/vault.ts';

const roles = { worker: { grants: ['SELECT, MODIFY ON KEYSPACE rotated'] } };
const admin = { host: '127.0.0.1', port: 0 };

async function readiness(gate: TestGate): Promise<{ ready: boolean; warnings?: string[] }> {
  const response = await fetch(`http://127.0.0.1:${gate.adminPort}/readyz`);
  return (await response.json()) as { ready: boolean };
}

async function metrics(gate: TestGate): Promise<string> {
  return (await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`)).text();
}

describe.skipIf(noNode)('a rotation of the upstream login', () => {
  let superuser: Client;

  beforeAll(async () => {
    superuser = await direct();
    await prepareRotation(superuser, 'rotated');
  });
  afterAll(async () => superuser?.shutdown());

  describe('by a file', () => {
    let gate: TestGate;
    let file: string;
    const login = 'rotating_login';

    beforeAll(async () => {
      await createUser(superuser, login, 'rotated', 'first');
      gate = await TestGate.start({
        contactPoint,
        roles,
        env: { GATE_PASSWORD: 'first' },
        prepare: async (dir) => {
          file = path.join(dir, 'password');
          await writeFile(file, 'first\n');
        },
        config: {
          admin,
          cassandraRoles: { ci: { username: login, password: { file: 'password' } } },
        },
      });
    });
    afterAll(async () => gate?.close());

    it('loses no request when the file changes after the database, and before it', async () => {
      const workers = await Workers.start(gate, 'rotated', 16);
      const before = await portsOf(superuser, login);
      expect(before.length).toBeGreaterThan(1);

      await changePassword(superuser, login, 'second');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await writeFile(file, 'second\n');
      await expect
        .poll(async () => overlap(before, await portsOf(superuser, login)), { timeout: 15_000 })
        .toEqual([]);

      await new Promise((resolve) => setTimeout(resolve, 3_000));
      const between = await portsOf(superuser, login);
      await writeFile(file, 'third\n');
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await changePassword(superuser, login, 'third');
      await expect
        .poll(async () => overlap(between, await portsOf(superuser, login)), { timeout: 15_000 })
        .toEqual([]);

      await workers.stop();
      expect(workers.failures).toEqual([]);
      expect(workers.requests).toBeGreaterThan(1_000);
      expect((await portsOf(superuser, login)).length).toBeGreaterThan(1);
      expect(gate.output.join('')).not.toMatch(/first|second|third/);

      const changes = (await gate.records()).filter(
        ({ reason }) => reason === 'upstream login changed',
      );
      expect(changes).toHaveLength(2);
      expect(changes[0].detail).toEqual({ cassandra_role: 'ci', username: login });
      const text = await metrics(gate);
      expect(text).toContain('cqlgate_login_changes_total{cassandra_role="ci"} 2');
    });

    it('is ready with a secret that is too old, and names it', async () => {
      expect((await readiness(gate)).warnings).toBeUndefined();
      const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
      await utimes(file, twoDaysAgo, twoDaysAgo);
      await expect
        .poll(async () => readiness(gate), { timeout: 5_000 })
        .toEqual({
          ready: true,
          reasons: [],
          warnings: ['the secret of Cassandra role ci is 48 h old; rotate it (maxSecretAge)'],
        });
      const age = /cqlgate_secret_age_seconds\{cassandra_role="ci"\} (\S+)/.exec(
        await metrics(gate),
      )?.[1];
      expect(Number(age)).toBeGreaterThan(2 * 86_400 - 1);
    });
  });

  describe("by Vault's leases", () => {
    let vault: VaultDouble;
    let gate: TestGate;
    /** Users whose connections were still there when Vault dropped them. */
    const surprised: string[] = [];
    const secrets: string[] = [];

    beforeAll(async () => {
      vault = await VaultDouble.start({
        createUser: async (username, password) => {
          secrets.push(password);
          await createUser(superuser, username, 'rotated', password);
        },
        dropUser: async (username) => {
          const ports = await portsOf(superuser, username);
          if (ports.length > 0) surprised.push(username);
          await superuser.execute(`DROP ROLE "${username}"`);
        },
      });
      vault.leaseTtlSeconds = vault.leaseMaxTtlSeconds = 9;
      gate = await TestGate.start({
        contactPoint,
        roles,
        prepare: async (dir) => writeFile(path.join(dir, 'secret-id'), vault.secretId),
        config: {
          admin,
          vault: {
            address: vault.address,
            auth: { approle: { roleId: 'gate', secretId: { file: 'secret-id' } } },
          },
          cassandraRoles: { ci: { vault: { path: 'database/creds/ci' } } },
        },
      });
    });
    afterAll(async () => {
      await gate?.close();
      await vault?.close();
    });

    it('moves to the next lease before the user of the last one is dropped', async () => {
      const workers = await Workers.start(gate, 'rotated', 16);
      const [first = ''] = [...vault.leases.keys()].slice(-1);
      await expect.poll(() => vault.leases.has(first), { timeout: 15_000 }).toBe(false);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await workers.stop();
      expect(workers.failures).toEqual([]);
      expect(workers.requests).toBeGreaterThan(500);
      expect(surprised).toEqual([]);
    });

    it('serves on while Vault is sealed, and says so', async () => {
      vault.fault = 'sealed';
      const client = await through(gate, 'worker');
      await expect
        .poll(async () => (await readiness(gate)).warnings?.join(), { timeout: 10_000 })
        .toContain('is sealed');
      expect((await readiness(gate)).ready).toBe(true);
      await client.execute('SELECT * FROM rotated.t');
      vault.fault = 'none';
      await expect
        .poll(async () => (await readiness(gate)).warnings, { timeout: 10_000 })
        .toBeUndefined();
      await client.execute('SELECT * FROM rotated.t');
      await client.shutdown();
    });

    it('gives its leases and its token back at the end, and tells no secret', async () => {
      await gate.stop();
      expect([...vault.leases]).toEqual([]);
      expect([...vault.tokens]).toEqual([]);
      const told = gate.output.join('') + (await gate.ledgerText());
      for (const secret of [...secrets, vault.secretId, 'hvs.']) expect(told).not.toContain(secret);
    });
  });
});

function overlap(before: readonly number[], now: readonly number[]): number[] {
  return now.filter((port) => before.includes(port));
}
