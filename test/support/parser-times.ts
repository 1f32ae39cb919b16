// Cassandra's own parser as a process that tells how long texts take it. A text that takes longer than
// the deadline is cut by ending the process; the next text gets a new one, warmed up.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { random } from '../protocol/streams.ts';
import { generate } from './differential.ts';
import { classPath } from './oracle.ts';

export interface ParserTime {
  /** Median of several runs; null where the deadline cut it. */
  readonly ms: number | null;
  /** The class of the exception that the text ends in, or null. */
  readonly error: string | null;
}

const WARM_UP_TEXTS = 4_000;

export class ParserTimes {
  readonly #deadlineMs: number;
  readonly #warmUp: readonly string[];
  #child: ChildProcessWithoutNullStreams | null = null;
  #lines: Interface | null = null;
  #answers: AsyncIterator<string> | null = null;

  /** `shapes` are parsed once before anything is measured: the code that they run is compiled then. */
  constructor(deadlineMs: number, shapes: readonly string[] = []) {
    this.#deadlineMs = deadlineMs;
    const next = random(1);
    const generated = Array.from({ length: WARM_UP_TEXTS }, () => generate(next).text);
    this.#warmUp = [...generated, ...shapes, ...shapes, ...shapes];
  }

  async measure(text: string): Promise<ParserTime> {
    if (this.#child === null) await this.#start();
    this.#write(text);
    const answer = await Promise.race([this.#answers!.next(), delay(this.#deadlineMs, null)]);
    if (answer === null) {
      await this.close();
      return { ms: null, error: null };
    }
    if (answer.done === true) throw new Error("Cassandra's parser ended");
    const [us, error] = answer.value.split(' ');
    return { ms: Number(us) / 1000, error: error === '-' ? null : (error ?? null) };
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    this.#lines?.close();
    if (child === null) return;
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  #write(text: string): void {
    this.#child?.stdin.write(`${Buffer.from(text).toString('base64')}\n`);
  }

  async #start(): Promise<void> {
    const source = path.join(import.meta.dirname, 'oracle', 'CassandraParserTimes.java');
    const child = spawn('java', ['-Xmx700m', '-XX:+UseSerialGC', '-cp', await classPath(), source]);
    child.stderr.resume();
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
    for (const text of this.#warmUp) {
      this.#write(text);
      await this.#answers.next();
    }
  }
}
