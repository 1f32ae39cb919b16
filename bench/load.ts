// The load generator: C connections with D requests in flight each, closed loop. As light as it can
// be: requests are one prebuilt frame with its stream id patched, of answers only headers are read.
// Prints {"phase":"start"} when the measured window opens and {"phase":"end", ...} when it closes.
import type net from 'node:net';
import { parseArgs } from 'node:util';
import { parseEndpoint, parsePositive } from './arguments.ts';
import {
  describeError,
  executeBody,
  FrameSplitter,
  HEADER_BYTES,
  Opcode,
  requestFrame,
  streamIdOf,
  WriteBlocks,
} from './frames.ts';
import { Histogram } from './histogram.ts';
import { RawConnection } from './raw-connection.ts';
import { keyOf, parseShape, SELECT_ROW } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    target: { type: 'string' },
    username: { type: 'string', default: 'cassandra' },
    password: { type: 'string', default: 'cassandra' },
    shape: { type: 'string', default: '64x1' },
    warmup: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '3' },
  },
});
const target = parseEndpoint(options.target ?? '');
const shape = parseShape(options.shape);

const latencies = new Histogram();
const blocks = new WriteBlocks();
let measuring = false;
let stopped = false;
let errors = 0;
let firstError: string | null = null;

/** One connection: as soon as answers are read, as many new requests go out in one write. */
function drive(socket: net.Socket, frames: readonly Buffer[]): void {
  const splitter = new FrameSplitter();
  const sentAtUs = new Float64Array(shape.inFlight);
  let due: number[] = [];
  let next = 0;

  const send = (): void => {
    const nowUs = performance.now() * 1000;
    const { length } = frames[0]!;
    const out = blocks.take(length * due.length);
    due.forEach((stream, i) => {
      out.set(frames[next++ % frames.length]!, i * length);
      out[i * length + 2] = stream >> 8;
      out[i * length + 3] = stream;
      sentAtUs[stream] = nowUs;
    });
    due = [];
    socket.write(out);
  };

  socket.on('data', (chunk: Buffer) => {
    const nowUs = performance.now() * 1000;
    splitter.push(chunk, (buffer, start, end) => {
      const stream = streamIdOf(buffer, start);
      if (stream < 0) return;
      if (buffer[start + 4] === Opcode.ERROR) {
        errors++;
        firstError ??= describeError(buffer.subarray(start + HEADER_BYTES, end));
      }
      if (measuring) latencies.record(nowUs - sentAtUs[stream]!);
      due.push(stream);
    });
    if (!stopped && due.length > 0) send();
  });
  socket.on('close', () => {
    if (stopped) return;
    errors++;
    firstError ??= 'a connection was closed';
  });
  for (let stream = 0; stream < shape.inFlight; stream++) due.push(stream);
  send();
}

const sockets: { socket: net.Socket; frames: Buffer[] }[] = [];
for (let i = 0; i < shape.connections; i++) {
  const connection = await RawConnection.open(target, options);
  const id = await connection.prepare(SELECT_ROW);
  const frames = Array.from({ length: 16 }, (_unused, key) =>
    requestFrame(Opcode.EXECUTE, 0, executeBody(id, Buffer.from(keyOf(key)))),
  );
  sockets.push({ socket: connection.release(), frames });
}
for (const { socket, frames } of sockets) drive(socket, frames);

await sleep(parsePositive('warmup', options.warmup) * 1000);
latencies.reset();
measuring = true;
console.log(JSON.stringify({ phase: 'start' }));
const startMs = performance.now();
await sleep(parsePositive('seconds', options.seconds) * 1000);
measuring = false;
const elapsedMs = performance.now() - startMs;
console.log(
  JSON.stringify({
    phase: 'end',
    requests: latencies.total,
    requestsPerSecond: (latencies.total / elapsedMs) * 1000,
    p50Us: latencies.quantileUs(0.5),
    p99Us: latencies.quantileUs(0.99),
    p999Us: latencies.quantileUs(0.999),
    errors,
    firstError,
  }),
);
stopped = true;
for (const { socket } of sockets) socket.destroy();

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
