// Long texts are analysed in a worker thread, started when the first one comes. One session waits for
// one job at a time, so that the queue is bounded by the sessions.
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { rememberRedacted, type RedactedText } from '../audit/redact.ts';
import type { Statement, Unanalysable } from '../cql/statement.ts';
import { guarded } from '../guard.ts';
import { CQL } from '../limits.ts';

export interface AnalysisJob {
  readonly id: number;
  readonly texts: readonly string[];
  readonly keyspace: string | null;
}

export interface AnalysisResult {
  readonly id: number;
  readonly found: readonly {
    readonly result: Statement | Unanalysable;
    readonly redacted: RedactedText | null;
  }[];
}

/** What the texts of one request are, by text. */
export type Analysed = ReadonlyMap<string, Statement | Unanalysable>;

/** The worker ends with the process, and does not keep it alive. */
const SCRIPT = new URL(
  `./analysis-worker${path.extname(new URL(import.meta.url).pathname)}`,
  import.meta.url,
);

interface Pending {
  readonly job: AnalysisJob;
  readonly resolve: (analysed: Analysed) => void;
}

export class Analyst {
  #worker: Worker | null = null;
  #nextId = 0;
  readonly #pending = new Map<number, Pending>();

  async analyse(texts: readonly string[], keyspace: string | null): Promise<Analysed> {
    const job = { id: this.#nextId++, texts, keyspace };
    return new Promise((resolve) => {
      this.#pending.set(job.id, { job, resolve });
      this.#running().postMessage(job);
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(SCRIPT, {
      resourceLimits: { maxOldGenerationSizeMb: CQL.workerHeapMib },
    });
    worker.unref();
    const settle = (result: AnalysisResult): void => this.#settle(result);
    worker.on(
      'message',
      guarded('analyst', settle, () => void worker.terminate()),
    );
    worker.on('error', () => undefined);
    worker.on(
      'exit',
      guarded('analyst', () => this.#lost(worker)),
    );
    this.#worker = worker;
    return worker;
  }

  #settle({ id, found }: AnalysisResult): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    const analysed = new Map<string, Statement | Unanalysable>();
    found.forEach(({ result, redacted }, i) => {
      if (redacted !== null) rememberRedacted(result, redacted);
      analysed.set(pending?.job.texts[i] ?? '', result);
    });
    pending?.resolve(analysed);
  }

  /** A text that brings the worker down is refused, and the next one gets a new worker. */
  #lost(worker: Worker): void {
    if (this.#worker === worker) this.#worker = null;
    for (const [id, { job, resolve }] of this.#pending) {
      this.#pending.delete(id);
      resolve(new Map(job.texts.map((text) => [text, NOT_ANALYSED])));
    }
  }
}

const NOT_ANALYSED: Unanalysable = {
  reason:
    'the text could not be analysed; make it shorter, or bind values instead of writing them out',
  rule: 'not_understood',
  position: 0,
  lexes: false,
};
