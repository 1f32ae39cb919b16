// Long texts are analysed in a worker thread, started when the first one comes. It has the texts of one request
// at a time, so that what kills it or takes too long is known and refused alone; the others wait in a line that
// is fair by role.
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { rememberRedacted, type RedactedText } from '../audit/redact.ts';
import type { Statement, Unanalysable } from '../cql/statement.ts';
import { FairLine, QueueFault, type Turn } from '../fair-queue.ts';
import { guarded, reportFault, unattended } from '../guard.ts';
import { CQL } from '../limits/cql.ts';

export interface AnalysisJob {
  readonly texts: readonly string[];
  readonly keyspace: string | null;
}

export interface AnalysisResult {
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
  readonly reject: (fault: QueueFault) => void;
  timer: NodeJS.Timeout | null;
}

export interface AnalystOptions {
  readonly script?: URL;
  /** For the texts of one request, once they are looked at. */
  readonly jobMs?: number;
  readonly waiting?: number;
}

export class Analyst {
  readonly #script: URL;
  readonly #jobMs: number;
  #worker: Worker | null = null;
  readonly #line: FairLine<Pending>;
  #atWork: Pending | null = null;
  #closed = false;

  constructor(options: AnalystOptions = {}) {
    this.#script = options.script ?? SCRIPT;
    this.#jobMs = options.jobMs ?? CQL.analysisMs;
    this.#line = new FairLine<Pending>(options.waiting ?? CQL.analysesWaiting, (pending) =>
      refuse(pending, 'full'),
    );
  }

  /** Rejects with QueueFault where the texts were not looked at. */
  async analyse(texts: readonly string[], keyspace: string | null, turn: Turn): Promise<Analysed> {
    return new Promise((resolve, reject) => {
      const pending: Pending = { job: { texts, keyspace }, resolve, reject, timer: null };
      const late = (): void => {
        if (this.#line.delete(pending)) refuse(pending, 'late');
      };
      pending.timer = setTimeout(guarded('analyst', late), CQL.analysisWaitMs).unref();
      if (this.#closed || !this.#line.add(pending, turn)) refuse(pending, 'full');
      else this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const pending of this.#line.drop(() => true)) refuse(pending, 'late');
    await this.#worker?.terminate();
  }

  #next(): void {
    const pending = this.#line.first;
    if (this.#atWork !== null || pending === null || this.#closed) return;
    this.#line.served(pending);
    this.#atWork = pending;
    stopTimer(pending);
    try {
      const worker = this.#running();
      // One that does not come back ends with its thread; `#lost` refuses it.
      const slow = (): void => unattended('analyst', worker.terminate());
      pending.timer = setTimeout(guarded('analyst', slow), this.#jobMs).unref();
      worker.postMessage(pending.job);
    } catch (error) {
      // No thread can be had now (a container has a bound of them): the next one asks for it again.
      reportFault('analyst', error);
      this.#atWork = null;
      refuse(pending, 'late');
      setImmediate(guarded('analyst', () => this.#next()));
    }
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(this.#script, {
      resourceLimits: { maxOldGenerationSizeMb: CQL.workerHeapMib },
    });
    worker.unref();
    const settle = (result: AnalysisResult): void => {
      // Of a thread that was given up nothing is taken any more.
      if (this.#worker === worker) this.#settle(result);
    };
    worker.on(
      'message',
      guarded('analyst', settle, () => unattended('analyst', worker.terminate())),
    );
    worker.on('error', () => undefined);
    worker.on(
      'exit',
      guarded('analyst', () => this.#lost(worker)),
    );
    this.#worker = worker;
    return worker;
  }

  #settle({ found }: AnalysisResult): void {
    const pending = this.#atWork;
    if (pending === null) return;
    const analysed = new Map<string, Statement | Unanalysable>();
    found.forEach(({ result, redacted }, i) => {
      if (redacted !== null) rememberRedacted(result, redacted);
      analysed.set(pending.job.texts[i] ?? '', result);
    });
    this.#ended(pending, analysed);
  }

  /** Texts that bring the worker down, or take too long, are refused; the next ones get a new worker. */
  #lost(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const pending = this.#atWork;
    if (pending === null) return;
    this.#ended(pending, new Map(pending.job.texts.map((text) => [text, NOT_ANALYSED])));
  }

  #ended(pending: Pending, analysed: Analysed): void {
    this.#atWork = null;
    stopTimer(pending);
    pending.resolve(analysed);
    this.#next();
  }
}

function stopTimer({ timer }: Pending): void {
  if (timer !== null) clearTimeout(timer);
}

function refuse(pending: Pending, why: 'full' | 'late'): void {
  stopTimer(pending);
  pending.reject(new QueueFault(why));
}

const NOT_ANALYSED: Unanalysable = {
  reason:
    'the text could not be analysed; make it shorter, or bind values instead of writing them out',
  rule: 'too_costly',
  position: 0,
  lexes: false,
};
