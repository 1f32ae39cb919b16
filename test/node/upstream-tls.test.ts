// TLS towards a real node that takes nothing else and asks for a client certificate; and what is said
// where one of the two sides is set up otherwise.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CassandraNode } from '../support/cassandra.ts';
import { CertificateAuthority, type Issued } from '../support/certificates.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, failure, noNode, through } from '../support/nodes.ts';

const ROLES = { reader: { grants: ['SELECT ON KEYSPACE orders'] } };

function block(name: string, pem: string): string {
  return `      ${name}: |\n${pem.trimEnd().replaceAll(/^/gm, '        ')}\n`;
}

/** Cassandra's own options for PEM files, instead of keystores. */
function clientEncryption(own: Issued, authority: CertificateAuthority): string {
  return `client_encryption_options:
  enabled: true
  optional: false
  require_client_auth: true
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
    parameters:
${block('private_key', own.key + own.cert)}${block('trusted_certificates', authority.pem)}`;
}

describe.skipIf(noNode)('a node that speaks TLS only', () => {
  let authority: CertificateAuthority;
  let foreign: CertificateAuthority;
  let dir: string;
  let secured: CassandraNode;
  const gates: TestGate[] = [];

  beforeAll(async () => {
    authority = new CertificateAuthority();
    foreign = new CertificateAuthority();
    dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-upstream-tls-'));
    const files: [string, string][] = [
      ['ca.crt', authority.pem],
      ['foreign-ca.crt', foreign.pem],
    ];
    const issued: [string, Issued][] = [
      ['own', authority.issue({ name: 'cqlgate' })],
      ['foreign', foreign.issue({ name: 'cqlgate' })],
    ];
    for (const [name, { cert, key }] of issued) {
      files.push([`${name}.crt`, cert], [`${name}.key`, key]);
    }
    for (const [name, content] of files) await writeFile(path.join(dir, name), content);
    secured = await CassandraNode.start({
      yaml: clientEncryption(authority.issue({ name: 'node' }), authority),
      ssl: { ca: [authority.pem], ...authority.issue({ name: 'test' }) },
    });
  }, 240_000);

  afterAll(async () => {
    for (const gate of gates) await gate.close();
    await secured?.remove();
    authority?.remove();
    foreign?.remove();
    if (dir !== undefined) await rm(dir, { recursive: true });
  });

  const at = (name: string): string => path.join(dir, name);
  const good = () => ({ ca: at('ca.crt'), cert: at('own.crt'), key: at('own.key') });

  async function prepare(tls: Record<string, string> | null, to = secured.contactPoint) {
    const cluster = { contactPoints: [to], ...(tls === null ? {} : { tls }) };
    const gate = await TestGate.prepare({ contactPoint: to, roles: ROLES, config: { cluster } });
    gates.push(gate);
    return gate;
  }

  it('is served through, its name checked and the certificate shown', async () => {
    const gate = await prepare(good());
    await gate.launch();
    const client = await through(gate);
    const { rows } = await client.execute('SELECT keyspace_name FROM system_schema.keyspaces');
    expect(rows.length).toBeGreaterThan(0);
    await client.shutdown();
    const byName = await prepare({ ...good(), serverName: 'localhost' });
    await byName.launch();
  });

  it.each([
    [
      'of a CA that is not trusted',
      () => ({ ...good(), ca: at('foreign-ca.crt') }),
      /set cluster\.tls\.ca/,
    ],
    [
      'for another name',
      () => ({ ...good(), serverName: 'db.example.com' }),
      /set cluster\.tls\.serverName/,
    ],
    ['to a gate that shows none', () => ({ ca: at('ca.crt') }), /set cluster\.tls\.cert/],
    [
      'to a gate that shows a foreign one',
      () => ({ ...good(), cert: at('foreign.crt'), key: at('foreign.key') }),
      /cluster\.tls\.cert against its truststore/,
    ],
  ])(
    'with a certificate %s is not believed, and the log says what to do',
    async (_name, tls, text) => {
      const gate = await prepare(tls());
      void gate.launch().catch(() => undefined);
      expect(await gate.logged(text)).toContain(secured.contactPoint);
      expect(gate.port).toBe(0);
    },
  );

  it('is not served by a gate that dials in plaintext', async () => {
    const gate = await prepare(null);
    void gate.launch().catch(() => undefined);
    await gate.logged(/if it speaks TLS only, set cluster\.tls/);
  });

  it('is what a plaintext node is not', async () => {
    const gate = await prepare({ ca: at('ca.crt') }, contactPoint);
    void gate.launch().catch(() => undefined);
    await gate.logged(/speaks no TLS on this port; remove cluster\.tls/);
  });
});

const MUTUAL_TLS = `authenticator:
  class_name: org.apache.cassandra.auth.MutualTlsAuthenticator
  parameters:
    validator_class_name: org.apache.cassandra.auth.SpiffeCertificateValidator`;

