// Cassandra's own parser as a process: texts in, what it makes of them out, in order.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { jars } from './cassandra.ts';

/** `[keyspace, name]`, keyspace null where the text has none. */
export type OracleName = readonly [string | null, string];

export type Verdict =
  | {
      /** The class of the parsed statement. */
      readonly kind: string;
      readonly tables: readonly OracleName[];
      readonly functions: readonly OracleName[];
      readonly types: readonly OracleName[];
      readonly roles: readonly string[];
      readonly keyspaces: readonly string[];
    }
  /** `SyntaxException` is a refusal; all others come from actions behind the grammar. */
  | { readonly error: string; readonly message: string };

/** Cassandra's jars, as Java wants them named. */
export async function classPath(): Promise<string> {
  const dir = await jars();
  const files = (await readdir(dir)).filter((name) => name.endsWith('.jar'));
  return files.map((name) => path.join(dir, name)).join(path.delimiter);
}

export class CassandraParser {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
    child.stderr.resume();
  }

  static async start(): Promise<CassandraParser> {
    const source = path.join(import.meta.dirname, 'oracle', 'CassandraParser.java');
    return new CassandraParser(spawn('java', ['-Xmx600m', '-cp', await classPath(), source]));
  }

  async parse(texts: readonly string[]): Promise<Verdict[]> {
    const input = texts.map((text) => `${Buffer.from(text).toString('base64')}\n`).join('');
    this.#child.stdin.write(input);
    const verdicts: Verdict[] = [];
    while (verdicts.length < texts.length) {
      const { value, done } = await this.#answers.next();
      if (done === true) throw new Error("Cassandra's parser ended before it had answered");
      verdicts.push(JSON.parse(value) as Verdict);
    }
    return verdicts;
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }
}
