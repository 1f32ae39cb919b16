// The others, beside a flood: a few sessions that ask for little, at a steady rate, and notice every answer that
// fails, does not come or is late.
import type net from 'node:net';
import {
  batchBody,
  describeError,
  executeBody,
  FrameSplitter,
  HEADER_BYTES,
  Opcode,
  queryBody,
  requestFrame,
  streamIdOf,
} from './frames.ts';
import { Histogram } from './histogram.ts';
import { RawConnection, type Credentials, type Endpoint } from './raw-connection.ts';
import {
  INSERT_ROW,
  keyOf,
  KEY_COUNT,
  ROW_VALUE,
  SELECT_ROW,
  TEXT_DIGITS,
  textOf,
} from './workload.ts';

const SESSIONS = 8;
/** Of each session: 400 a second in all leave the gate nearly idle. */
const PERIOD_MS = 20;
/** Drivers give up a request after this. */
const TIMEOUT_MS = 12_000;
const STREAMS = 1_024;

export class HonestClients {
  readonly #sessions: HonestSession[];
  readonly #latencies = new Histogram();
  readonly #timer: NodeJS.Timeout;
  failures = 0;
  firstFailure: string | null = null;

  private constructor(sessions: (told: Told) => HonestSession[]) {
    this.#sessions = sessions({
      answered: (us) => this.#latencies.record(us),
      failed: (why) => {
        this.failures++;
        this.firstFailure ??= why;
      },
    });
    let turn = 0;
    this.#timer = setInterval(() => {
      this.#sessions[turn++ % SESSIONS]!.send();
    }, PERIOD_MS / SESSIONS);
  }

  static async open(endpoint: Endpoint, credentials: Credentials): Promise<HonestClients> {
    const opened: { socket: net.Socket; requests: readonly Buffer[] }[] = [];
    for (let i = 0; i < SESSIONS; i++) {
      const connection = await RawConnection.open(endpoint, credentials);
      const requests = await requestsOf(connection);
      opened.push({ socket: connection.release(), requests });
    }
    return new HonestClients((told) =>
      opened.map(({ socket, requests }) => new HonestSession(socket, requests, told)),
    );
  }

  /** Since the last reset. */
  figures(): { readonly requests: number; readonly p50Us: number; readonly p99Us: number } {
    this.giveUp();
    for (const session of this.#sessions) session.countWaiting();
    return {
      requests: this.#latencies.total,
      p50Us: this.#latencies.quantileUs(0.5),
      p99Us: this.#latencies.quantileUs(0.99),
    };
  }

  /** Counts what was not answered in time; to be called now and then. */
  giveUp(): void {
    for (const session of this.#sessions) session.giveUp();
  }

  reset(): void {
    this.#latencies.reset();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const session of this.#sessions) session.close();
  }
}

interface Told {
  readonly answered: (us: number) => void;
  readonly failed: (why: string) => void;
}

class HonestSession {
  readonly #socket: net.Socket;
  readonly #requests: readonly Buffer[];
  readonly #told: Told;
  readonly #splitter = new FrameSplitter();
  readonly #sinceMs = new Map<number, number>();
  #next = 0;
  #isClosed = false;

  constructor(socket: net.Socket, requests: readonly Buffer[], told: Told) {
    this.#socket = socket;
    this.#requests = requests;
    this.#told = told;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (!this.#isClosed) told.failed('the gate closed an honest session');
    });
  }

  send(): void {
    const stream = this.#next++ % STREAMS;
    const request = Buffer.from(this.#requests[this.#next % this.#requests.length]!);
    request.writeInt16BE(stream, 2);
    if (this.#socket.destroyed) {
      this.#told.failed('no connection');
      return;
    }
    this.#sinceMs.set(stream, performance.now());
    this.#socket.write(request);
  }

  giveUp(): void {
    const nowMs = performance.now();
    for (const [stream, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs < TIMEOUT_MS) continue;
      this.#sinceMs.delete(stream);
      this.#told.answered((nowMs - sinceMs) * 1000);
      this.#told.failed('no answer in time');
    }
  }

  /** What still waits is late by as much as it waited until now. */
  countWaiting(): void {
    const nowMs = performance.now();
    for (const sinceMs of this.#sinceMs.values()) this.#told.answered((nowMs - sinceMs) * 1000);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const nowMs = performance.now();
    this.#splitter.push(chunk, (buffer, start, end) => {
      const stream = streamIdOf(buffer, start);
      const sinceMs = this.#sinceMs.get(stream);
      if (sinceMs === undefined) return;
      this.#sinceMs.delete(stream);
      this.#told.answered((nowMs - sinceMs) * 1000);
      if (buffer[start + 4] !== Opcode.ERROR) return;
      this.#told.failed(describeError(buffer.subarray(start + HEADER_BYTES, end)));
    });
  }
}

/** Mostly reads, by EXECUTE and by QUERY, and now and then a write. */
async function requestsOf(connection: RawConnection): Promise<Buffer[]> {
  const select = await connection.prepare(SELECT_ROW);
  const insert = await connection.prepare(INSERT_ROW);
  const frame = (opcode: number, body: Buffer): Buffer => requestFrame(opcode, 0, body);
  const reads = Array.from({ length: KEY_COUNT }, (_unused, key) => [
    frame(Opcode.EXECUTE, executeBody(select, Buffer.from(keyOf(key)))),
    frame(Opcode.QUERY, queryBody(textOf(key % 10 ** TEXT_DIGITS))),
  ]);
  const values = [Buffer.from(keyOf(0)), Buffer.from(ROW_VALUE)];
  const writes = [1, 2].map((size) => frame(Opcode.BATCH, batchBody(insert.id, values, size)));
  return [...reads.flat(), ...writes];
}
