// What the demo plays on: a node, an issuer, and the built gate as its own process.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { CassandraNode, type Progress } from '../../test/support/cassandra.ts';
import {
  issuerRow,
  REPOSITORY_UUID,
  startIssuer,
  type LocalIssuer,
} from '../../test/support/issuer.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');
const ENVIRONMENT_UUID = '{f0e1a2b3-0c4d-4e5f-8a9b-1c2d3e4f5a6b}';
export const KEYSPACE = 'cqlgate_demo';

const GRANTS = {
  'orders-migrator': [
    `SELECT, MODIFY, CREATE, ALTER ON KEYSPACE ${KEYSPACE}`,
    // Creating the keyspace itself takes a prefix.
    `CREATE ON KEYSPACE ${KEYSPACE}*`,
  ],
  'orders-reader': [`SELECT ON KEYSPACE ${KEYSPACE}`],
} as const;
export type DemoRole = keyof typeof GRANTS;

export interface StageOptions {
  /** null: a node is started. */
  readonly contactPoint: string | null;
  readonly username: string;
  readonly progress: Progress;
}

export class Stage {
  readonly dir: string;
  readonly port: number;
  readonly #node: CassandraNode | null;
  readonly #issuer: LocalIssuer;
  readonly #gate: ChildProcess;

  private constructor(parts: {
    dir: string;
    port: number;
    node: CassandraNode | null;
    issuer: LocalIssuer;
    gate: ChildProcess;
  }) {
    this.dir = parts.dir;
    this.port = parts.port;
    this.#node = parts.node;
    this.#issuer = parts.issuer;
    this.#gate = parts.gate;
  }

  static async set({ contactPoint, username, progress }: StageOptions): Promise<Stage> {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-demo-'));
    const node = contactPoint === null ? await CassandraNode.start({ progress }) : null;
    const issuer = await startIssuer();
    try {
      const login =
        node === null
          ? { username, password: process.env['CASSANDRA_PASSWORD'] ?? 'cassandra' }
          : await ownLogin(node);
      const port = await portFor(9042);
      await writeFiles(dir, port, node?.contactPoint ?? contactPoint!, login.username, issuer);
      progress('the gate starts');
      const gate = await launch(dir, login.password);
      progress(`the gate listens on 127.0.0.1:${port}`);
      return new Stage({ dir, port, node, issuer, gate });
    } catch (error) {
      await node?.remove();
      await issuer.close();
      throw error;
    }
  }

  /** A token as a step of the pipeline gets it; readers come from no deployment. */
  mint(role: DemoRole): string {
    return this.#issuer.mint({
      deploymentEnvironmentUuid: role === 'orders-migrator' ? ENVIRONMENT_UUID : null,
      commitSha: '5f2c1d7ab3e94c60d8f1a2b3c4d5e6f708192a3b',
    });
  }

  async strike(): Promise<void> {
    if (this.#gate.exitCode === null) {
      this.#gate.kill('SIGINT');
      await once(this.#gate, 'exit');
    }
    await this.#issuer.close();
    await this.#node?.remove();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** The gate gets a Cassandra role of its own, not the superuser. */
async function ownLogin(node: CassandraNode): Promise<{ username: string; password: string }> {
  const password = randomBytes(16).toString('hex');
  const superuser = await node.superuser();
  const statements = [
    `CREATE ROLE ci_orders WITH PASSWORD = '${password}' AND LOGIN = true`,
    'GRANT CREATE ON ALL KEYSPACES TO ci_orders',
  ];
  for (const statement of statements) await superuser.execute(statement);
  await superuser.shutdown();
  return { username: 'ci_orders', password };
}

async function writeFiles(
  dir: string,
  port: number,
  contactPoint: string,
  username: string,
  issuer: LocalIssuer,
): Promise<void> {
  const config = {
    listen: { host: '127.0.0.1', port },
    cluster: { contactPoints: [contactPoint] },
    cassandraRoles: { ci_orders: { username, password: { env: 'CI_ORDERS_PASSWORD' } } },
    issuers: [issuerRow(issuer)],
    policy: 'policy.yaml',
    audit: { dir: 'audit' },
  };
  const policy = {
    version: 1,
    roles: Object.fromEntries(
      Object.entries(GRANTS).map(([name, grants]) => [
        name,
        { cassandraRole: 'ci_orders', grants, deny: ['TRUNCATE'] },
      ]),
    ),
    bindings: [
      {
        name: 'orders production',
        role: 'orders-migrator',
        issuer: 'pipelines',
        where: {
          repositoryUuid: REPOSITORY_UUID,
          deploymentEnvironmentUuid: ENVIRONMENT_UUID,
        },
      },
      {
        name: 'orders, any step',
        role: 'orders-reader',
        issuer: 'pipelines',
        where: { repositoryUuid: REPOSITORY_UUID },
      },
    ],
  };
  await writeFile(path.join(dir, 'cqlgate.yaml'), stringify(config));
  await writeFile(path.join(dir, 'policy.yaml'), stringify(policy));
}

async function launch(dir: string, password: string): Promise<ChildProcess> {
  const gate = spawn(process.execPath, [MAIN, 'serve', '-c', path.join(dir, 'cqlgate.yaml')], {
    env: { ...process.env, CI_ORDERS_PASSWORD: password },
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C is for the demo, which then stops the gate.
    detached: true,
  });
  process.on('exit', () => gate.kill('SIGKILL'));
  const output: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: gate.stdout }).on('line', (line) => {
      output.push(line);
      if (line.includes('listening on')) resolve();
    });
    gate.once('exit', (code) =>
      reject(new Error(`the gate ended with ${code}:\n${output.join('\n')}`)),
    );
  });
  return gate;
}

/** The wanted port where it is free, else any. */
async function portFor(wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const server = net.createServer();
    server.listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    const { port: found } = server.address() as net.AddressInfo;
    server.close();
    await once(server, 'close');
    return found;
  }
  throw new Error('no port is free');
}
