// Secrets with a mark in everything that the gate is given, and a look at everything that it gives out:
// no token, password, lease or key is in a log, record, span, metric or answer, and no value of a row or
// role statement is in what the gate keeps.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import tls from 'node:tls';
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameFlag } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { startBitbucket, type LocalBitbucket } from '../support/bitbucket.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Collector } from '../support/collector.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { RawClient } from '../support/raw-client.ts';
import { VaultDouble } from '../support/vault.ts';

const mark = (what: string) => `canary-${what}-7f3a9`;
const BITBUCKET_TOKEN = mark('bitbucket');
const SECRET_ID = mark('secret-id');

describe.skipIf(noNode)('what is secret', () => {
  let superuser: Client;
  let authority: CertificateAuthority;
  let collector: Collector;
  let bitbucket: LocalBitbucket;
  let vault: VaultDouble;
  let gate: TestGate;
  /** By what they are: never anywhere. */
  const secrets = new Map<string, string>();
  /** Values of statements: not in what the gate keeps, though a client may get its own back. */
  const values = new Map<string, string>();
  const received: Buffer[] = [];
  const answers: string[] = [];

  beforeAll(async () => {
    superuser = await direct();
    await superuser.execute(
      "CREATE KEYSPACE IF NOT EXISTS canaries WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.execute('CREATE TABLE IF NOT EXISTS canaries.t (k text PRIMARY KEY, v text)');
    [authority, collector, bitbucket] = [
      new CertificateAuthority(),
      await Collector.start(),
      await startBitbucket(`Bearer ${BITBUCKET_TOKEN}`),
    ];
    vault = await VaultDouble.start({
      createUser: async (username, password) => {
        secrets.set('lease password', password);
        await superuser.execute(
          `CREATE ROLE "${username}" WITH PASSWORD = '${password}' AND LOGIN = true AND SUPERUSER = true`,
        );
      },
      dropUser: async (username) => {
        await superuser.execute(`DROP ROLE IF EXISTS "${username}"`);
      },
    });
    vault.secretId = SECRET_ID;
    const { cert, key } = authority.issue();
    secrets.set('private key', key.split('\n')[1]!);
    secrets.set('bitbucket token', BITBUCKET_TOKEN);
    secrets.set('secret id', SECRET_ID);
    gate = await TestGate.start({
      contactPoint,
      roles: {
        writer: {
          grants: [
            'SELECT, MODIFY, CREATE, ALTER, DROP ON KEYSPACE canaries',
            'CREATE, ALTER, DROP ON ALL ROLES',
          ],
        },
      },
      admins: [{ level: 'operator', issuer: 'pipelines', where: { repositoryUuid: '*' } }],
      prepare: async (dir) => {
        await writeFile(path.join(dir, 'tls.crt'), cert);
        await writeFile(path.join(dir, 'tls.key'), key);
        await writeFile(path.join(dir, 'bitbucket'), `${BITBUCKET_TOKEN}\n`);
        await writeFile(path.join(dir, 'secret-id'), `${SECRET_ID}\n`);
      },
      env: collector.env,
      config: {
        listen: { host: '127.0.0.1', port: 0, tls: { cert: 'tls.crt', key: 'tls.key' } },
        admin: { host: '127.0.0.1', port: 0 },
        audit: { dir: 'audit', dml: 'all' },
        bitbucket: { apiUrl: bitbucket.apiUrl, token: { file: 'bitbucket' } },
        vault: {
          address: vault.address,
          auth: { approle: { roleId: 'gate', secretId: { file: 'secret-id' } } },
        },
        cassandraRoles: { ci: { vault: { path: 'database/creds/ci' } } },
      },
    });
  }, 60_000);

  afterAll(async () => {
    await gate?.close();
    await vault?.close();
    await bitbucket?.close();
    await collector?.close();
    authority?.remove();
    await superuser?.shutdown();
  });

  async function connect(): Promise<RawClient> {
    const socket = tls.connect({ host: '127.0.0.1', port: gate.port, ca: authority.pem });
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return RawClient.over(socket, 4);
  }

  async function logIn(token: string, username = 'writer'): Promise<RawClient> {
    secrets.set(`token ${secrets.size}`, token.split('.')[2] ?? token);
    const client = await connect();
    await client.logIn(username, token);
    return client;
  }

  it('goes in, in every way there is', async () => {
    const good = gate.issuer.mint();
    const client = await logIn(good);
    for (const bad of [
      gate.issuer.mint({ exp: 1 }),
      gate.issuer.mint({ aud: 'elsewhere' }),
      `${good.slice(0, -20)}AAAAAAAAAAAAAAAAAAAA`,
      mark('no-token'),
      `${mark('two')}.parts`,
    ]) {
      const refused = await logIn(bad);
      received.push(...refused.received);
      refused.close();
    }
    const guessed = await logIn(gate.issuer.mint(), mark('username').replaceAll('-', '_'));
    guessed.close();

    const literal = (what: string): string => {
      values.set(what, mark(what));
      return `'${mark(what)}'`;
    };
    for (const text of [
      `INSERT INTO canaries.t (k, v) VALUES (${literal('key')}, ${literal('value')})`,
      `INSERT INTO canaries.t (k, v) VALUES ($$${mark('dollars')}$$, 'x')`,
      `SELECT * FROM canaries.t WHERE k = ${literal('where')}`,
      `SELECT * FROM canaries.closed WHERE k = ${literal('unknown-table')}`,
      `SELECT * FROM system_auth.roles WHERE role = ${literal('denied')}`,
      `INSERT INTO canaries.t (k) VALUES (${literal('wrong')}, 1)`,
      `INSERT INTO canaries.t (k, v) VALUES (1, ${literal('invalid')})`,
      `SELEC ${literal('syntax')}`,
      `SELECT '${mark('open-string')}`,
      `CREATE ROLE canary_role WITH PASSWORD = ${literal('role-password')} AND LOGIN = true`,
      `ALTER ROLE canary_role WITH OPTIONS = {'a': ${literal('role-option')}}`,
      `ALTER ROLE nobody WITH PASSWORD = ${literal('refused-password')}`,
      `CREATE USER canary_user WITH PASSWORD ${literal('user-password')}`,
      'DROP ROLE IF EXISTS canary_role',
      'DROP ROLE IF EXISTS canary_user',
      'CREATE TABLE IF NOT EXISTS canaries.made (k int PRIMARY KEY)',
    ]) {
      await client.query(text);
    }
    values.set('dollars', mark('dollars'));
    values.set('open string', mark('open-string'));
    values.set('bound value', mark('bound'));
    const bound = [Buffer.from(mark('bound')), null];
    await client.query('INSERT INTO canaries.t (k, v) VALUES (?, ?)', { values: bound });
    const payload = new Writer().writeShort(2);
    payload.writeString('ProxyExecute').writeBytes(Buffer.from(mark('payload')));
    payload.writeString('traceparent').writeBytes(Buffer.from(mark('trace')));
    payload.writeLongString('SELECT k FROM canaries.t').writeShort(1).writeByte(0);
    await client.request(Opcode.QUERY, payload.toBuffer(), FrameFlag.CUSTOM_PAYLOAD);
    values.set('payload', mark('payload'));
    values.set('trace', mark('trace'));
    // Bitbucket down, Vault down.
    bitbucket.fault = 'error';
    const other = await logIn(gate.issuer.mint({ pipelineRunUuid: '{1}' }));
    await other.query('CREATE TABLE IF NOT EXISTS canaries.unmade (k int PRIMARY KEY)');
    other.close();
    vault.fault = 'error';

    const url = `http://127.0.0.1:${gate.adminPort}`;
    const operator = gate.issuer.mint({ sub: 'operator' });
    secrets.set('operator', operator.split('.')[2]!);
    for (const token of [operator, mark('admin-token')]) {
      for (const place of ['/api/v1/sessions', '/api/v1/revocations', '/api/v1/whoami']) {
        const headers = { authorization: `Bearer ${token}` };
        answers.push(await (await fetch(url + place, { headers })).text());
      }
    }
    secrets.set('admin token', mark('admin-token'));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    for (const place of ['/metrics', '/readyz', '/healthz']) {
      answers.push(await (await fetch(url + place)).text());
    }
    received.push(...client.received);
    client.close();
    for (const lease of vault.leases.values()) secrets.set('lease', lease.id);
    for (const token of vault.tokens.keys()) secrets.set('vault token', token);
    await gate.record((one) => one.kind === 'session_end');
  });

  it('does not come out again', async () => {
    vault.fault = 'none';
    await gate.stop();
    const kept: Record<string, Buffer> = {
      log: Buffer.from(gate.output.join('\n')),
      ledger: Buffer.from(await gate.ledgerText()),
      telemetry: Buffer.concat(collector.bodies),
      admin: Buffer.from(answers.join('\n')),
    };
    const given = { ...kept, clients: Buffer.concat(received) };
    for (const [where, bytes] of Object.entries(given)) {
      // There is something to look at.
      expect([where, bytes.length > 500]).toEqual([where, true]);
      for (const [what, secret] of secrets) {
        expect([where, what, bytes.includes(secret)]).toEqual([where, what, false]);
      }
    }
    for (const [where, bytes] of Object.entries(kept)) {
      for (const [what, value] of values) {
        expect([where, what, bytes.includes(value)]).toEqual([where, what, false]);
      }
    }
    // And they were there to be found.
    expect(secrets.size).toBeGreaterThan(12);
    expect(kept['ledger']!.includes('CREATE ROLE canary_role WITH PASSWORD = ?')).toBe(true);
    expect(await readFile(path.join(gate.dir, 'bitbucket'), 'utf8')).toContain(BITBUCKET_TOKEN);
  });
});
