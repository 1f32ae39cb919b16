// The load generator: C connections with D requests in flight each, in a closed loop, or at a fixed rate. As
// light as it can be: requests are prebuilt frames with stream id and digits patched, of answers only headers
// are read. Prints {"phase":"start"} when the measured window opens and {"phase":"end", ...} when it closes.
import type net from 'node:net';
import { parseArgs } from 'node:util';
import { parseEndpoint, parsePositive } from './arguments.ts';
import { protocolOf, type Codec } from './codec.ts';
import {
  batchBody,
  describeError,
  executeBody,
  HEADER_BYTES,
  Opcode,
  queryBody,
  requestFrame,
  streamIdOf,
  WriteBlocks,
} from './frames.ts';
import { Histogram } from './histogram.ts';
import { RawConnection } from './raw-connection.ts';
import {
  BATCH_STATEMENTS,
  INSERT_ROW,
  KEY_COUNT,
  keyOf,
  parseShape,
  ROW_VALUE,
  selectOf,
  TABLES,
  TEXT_DIGITS,
  textOf,
} from './workload.ts';

const { values: options } = parseArgs({
  options: {
    target: { type: 'string' },
    username: { type: 'string', default: 'cassandra' },
    password: { type: 'string', default: 'cassandra' },
    shape: { type: 'string', default: '64x1' },
    work: { type: 'string', default: 'items' },
    /** Of work `query`: how many distinct texts. */
    texts: { type: 'string', default: '1' },
    version: { type: 'string', default: '4' },
    compression: { type: 'string', default: '' },
    /** v5: each frame in a segment of its own, as drivers do that do not gather. */
    'frame-segments': { type: 'boolean', default: false },
    ca: { type: 'string' },
    /** Requests a second in all; latency then counts from when each was due. */
    rate: { type: 'string' },
    warmup: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '3' },
    /** Prints figures each so many seconds, for long runs. */
    every: { type: 'string' },
  },
});
const target = parseEndpoint(options.target ?? '');
const shape = parseShape(options.shape);
const protocol = protocolOf(options.version, options.compression);
const texts = parsePositive('texts', options.texts);

const latencies = new Histogram();
const blocks = new WriteBlocks();
let measuring = false;
let stopped = false;
let errors = 0;
let firstError: string | null = null;

/** Frames of one length; in texts the digits at `digitsAt` are another number each time. */
interface Requests {
  readonly frames: readonly Buffer[];
  readonly digitsAt: number;
}

async function requestsOf(connection: RawConnection): Promise<Requests> {
  const { version } = protocol;
  const frame = (opcode: number, body: Buffer): Buffer => requestFrame(opcode, 0, body, version);
  if (options.work === 'query') {
    const text = textOf(0);
    const digitsAt = HEADER_BYTES + 4 + text.length - 1 - TEXT_DIGITS;
    return { frames: [frame(Opcode.QUERY, queryBody(text, version))], digitsAt };
  }
  if (options.work === 'batch') {
    const { id } = await connection.prepare(INSERT_ROW);
    const values = [Buffer.from(keyOf(0)), Buffer.from(ROW_VALUE)];
    const body = batchBody(id, values, BATCH_STATEMENTS, version);
    return { frames: [frame(Opcode.BATCH, body)], digitsAt: -1 };
  }
  const table = TABLES[options.work];
  if (table === undefined) {
    throw new Error(
      `--work ${options.work} is none of query, batch, ${Object.keys(TABLES).join(', ')}`,
    );
  }
  const prepared = await connection.prepare(selectOf(table));
  const frames = Array.from({ length: KEY_COUNT }, (_unused, key) =>
    frame(Opcode.EXECUTE, executeBody(prepared, Buffer.from(keyOf(key)), version)),
  );
  return { frames, digitsAt: -1 };
}

/** One connection. What is due leaves in one write. */
class Driver {
  readonly #socket: net.Socket;
  readonly #codec: Codec;
  readonly #requests: Requests;
  readonly #sinceUs: Float64Array;
  readonly free: number[] = [];
  #due: number[] = [];
  #next = Math.floor(Math.random() * texts);

