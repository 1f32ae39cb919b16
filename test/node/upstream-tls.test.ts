// TLS towards a real node that takes nothing else and asks for a client certificate; and what is said
// where one of the two sides is set up otherwise.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CassandraNode } from '../support/cassandra.ts';
import { CertificateAuthority, type Issued } from '../support/certificates.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, noNode, through } from '../support/nodes.ts';

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
