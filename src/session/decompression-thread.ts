// Decompresses large bodies in a worker thread, one after the other; started when the first one comes. Who may ask,
// and how many wait, is the session's affair (session/decompress.ts). What ends the thread fails the body at hand
// alone: the next one gets another.
import { Worker } from 'node:worker_threads';
import { guarded, unattended } from '../guard.ts';
import { CQL } from '../limits/cql.ts';

const SCRIPT = new URL('./decompression-worker.js', import.meta.url);

interface Job {
  readonly name: string;
  readonly body: Uint8Array;
  /** Kept free before the body. */
  readonly headBytes: number;
  readonly bodyBytes: number;
}

interface Pending {
  readonly job: Job;
  readonly resolve: (bytes: Buffer | null) => void;
  readonly reject: (error: Error) => void;
}

export class DecompressionThread {
  readonly #script: URL;
  #worker: Worker | null = null;
  #atWork: Pending | null = null;
  #waiting: Pending[] = [];

  constructor(script = SCRIPT) {
    this.#script = script;
  }

  /** Room of `headBytes`, and then the body; null where that is no block of its stated length. */
  async decompress(job: Job): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#atWork !== null) return;
    const pending = this.#waiting.shift();
    if (pending === undefined) return;
    this.#atWork = pending;
    const { name, headBytes, bodyBytes } = pending.job;
    try {
      // A copy, since what it is part of holds other requests too.
      const body = new Uint8Array(pending.job.body.length);
      body.set(pending.job.body);
      this.#running().postMessage({ name, body, headBytes, bodyBytes }, [body.buffer]);
    } catch (error) {
      this.#settle((at) => at.reject(error as Error));
    }
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(this.#script, { workerData: { niceness: CQL.workerNiceness } });
    worker.unref();
    const told = (bytes: ArrayBuffer | null): void =>
      this.#settle((at) => at.resolve(bytes === null ? null : Buffer.from(bytes)));
    worker.on(
      'message',
      guarded('decompression', told, () => unattended('decompression', worker.terminate())),
    );
    worker.on('error', () => undefined);
    const ended = (): void => {
      if (this.#worker === worker) this.#worker = null;
      this.#settle((at) => at.reject(new Error('the thread that decompresses ended')));
    };
    worker.on('exit', guarded('decompression', ended));
    this.#worker = worker;
    return worker;
  }

  #settle(how: (at: Pending) => void): void {
    const at = this.#atWork;
    this.#atWork = null;
    if (at !== null) how(at);
    this.#next();
  }
}
