// `floods.ts` runs this beside honest clients: one client that sends, for as long as it lives, what costs the
// gate or the node most for the fewest bytes. `--flood` names one of the kinds below.
import net from 'node:net';
import { parseArgs } from 'node:util';
import { parseEndpoint } from './arguments.ts';
import { DEEP_TABLE } from './answers.ts';
import { PLAIN_V4, protocolOf } from './codec.ts';
import {
  bytes,
  executeBody,
  int,
  longString,
  Opcode,
  prepareBody,
  queryBody,
  requestFrame,
  short,
  shortBytes,
  string,
  stringMap,
} from './frames.ts';
import { COMPRESSIONS } from '../src/protocol/compression.ts';
import { encodeSegments } from '../src/protocol/segment-encoder.ts';
import {
  LZ4_SEGMENTS,
  PLAIN_SEGMENTS,
  SEGMENT_TRAILER_BYTES,
  writeSegmentHeader,
} from '../src/protocol/segment.ts';
import { crc32 } from '../src/protocol/crc.ts';
import { RawConnection, type Credentials } from './raw-connection.ts';
import { INSERT_ROW, KEYSPACE, SELECT_ROW, selectOf, TABLES } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    target: { type: 'string' },
    password: { type: 'string' },
    flood: { type: 'string' },
    /** Prints the names of all, a line each. */
    list: { type: 'boolean', default: false },
  },
});
const target = parseEndpoint(options.target ?? '127.0.0.1:9042');
const flooder: Credentials = { username: 'flooder', password: options.password ?? '' };
const reader: Credentials = { ...flooder, username: 'reader' };
const ITEMS = `${KEYSPACE}.items`;
const MIB = 1024 * 1024;
const FRAME_BYTES = 16 * MIB;
const CHILDREN = 65_000;

async function line(who: Credentials, protocol = PLAIN_V4): Promise<net.Socket> {
  return (await RawConnection.open(target, who, { protocol })).release();
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Writes as fast as the gate takes it; ends when the gate closes. */
async function pour(socket: net.Socket, next: () => Buffer): Promise<void> {
  socket.on('error', () => undefined);
  socket.resume();
  while (!socket.destroyed && socket.writable) {
    if (socket.write(next())) await new Promise((resolve) => setImmediate(resolve));
    else await drained(socket);
  }
}

async function drained(socket: net.Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const go = (): void => {
      socket.off('drain', go).off('close', go);
      resolve();
    };
    socket.once('drain', go).once('close', go);
  });
}

let streams = 0;
const stream = (): number => streams++ % 32_768;

/** Frames of one kind, sent on one session without waiting for answers; a closed one is opened anew. */
const requests =
  (who: Credentials, opcode: number, body: (n: number) => Buffer) => async (): Promise<void> => {
    for (let n = 0; ;) {
      const socket = await line(who);
      await pour(socket, () => requestFrame(opcode, stream(), body(n++)));
    }
  };

const texts = (who: Credentials, text: (n: number) => string) =>
  requests(who, Opcode.QUERY, (n) => queryBody(text(n)));

const batch = (children: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.of(0), short(children.length), ...children, short(1), Buffer.of(0)]);

const textChild = (text: string): Buffer =>
  Buffer.concat([Buffer.of(0), longString(text), short(0)]);

const times = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_unused, n) => make(n));

/** A v4 frame whose body comes compressed. */
function compressedFrame(name: string, opcode: number, body: Buffer): Buffer {
  const block = COMPRESSIONS.get(name)?.compress(body);
  if (block == null) throw new Error(`${name} is not available here, or did not compress`);
  const frame = requestFrame(opcode, 0, block);
  frame[1] = 0x01;
  return frame;
}

