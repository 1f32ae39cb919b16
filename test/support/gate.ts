// The built gate as its own process, with a configuration and a policy of the test's own.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { issuerRow, REPOSITORY_UUID, startIssuer, type LocalIssuer } from './issuer.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');

export interface TestRole {
  readonly grants: readonly string[];
  readonly deny?: readonly string[];
  readonly capabilities?: readonly string[];
  readonly asCassandra?: readonly string[];
  readonly cassandraRole?: string;
  readonly commit?: string;
  readonly session?: Readonly<Record<string, string>>;
  /** What its binding asks for besides the repository. */
  readonly where?: Readonly<Record<string, string>>;
}

export interface GateOptions {
  readonly contactPoint: string;
  /** Roles of the policy, each bound to tokens of the test's repository. */
  readonly roles: Readonly<Record<string, TestRole>>;
  readonly username?: string;
  readonly password?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Writes what the configuration refers to into its directory. */
  readonly prepare?: (dir: string) => Promise<void>;
  /** As the policy has them. */
  readonly admins?: readonly unknown[];
  /** Another gate's, so that both take the same tokens. */
  readonly issuer?: LocalIssuer;
  /** Merged over the configuration. */
  readonly config?: Record<string, unknown>;
}

export class TestGate {
  readonly dir: string;
  readonly issuer: LocalIssuer;
  readonly #options: GateOptions;
  #child: ChildProcess | null = null;
  readonly output: string[] = [];
  port = 0;
  /** Of the admin port, where the configuration has one. */
  adminPort = 0;

  private constructor(dir: string, issuer: LocalIssuer, options: GateOptions) {
    this.dir = dir;
    this.issuer = issuer;
    this.#options = options;
  }

  static async start(options: GateOptions): Promise<TestGate> {
    const gate = await TestGate.prepare(options);
    await gate.launch();
    return gate;
  }

  /** With its files, and not started yet. */
  static async prepare(options: GateOptions): Promise<TestGate> {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-gate-'));
    const gate = new TestGate(dir, options.issuer ?? (await startIssuer()), options);
    await options.prepare?.(dir);
    await gate.writePolicy(options.roles);
    await gate.#writeConfig();
    return gate;
  }

  /** Waits for a line of the log. */
  async logged(pattern: RegExp, timeoutMs = 15_000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const line = this.output.find((one) => pattern.test(one));
      if (line !== undefined) return line;
      if (Date.now() > deadline) throw new Error(`no such line in ${this.output.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  get configFile(): string {
    return path.join(this.dir, 'cqlgate.yaml');
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** null while it runs. */
  get exitCode(): number | null {
    return this.#child?.exitCode ?? null;
  }

  /** Starts the process, on the same port as before where there was one. */
  async launch(): Promise<void> {
    if (this.port !== 0) await this.#writeConfig();
    const child = spawn(process.execPath, [MAIN, 'serve', '-c', this.configFile], {
      env: {
        ...process.env,
        GATE_PASSWORD: this.#options.password ?? 'cassandra',
        ...this.#options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const lines = createInterface({ input: child.stdout });
    child.stderr.on('data', (chunk: Buffer) => this.output.push(chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        this.output.push(line);
        const admin = /admin port on [^ "]*:(\d+)/.exec(line)?.[1];
        if (admin !== undefined) this.adminPort = Number(admin);
        const port = /listening on [^ "]*:(\d+)/.exec(line)?.[1];
        if (port === undefined) return;
        this.port = Number(port);
        resolve();
      });
      child.once('exit', (code) =>
        reject(new Error(`the gate ended with ${code}:\n${this.output.join('\n')}`)),
      );
    });
  }

  /** SIGINT waits for no session, but for what is in flight. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  async close(): Promise<void> {
    await this.stop();
    if (this.#options.issuer === undefined) await this.issuer.close();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** The records of the ledger, oldest first. */
  async records(): Promise<any[]> {
    return (await this.ledgerText())
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  }

  /** Of all chains, or of the one in a folder. */
  async ledgerText(folder = '.'): Promise<string> {
    const dir = path.join(this.dir, 'audit', folder);
    const list = async (): Promise<string[]> => readdir(dir, { recursive: true });
    // A gate that ends takes its lock away while they are listed.
    const files = (await list().catch(list)).filter((name) => name.endsWith('.jsonl')).sort();
    const texts = await Promise.all(files.map((name) => readFile(path.join(dir, name), 'utf8')));
    return texts.join('');
  }

  /** Waits until a record fits: the ledger groups its writes. */
  async record(fits: (record: any) => boolean, timeoutMs = 5_000): Promise<any> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = (await this.records()).find(fits);
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error('no such record in the ledger');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Writes a policy in which each role is bound to tokens of the test's repository. */
  async writePolicy(roles: Readonly<Record<string, TestRole>>): Promise<void> {
    const policy = {
      version: 1,
      roles: Object.fromEntries(
        Object.entries(roles).map(([name, role]) => [
          name,
          {
            cassandraRole: role.cassandraRole ?? 'ci',
            grants: role.grants,
            ...(role.deny === undefined ? {} : { deny: role.deny }),
            ...(role.capabilities === undefined ? {} : { capabilities: role.capabilities }),
            ...(role.asCassandra === undefined ? {} : { asCassandra: role.asCassandra }),
            ...(role.commit === undefined ? {} : { commit: role.commit }),
            ...(role.session === undefined ? {} : { session: role.session }),
          },
        ]),
      ),
      bindings: Object.entries(roles).map(([role, { where }]) => ({
        name: `${role} of the test repository`,
        role,
        issuer: 'pipelines',
        where: { repositoryUuid: REPOSITORY_UUID, ...where },
      })),
      admins: this.#options.admins ?? [],
    };
    await writeFile(path.join(this.dir, 'policy.yaml'), stringify(policy));
  }

  async #writeConfig(): Promise<void> {
    const config = {
      listen: { host: '127.0.0.1', port: this.port },
      cluster: { contactPoints: [this.#options.contactPoint] },
      cassandraRoles: {
        ci: { username: this.#options.username ?? 'cassandra', password: { env: 'GATE_PASSWORD' } },
      },
      issuers: [issuerRow(this.issuer)],
      policy: 'policy.yaml',
      audit: { dir: 'audit' },
      ...this.#options.config,
    };
    await writeFile(this.configFile, stringify(config));
  }
}