describe.skipIf(noNode)('a node that takes the role from the certificate', () => {
  let authority: CertificateAuthority;
  let dir: string;
  let secured: CassandraNode;
  const gates: TestGate[] = [];

  beforeAll(async () => {
    authority = new CertificateAuthority();
    dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-mutual-'));
    await writeFile(path.join(dir, 'ca.crt'), authority.pem);
    for (const name of ['reader', 'writer', 'stranger']) {
      const { cert, key } = authority.issue({ name, for: `URI:spiffe://acme/${name}` });
      await writeFile(path.join(dir, `${name}.crt`), cert);
      await writeFile(path.join(dir, `${name}.key`), key);
    }
    const admin = authority.issue({ name: 'admin', for: 'URI:spiffe://acme/admin' });
    secured = await CassandraNode.start({
      yaml: clientEncryption(authority.issue({ name: 'node' }), authority),
      ssl: { ca: [authority.pem], ...admin },
    });
    const superuser = await secured.superuser();
    for (const statement of [
      "CREATE KEYSPACE mutual WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
      'CREATE TABLE mutual.t (k int PRIMARY KEY)',
      'CREATE ROLE mutual_reader WITH LOGIN = true',
      'CREATE ROLE mutual_writer WITH LOGIN = true',
      'GRANT SELECT ON KEYSPACE mutual TO mutual_reader',
      'GRANT MODIFY ON KEYSPACE mutual TO mutual_writer',
      "ADD IDENTITY 'spiffe://acme/admin' TO ROLE 'cassandra'",
      "ADD IDENTITY 'spiffe://acme/reader' TO ROLE 'mutual_reader'",
      "ADD IDENTITY 'spiffe://acme/writer' TO ROLE 'mutual_writer'",
    ]) {
      await superuser.execute(statement);
    }
    await superuser.shutdown();
    // Only now that it knows who is who.
    await secured.restart((yaml) =>
      yaml.replace('authenticator: PasswordAuthenticator', MUTUAL_TLS),
    );
  }, 240_000);

  afterAll(async () => {
    for (const gate of gates) await gate.close();
    await secured?.remove();
    authority?.remove();
    if (dir !== undefined) await rm(dir, { recursive: true });
  });

  const certificate = (name: string) => ({
    cert: path.join(dir, `${name}.crt`),
    key: path.join(dir, `${name}.key`),
  });
  const login = (name: string) => ({
    username: `mutual_${name}`,
    certificate: certificate(name),
  });

  async function prepare(cassandraRoles: object, tls: object = {}): Promise<TestGate> {
    const grants = ['SELECT, MODIFY ON KEYSPACE mutual'];
    const gate = await TestGate.prepare({
      contactPoint: secured.contactPoint,
      roles: {
        reads: { grants, cassandraRole: 'reader' },
        writes: { grants, cassandraRole: 'writer' },
      },
      config: {
        cluster: {
          contactPoints: [secured.contactPoint],
          tls: { ca: path.join(dir, 'ca.crt'), ...tls },
        },
        cassandraRoles,
      },
    });
    gates.push(gate);
    return gate;
  }

  it('gives each login its own rights, by a certificate each', async () => {
    const gate = await prepare({ reader: login('reader'), writer: login('writer') });
    await gate.launch();
    const [reads, writes] = [await through(gate, 'reads'), await through(gate, 'writes')];
    await writes.execute('INSERT INTO mutual.t (k) VALUES (1)');
    expect((await reads.execute('SELECT k FROM mutual.t')).rows).toHaveLength(1);
    // The gate permits both to both: it is the cluster that tells them apart.
    expect((await failure(reads.execute('INSERT INTO mutual.t (k) VALUES (2)'))).message).toContain(
      'mutual_reader has no MODIFY',
    );
    expect((await failure(writes.execute('SELECT k FROM mutual.t'))).message).toContain(
      'mutual_writer has no SELECT',
    );
    await reads.shutdown();
    await writes.shutdown();
  });

  it('is not worked with where one certificate would decide for all', async () => {
    const password = { username: 'mutual_reader', password: { env: 'GATE_PASSWORD' } };
    const gate = await prepare({ reader: password, writer: password }, certificate('reader'));
    void gate.launch().catch(() => undefined);
    await gate.logged(/would take the role from the certificate of cluster\.tls/);
    expect(gate.port).toBe(0);
  });

  it('lets in nobody by a certificate that it knows no role for', async () => {
    const stranger = { username: 'mutual_reader', certificate: certificate('stranger') };
    const gate = await prepare({ reader: stranger, writer: stranger });
    void gate.launch().catch(() => undefined);
    await gate.logged(/the cluster refused the login of Cassandra role reader/);
    expect(gate.port).toBe(0);
  });
});