const bomb = (name: string, opcode: number, body: Buffer) => async (): Promise<void> => {
  const frame = compressedFrame(name, opcode, body);
  for (;;) {
    const connection = await RawConnection.open(target, flooder, {
      protocol: { version: 4, compression: name },
    });
    await pour(connection.release(), () => {
      frame.writeInt16BE(stream(), 2);
      return Buffer.from(frame);
    });
  }
};

/** An EXECUTE whose one value fills the frame: legal, and forwarded. */
async function preparedInsert(): Promise<Buffer> {
  const connection = await RawConnection.open(target, flooder);
  const { id } = await connection.prepare(INSERT_ROW);
  connection.close();
  return id;
}

/** So many connections, each doing this over and over. */
const lines = (count: number, one: () => Promise<void>) => async (): Promise<void> => {
  await Promise.all(
    times(count, async () => {
      for (;;) await one().catch(async () => pause(100));
    }),
  );
};

async function unreadAnswers(): Promise<void> {
  const connection = await RawConnection.open(target, flooder);
  const prepared = await connection.prepare(selectOf(TABLES['rows1m']!));
  const socket = connection.release();
  socket.on('error', () => undefined);
  socket.pause();
  for (let i = 0; i < 96; i++) {
    socket.write(requestFrame(Opcode.EXECUTE, i, executeBody(prepared, Buffer.from('item-00'))));
  }
  await new Promise((resolve) => socket.once('close', resolve));
}

/** All but the last byte of the largest frame. */
async function unfinishedFrame(): Promise<void> {
  const socket = await line(flooder);
  const frame = requestFrame(Opcode.QUERY, 1, Buffer.alloc(15 * MIB));
  socket.on('error', () => undefined);
  socket.write(frame.subarray(0, frame.length - 1));
  await new Promise((resolve) => socket.once('close', resolve));
}

/** A request in reads of one byte each, as far as the kernel lets them through. */
async function oneByteReads(): Promise<void> {
  const socket = await line(flooder);
  socket.setNoDelay(true);
  const frame = requestFrame(
    Opcode.QUERY,
    1,
    queryBody(`SELECT '${'x'.repeat(100_000)}' FROM ${ITEMS}`),
  );
  let at = 0;
  await pour(socket, () => {
    if (at === frame.length) at = 0;
    return frame.subarray(at, ++at);
  });
}

/** The same without a login, and never whole. */
async function oneByteLogin(): Promise<void> {
  const socket = net.connect({ ...target, noDelay: true });
  const frame = requestFrame(Opcode.STARTUP, 1, Buffer.alloc(65_000));
  let at = 0;
  await pour(socket, () => frame.subarray(at, ++at));
}

async function login(options: Record<string, string>, token: Buffer): Promise<void> {
  const socket = net.connect({ ...target, noDelay: true });
  socket.on('error', () => undefined);
  socket.write(requestFrame(Opcode.STARTUP, 0, stringMap({ CQL_VERSION: '3.0.0', ...options })));
  await new Promise<void>((resolve) => {
    socket.once('data', () => {
      socket.write(requestFrame(Opcode.AUTH_RESPONSE, 0, bytes(token)));
      socket.once('data', () => socket.destroy());
    });
    socket.once('close', () => resolve());
  });
}

const good = Buffer.from(`\0flooder\0${flooder.password}`);
/** A token whose signature is wrong, another each time. */
function forged(): Buffer {
  const [head, payload] = flooder.password.split('.');
  const signature = Buffer.from(times(256, () => Math.floor(Math.random() * 256)));
  return Buffer.from(`\0flooder\0${head}.${payload}.${signature.toString('base64url')}`);
}

/** Very many v5 segments of one frame each, or of none. */
const tinySegments = (frames: readonly Buffer[]) => async (): Promise<void> => {
  const socket = await line(flooder, protocolOf('5', ''));
  const segment = segmentOf(Buffer.concat(frames));
  const many = Buffer.concat(times(4_096, () => segment));
  await pour(socket, () => many);
};

