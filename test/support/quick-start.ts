// A gate that speaks TLS before the real node, with the table that docs/QUICKSTART.md works on, and its
// sections to run there.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';
import { LEDGER } from '../../src/limits/audit.ts';
import { documentOf } from '../docs/documents.ts';
import { runSection, sectionsOf, type Section } from '../docs/run-blocks.ts';
import { CertificateAuthority, type Issued } from './certificates.ts';
import { TestGate } from './gate.ts';
import { contactPoint, direct } from './nodes.ts';

export interface RunOptions {
  /** Goes first on the PATH. */
  readonly bin?: string;
  /** What stands for an installed package. */
  readonly linked?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The CA that the program is told to trust; default: the right one. */
  readonly ca?: string;
}

/** To be called in a suite; what a program prints must be what it wrote, or the name of the cluster. */
export function quickStart() {
  let authority: CertificateAuthority;
  let gate: TestGate;

  beforeAll(async () => {
    const superuser = await direct();
    await superuser.execute('DROP KEYSPACE IF EXISTS orders');
    await superuser.execute(
      "CREATE KEYSPACE orders WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.execute('CREATE TABLE orders.items (id int PRIMARY KEY, name text)');
    await superuser.shutdown();
    authority = new CertificateAuthority();
    gate = await TestGate.start({
      contactPoint,
      roles: { seeder: { grants: ['SELECT, MODIFY ON TABLE orders.items'] } },
      prepare: async (dir) => {
        const { cert, key } = authority.issue();
        await writeFile(path.join(dir, 'tls.crt'), cert);
        await writeFile(path.join(dir, 'tls.key'), key);
      },
      config: {
        listen: { host: '127.0.0.1', port: 0, tls: { cert: 'tls.crt', key: 'tls.key' } },
      },
    });
  });

  afterAll(async () => {
    await gate?.close();
    authority?.remove();
    const superuser = await direct();
    await superuser.execute('DROP KEYSPACE IF EXISTS orders');
    await superuser.shutdown();
  });

  const run = async (
    section: Section,
    { bin, linked, env = {}, ca }: RunOptions,
  ): Promise<void> => {
    const { stdout } = await runSection(
      section,
      {
        ...env,
        DB_HOST: 'localhost',
        DB_PORT: String(gate.port),
        DB_ROLE: 'seeder',
        DB_TOKEN: gate.issuer.mint(),
        ...(bin === undefined ? {} : { PATH: `${bin}:${process.env['PATH'] ?? ''}` }),
      },
      async (dir) => {
        await mkdir(dir, { recursive: true });
        await writeFile(path.join(dir, 'ca.crt'), ca ?? authority.pem);
        if (linked !== undefined) await symlink(linked, path.join(dir, 'node_modules'));
      },
    );
    const wanted = /token/.test(section.heading) ? 'cqlgate-test' : section.heading;
    expect(stdout.toLowerCase()).toContain(WRITTEN[wanted] ?? wanted.toLowerCase());
  };
  /** Once what was going on is on the disk. */
  const logins = async (): Promise<number> => {
    await delay(LEDGER.groupMs * 6);
    const records = await gate.records();
    return records.filter(({ kind }) => kind === 'session_start' || kind === 'auth').length;
  };

  /** Whether it gives its token to whoever answers: a certificate of a foreign CA, or for another name. */
  const isFooledBy = async (
    impostor: 'a foreign CA' | 'another name',
    section: Section,
    options: RunOptions,
  ): Promise<boolean> => {
    const foreign = new CertificateAuthority();
    const isCa = impostor === 'a foreign CA';
    try {
      if (!isCa) await present(authority.issue({ name: 'x', for: 'DNS:elsewhere.example' }));
      const before = await logins();
      const theirs = isCa ? { ...options, ca: foreign.pem } : options;
      const problem = await run(section, theirs).then(
        () => null,
        (error: unknown) => String(error),
      );
      const hasLoggedIn = (await logins()) > before;
      if (!hasLoggedIn) expect(problem).toMatch(/certificate|SSL|TLS/i);
      return hasLoggedIn;
    } finally {
      if (!isCa) await present(authority.issue());
      foreign.remove();
    }
  };

  /** The gate takes changed files without a restart. */
  const present = async ({ cert, key }: Issued): Promise<void> => {
    const taken = () => gate.output.filter((line) => /new certificates are in use/.test(line));
    const before = taken().length;
    await writeFile(path.join(gate.dir, 'tls.crt'), cert);
    await writeFile(path.join(gate.dir, 'tls.key'), key);
    while (taken().length === before) await delay(100);
  };
  return { sections: sectionsOf(documentOf('docs/QUICKSTART.md')), run, isFooledBy };
}

/** By heading, where the program writes another name. */
const WRITTEN: Readonly<Record<string, string>> = {
  'Java 4': 'java',
  'Go, gocql 2': 'gocql 2',
  'Go, gocql 1.7': 'gocql 1.7',
  'Rust, scylla': 'rust',
};