  constructor(socket: net.Socket, codec: Codec, requests: Requests, inFlight: number) {
    this.#socket = socket;
    this.#codec = codec;
    this.#requests = requests;
    this.#sinceUs = new Float64Array(inFlight);
    for (let stream = 0; stream < inFlight; stream++) this.free.push(stream);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => {
      if (stopped) return;
      errors++;
      firstError ??= 'a connection was closed';
    });
  }

  /** Makes one request due; false where all that may be in flight is. */
  add(sinceUs: number): boolean {
    const stream = this.free.pop();
    if (stream === undefined) return false;
    this.#sinceUs[stream] = sinceUs;
    this.#due.push(stream);
    return true;
  }

  fill(): void {
    const nowUs = performance.now() * 1000;
    while (this.add(nowUs));
    this.send();
  }

  send(): void {
    if (this.#due.length === 0) return;
    const { frames, digitsAt } = this.#requests;
    const { length } = frames[0]!;
    const out = blocks.take(length * this.#due.length);
    const each: Buffer[] = [];
    for (let i = 0; i < this.#due.length; i++) {
      const at = i * length;
      out.set(frames[this.#next % frames.length]!, at);
      const stream = this.#due[i]!;
      out[at + 2] = stream >> 8;
      out[at + 3] = stream;
      if (digitsAt >= 0) patchDigits(out, at + digitsAt, this.#next % texts);
      this.#next++;
      if (protocol.version > 4) each.push(out.subarray(at, at + length));
    }
    this.#due = [];
    if (protocol.version < 5) this.#socket.write(out);
    else this.#socket.write(Buffer.concat(this.#packed(each)));
  }

  #packed(frames: Buffer[]): Buffer[] {
    if (!options['frame-segments']) return this.#codec.pack(frames);
    return frames.flatMap((frame) => this.#codec.pack([frame]));
  }

  #read(chunk: Buffer): void {
    const nowUs = performance.now() * 1000;
    this.#codec.push(chunk, (buffer, start, end) => {
      const stream = streamIdOf(buffer, start);
      if (stream < 0) return;
      if (buffer[start + 4] === Opcode.ERROR) {
        errors++;
        firstError ??= describeError(buffer.subarray(start + HEADER_BYTES, end));
      }
      if (measuring) latencies.record(nowUs - this.#sinceUs[stream]!);
      this.free.push(stream);
    });
    if (!stopped && options.rate === undefined) this.fill();
  }

  close(): void {
    this.#socket.destroy();
  }
}

function patchDigits(out: Buffer, at: number, n: number): void {
  let left = n;
  for (let i = TEXT_DIGITS - 1; i >= 0; i--) {
    out[at + i] = 0x30 + (left % 10);
    left = Math.floor(left / 10);
  }
}

/** In flight on a connection at a fixed rate before a request waits for one to end. */
const RATE_IN_FLIGHT = 1_024;

const drivers: Driver[] = [];
for (let i = 0; i < shape.connections; i++) {
  const connection = await RawConnection.open(target, options, {
    protocol,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  const requests = await requestsOf(connection);
  const inFlight = options.rate === undefined ? shape.inFlight : RATE_IN_FLIGHT;
  drivers.push(new Driver(connection.release(), connection.codec, requests, inFlight));
}

if (options.rate === undefined) for (const driver of drivers) driver.fill();
else keepRate(parsePositive('rate', options.rate));

/** A timer is late by up to a millisecond, so this asks the clock all the time. */
function keepRate(rate: number): void {
  const periodUs = 1e6 / rate;
  let dueUs = performance.now() * 1000;
  let turn = 0;
  const step = (): void => {
    if (stopped) return;
    const nowUs = performance.now() * 1000;
    while (dueUs <= nowUs) {
      const driver = drivers[turn++ % drivers.length]!;
      if (driver.add(dueUs)) driver.send();
      else {
        errors++;
        firstError ??= 'the rate was not kept: too much in flight';
      }
      dueUs += periodUs;
    }
    setImmediate(step);
  };
  step();
}

function report(phase: string, elapsedMs: number): void {
  console.log(
    JSON.stringify({
      phase,
      requests: latencies.total,
      requestsPerSecond: (latencies.total / elapsedMs) * 1000,
      p50Us: latencies.quantileUs(0.5),
      p99Us: latencies.quantileUs(0.99),
      p999Us: latencies.quantileUs(0.999),
      errors,
      firstError,
    }),
  );
}

await sleep(parsePositive('warmup', options.warmup) * 1000);
latencies.reset();
measuring = true;
console.log(JSON.stringify({ phase: 'start' }));
const seconds = parsePositive('seconds', options.seconds);
const every = options.every === undefined ? seconds : parsePositive('every', options.every);
for (let done = 0; done < seconds; done += every) {
  const startMs = performance.now();
  await sleep(every * 1000);
  const isLast = done + every >= seconds;
  if (isLast) measuring = false;
  report(isLast ? 'end' : 'part', performance.now() - startMs);
  latencies.reset();
}
stopped = true;
for (const driver of drivers) driver.close();

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