function segmentOf(payload: Buffer): Buffer {
  const { headerBytes } = PLAIN_SEGMENTS;
  const segment = Buffer.alloc(headerBytes + payload.length + SEGMENT_TRAILER_BYTES);
  const lengths = { payloadBytes: payload.length, uncompressedBytes: 0, selfContained: true };
  writeSegmentHeader(PLAIN_SEGMENTS, segment, lengths);
  segment.set(payload, headerBytes);
  segment.writeUInt32LE(
    crc32(segment, headerBytes, headerBytes + payload.length),
    headerBytes + payload.length,
  );
  return segment;
}

async function segmentBombs(): Promise<void> {
  const socket = await line(flooder, protocolOf('5', 'lz4'));
  const frame = requestFrame(Opcode.QUERY, 1, queryBody(' '.repeat(FRAME_BYTES - 64), 5), 5);
  const parts = Buffer.concat(encodeSegments([frame], LZ4_SEGMENTS));
  await pour(socket, () => parts);
}

async function largestInserts(make: (id: Buffer) => Buffer): Promise<() => Buffer> {
  const body = make(await preparedInsert());
  return () => body;
}

const deepType = (depth: number): string => `${'list<'.repeat(depth)}int${'>'.repeat(depth)}`;
const distinct = (n: number): string => n.toString(36);

/** By name; each runs until its process is ended. */
const FLOODS: Readonly<Record<string, () => Promise<unknown>>> = {
  'denied texts': texts(reader, (n) => {
    // Twice each: what came once is not kept.
    const name = distinct(n >> 1);
    return `INSERT INTO ${ITEMS} (${times(200, (i) => `${name}${i}`).join()}) VALUES (${times(200, String).join()})`;
  }),
  'denied short texts': texts(
    reader,
    (n) => `DELETE FROM ${KEYSPACE}.t${distinct(n >> 1)} WHERE pk = 'x'`,
  ),
  'huge names': texts(
    reader,
    (n) => `DELETE FROM ${KEYSPACE}."${distinct(n)}${'n'.repeat(MIB - 100)}" WHERE a = 1`,
  ),
  'unread answers': lines(24, unreadAnswers),
  'unfinished frames': lines(60, unfinishedFrame),
  'one-byte reads': lines(4, oneByteReads),
  'one-byte logins': lines(8, oneByteLogin),
  'batch of one text': requests(flooder, Opcode.BATCH, () => SAME_TEXTS),
  'batch of distinct texts': requests(flooder, Opcode.BATCH, () => DISTINCT_TEXTS),
  'batch of prepared': async () => {
    const id = await preparedInsert();
    const child = Buffer.concat([
      ...[Buffer.of(1), shortBytes(id), short(2), bytes(Buffer.from('k')), bytes(Buffer.from('v'))],
    ]);
    const body = batch(times(CHILDREN, () => child));
    await requests(flooder, Opcode.BATCH, () => body)();
  },
  'text BATCH': texts(
    flooder,
    (n) =>
      `BEGIN BATCH ${`INSERT INTO ${ITEMS} (pk, value) VALUES ('x', '${distinct(n)}');`.repeat(16_000)} APPLY BATCH`,
  ),
  'PREPARE of deep results': requests(flooder, Opcode.PREPARE, (n) =>
    prepareBody(`SELECT * FROM ${KEYSPACE}.${DEEP_TABLE} WHERE pk = '${n}'`),
  ),
  'PREPARE of deep types': requests(flooder, Opcode.PREPARE, (n) =>
    prepareBody(`SELECT pk AS a${n} FROM ${ITEMS} WHERE value = (${deepType(190)}) []`),
  ),
  'deep selections': texts(
    flooder,
    (n) => `SELECT ${'['.repeat(12 + (n % 12))}pk${']'.repeat(12 + (n % 12))} FROM ${ITEMS}`,
  ),
  'long digits': texts(
    flooder,
    (n) => `SELECT pk FROM ${ITEMS} WHERE value = ${'1'.repeat(MIB - 200)}${n}`,
  ),
  'distinct aliases': texts(
    flooder,
    (n) => `SELECT pk AS a${n}, value FROM ${ITEMS} WHERE pk = 'x'`,
  ),
  'long comments': texts(
    flooder,
    (n) => `/*${'x'.repeat(MIB - 200)}${n}*/ SELECT pk FROM ${ITEMS}`,
  ),
  'tiny v5 segments': tinySegments([requestFrame(Opcode.OPTIONS, 1, Buffer.alloc(0), 5)]),
  'empty v5 segments': tinySegments([]),
  'lz4 bombs': bomb('lz4', Opcode.QUERY, queryBody(' '.repeat(FRAME_BYTES - 64))),
  'snappy bombs': bomb('snappy', Opcode.QUERY, queryBody(' '.repeat(FRAME_BYTES - 64))),
  'lz4 segment bombs': segmentBombs,
  'lz4 values': async () => bomb('lz4', Opcode.EXECUTE, largestExecute(await preparedInsert()))(),
  'snappy values': async () =>
    bomb('snappy', Opcode.EXECUTE, largestExecute(await preparedInsert()))(),
  'largest frames': async () =>
    requests(flooder, Opcode.EXECUTE, await largestInserts(largestExecute))(),
  'bound values': async () => requests(flooder, Opcode.EXECUTE, await largestInserts(manyValues))(),
  'many streams': async () => {
    const connection = await RawConnection.open(target, flooder);
    const prepared = await connection.prepare(SELECT_ROW);
    connection.close();
    const body = executeBody(prepared, Buffer.from('item-01'));
    const socket = await line(flooder);
    await pour(socket, () =>
      Buffer.concat(times(1_024, () => requestFrame(Opcode.EXECUTE, stream(), body))),
    );
  },
  USE: texts(flooder, () => `USE ${KEYSPACE}`),
  REGISTER: requests(flooder, Opcode.REGISTER, () => MANY_EVENTS),
  OPTIONS: requests(flooder, Opcode.OPTIONS, () => Buffer.alloc(0)),
  'bad tokens': lines(64, async () => login({}, forged())),
  'driver names': lines(64, async () =>
    login({ DRIVER_NAME: distinct(Math.random()).padEnd(32_000, 'd') }, good),
  ),
  'STARTUP options': lines(64, async () =>
    login(Object.fromEntries(times(8_000, (i) => [`o${distinct(i)}`, ''])), good),
  ),
};

