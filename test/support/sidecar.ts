// A sidecar as its own process, started as a step of a pipeline starts it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');

export class Sidecar {
  readonly #child: ChildProcess;
  readonly output: string[] = [];
  port = 0;
  /** From the start of the process to its port. */
  readyMs = 0;

  private constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [MAIN, 'sidecar', '--listen', '127.0.0.1:0', ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr!.on('data', (chunk: Buffer) => this.output.push(chunk.toString()));
  }

  /** Rejects with what it said where it ended instead. */
  static async start(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Sidecar> {
    const startMs = performance.now();
    const sidecar = new Sidecar(args, env);
    await new Promise<void>((resolve, reject) => {
      sidecar.#child.stderr!.on('data', () => {
        const port = /listening on [^ ]*:(\d+)/.exec(sidecar.text)?.[1];
        if (port === undefined) return;
        sidecar.port = Number(port);
        resolve();
      });
      sidecar.#child.once('close', (code) => reject(new Error(`exit ${code}: ${sidecar.text}`)));
    });
    sidecar.readyMs = performance.now() - startMs;
    return sidecar;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get text(): string {
    return this.output.join('');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'close');
  }
}
