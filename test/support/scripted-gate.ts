// A gate in the test's own process, before scripted nodes: for answers that no real node gives, and for
// tests that look into what the gate holds.
import { loadConfig } from '../../src/config/load.ts';
import { expect } from 'vitest';
import { startGate, type RunningGate } from '../../src/commands/start-gate.ts';
import type { Log } from '../../src/session/gate.ts';
import { TestGate, type TestRole } from './gate.ts';
import { RawClient } from './raw-client.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export class ScriptedGate {
  readonly cluster: ScriptedCluster;
  readonly files: TestGate;
  readonly #gate: RunningGate;
  #stopped: Promise<void> | null = null;
  readonly log: readonly LogLine[];

  private constructor(
    cluster: ScriptedCluster,
    files: TestGate,
    gate: RunningGate,
    log: readonly LogLine[],
  ) {
    this.cluster = cluster;
    this.files = files;
    this.#gate = gate;
    this.log = log;
  }

  static async start(
    roles: Readonly<Record<string, TestRole>>,
    config: Record<string, unknown> = {},
    cluster?: ScriptedCluster,
  ): Promise<ScriptedGate> {
    cluster ??= await ScriptedCluster.start(['dc1']);
    const { host, port } = cluster.contactPoint(0);
    const files = await TestGate.prepare({
      contactPoint: `${host}:${port}`,
      roles,
      // One connection, so that sessions share it for sure.
      config: {
        cluster: { contactPoints: [`${host}:${port}`], connectionsPerPool: 1 },
        ...config,
      },
    });
    process.env['GATE_PASSWORD'] = 'cassandra';
    const lines: LogLine[] = [];
    const to =
      (level: LogLine['level']) =>
      (fields: LogLine['fields'], message: string): void =>
        void lines.push({ level, fields, message });
    const log: Log = { info: to('info'), warn: to('warn'), error: to('error') };
    try {
      return new ScriptedGate(
        cluster,
        files,
        await startGate(await loadConfig(files.configFile), log),
        lines,
      );
    } catch (error) {
      await files.close();
      await cluster.close();
      throw error;
    }
  }

  get port(): number {
    return this.#gate.port;
  }

  async login(role: string, version = 4, options: Record<string, string> = {}): Promise<RawClient> {
    return RawClient.login(this.port, role, this.files.issuer.mint(), version, options);
  }

  /** Waits for a line of the log. */
  async logged(pattern: RegExp): Promise<LogLine> {
    return expect
      .poll(() => this.log.find(({ message }) => pattern.test(message)), { timeout: 10_000 })
      .toBeDefined()
      .then(() => this.log.find(({ message }) => pattern.test(message))!);
  }

  /** The value of a metric at the admin port, with these labels as they are printed. */
  async metric(name: string, labels = ''): Promise<number> {
    const line = await this.logged(/admin port on/);
    const port = /:(\d+)$/.exec(line.message)![1]!;
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const start = `cqlgate_${name}${labels} `;
    const found = text.split('\n').find((one) => one.startsWith(start));
    return found === undefined ? 0 : Number(found.slice(start.length));
  }

  /** Ends the gate; its files stay until `close`. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#gate.close();
    return this.#stopped;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.files.close();
    await this.cluster.close();
  }
}