function largestExecute(id: Buffer): Buffer {
  const value = bytes(Buffer.alloc(FRAME_BYTES - 256, 'v'));
  return Buffer.concat([
    ...[shortBytes(id), short(1), Buffer.of(1), short(2), bytes(Buffer.from('k')), value],
  ]);
}

function manyValues(id: Buffer): Buffer {
  const values = times(65_535, () => int(0));
  return Buffer.concat([shortBytes(id), short(1), Buffer.of(1), short(values.length), ...values]);
}

const INSERT_TEXT = `INSERT INTO ${ITEMS} (pk, value) VALUES ('x', 'y')`;
const SAME_TEXTS = batch(times(CHILDREN, () => textChild(INSERT_TEXT)));
const DISTINCT_TEXTS = batch(
  times(CHILDREN, (n) => textChild(`INSERT INTO ${ITEMS} (pk, value) VALUES ('x', '${n}')`)),
);
const MANY_EVENTS = Buffer.concat([short(65_535), ...times(65_535, () => string('SCHEMA_CHANGE'))]);

if (options.list) console.log(Object.keys(FLOODS).join('\n'));
else {
  const flood = FLOODS[options.flood ?? ''];
  if (flood === undefined) throw new Error(`--flood is one of ${Object.keys(FLOODS).join(', ')}`);
  for (;;) await flood().catch(async () => pause(200));
}
