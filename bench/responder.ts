// Stands in for a Cassandra node at next to no cost: answers come from memory by (opcode, body).
// What is not there yet comes from a real node (--contact-point) or is built by hand (answers.ts).
// Speaks v4 and v5, takes any login, and prints {"port": N} once it listens.
import net from 'node:net';
import { parseArgs } from 'node:util';
import { answerBatch, answerExecute, answerPrepare, answerQuery } from './answers.ts';
import { bareFrames, codecOf } from './codec.ts';
import {
  bytes,
  ErrorCode,
  errorBody,
  HEADER_BYTES,
  int,
  Kind,
  Opcode,
  responseFrame,
  short,
  string,
  WriteBlocks,
} from './frames.ts';
import { parseEndpoint } from './arguments.ts';
import type { Response } from './raw-connection.ts';
import { Relay } from './relay.ts';

/** What is remembered, keys and answers, in all; beyond it answers are made anew each time. */
const MEMORY_BYTES = 256 * 1024 * 1024;

/** Whole response frames with stream id 0, by opcode and then by body and keyspace. */
const memory = new Map<number, Map<string, Buffer>>(
  [Opcode.QUERY, Opcode.PREPARE, Opcode.EXECUTE, Opcode.BATCH].map((opcode) => [opcode, new Map()]),
);
const underWay = new Map<string, Promise<Buffer>>();
const blocks = new WriteBlocks();
let remembered = 0;
let relay: Relay | null = null;

const VERSIONS: ReadonlySet<number> = new Set([4, 5]);

/**
 * Requests above this are taken for writes: a node has a thread for each, and reading megabytes here would hold up
 * everybody else's answers.
 */
const LARGE_BYTES = 64 * 1024;
const VOID = responseFrame(Opcode.RESULT, 0, int(Kind.VOID));

/** Answers that depend on nothing but the opcode. */
const READY = responseFrame(Opcode.READY, 0, Buffer.alloc(0));
const FIXED = new Map<number, Buffer>([
  [Opcode.REGISTER, READY],
  [
    Opcode.STARTUP,
    responseFrame(
      Opcode.AUTHENTICATE,
      0,
      string('org.apache.cassandra.auth.PasswordAuthenticator'),
    ),
  ],
  [Opcode.AUTH_RESPONSE, responseFrame(Opcode.AUTH_SUCCESS, 0, bytes(null))],
  [
    // No compression: what the gate costs is asked, not LZ4 twice.
    Opcode.OPTIONS,
    responseFrame(
      Opcode.SUPPORTED,
      0,
      Buffer.concat([
        short(3),
        ...[string('CQL_VERSION'), short(1), string('3.4.7')],
        ...[string('COMPRESSION'), short(0)],
        ...[string('PROTOCOL_VERSIONS'), short(2), string('4/v4'), string('5/v5')],
      ]),
    ),
  ],
]);

const MADE_HERE: Readonly<Record<number, (body: Buffer, version: number) => Response>> = {
  [Opcode.QUERY]: (body) => answerQuery(longStringOf(body)),
  [Opcode.PREPARE]: (body, version) => answerPrepare(longStringOf(body), version),
  [Opcode.EXECUTE]: answerExecute,
  [Opcode.BATCH]: answerBatch,
};

function serve(socket: net.Socket): void {
  let codec = bareFrames();
  let version = 4;
  let isStarted = false;
  let keyspace: string | null = null;
  let answers: Buffer[] = [];
  let streams: number[] = [];

  const flush = (): void => {
    if (answers.length === 0) return;
    let length = 0;
    for (const answer of answers) length += answer.length;
    const out = blocks.take(length);
    const frames: Buffer[] = [];
    let offset = 0;
    for (let i = 0; i < answers.length; i++) {
      const answer = answers[i]!;
      out.set(answer, offset);
      const stream = streams[i]!;
      out[offset] = 0x80 | version;
      out[offset + 2] = stream >> 8;
      out[offset + 3] = stream;
      if (version > 4) frames.push(out.subarray(offset, offset + answer.length));
      offset += answer.length;
    }
    answers = [];
    streams = [];
    socket.cork();
    for (const part of version > 4 ? codec.pack(frames) : [out]) socket.write(part);
    socket.uncork();
    if (isStarted && version > 4) {
      isStarted = false;
      codec = codecOf({ version, compression: '' }, 'request');
    }
  };

  const respond = (stream: number, answer: Buffer): void => {
    answers.push(answer);
    streams.push(stream);
  };

  const onFrame = (buffer: Buffer, start: number, end: number): void => {
    const opcode = buffer[start + 4]!;
    const stream = (buffer[start + 2]! << 8) | buffer[start + 3]!;
    const problem = problemOf(buffer, start, opcode);
    if (opcode === Opcode.STARTUP) {
      version = buffer[start]!;
      isStarted = true;
    }
    if (problem !== null) {
      respond(stream, protocolError(problem));
      return;
    }
    const fixed = FIXED.get(opcode);
    if (fixed !== undefined) {
      respond(stream, fixed);
      return;
    }
    const bodyStart = start + HEADER_BYTES;
    if (relay === null && opcode !== Opcode.PREPARE && end - bodyStart > LARGE_BYTES) {
      respond(stream, VOID);
      return;
    }
    // The keyspace decides what an unqualified text means; ids of EXECUTE have it in them.
    const scope = opcode === Opcode.EXECUTE || keyspace === null ? '' : keyspace;
    const key = buffer.toString('latin1', bodyStart, end) + scope + String(version);
    const known = memory.get(opcode)!.get(key);
    if (known !== undefined) {
      respond(stream, known);
      return;
    }
    const body = Buffer.from(buffer.subarray(bodyStart, end));
    const used = opcode === Opcode.QUERY ? keyspaceOfUse(longStringOf(body)) : null;
    if (used !== null) {
      keyspace = used;
      const answer = Buffer.concat([int(Kind.SET_KEYSPACE), string(used)]);
      respond(stream, responseFrame(Opcode.RESULT, 0, answer));
      return;
    }
    if (relay === null) {
      respond(stream, remember(opcode, key, body, made(opcode, body, version)));
      return;
    }
    learn(relay, opcode, key, body, keyspace).then(
      (answer) => {
        respond(stream, answer);
        flush();
      },
      (error: unknown) => socket.destroy(error as Error),
    );
  };

  socket.setNoDelay(true);
  socket.on('data', (chunk) => {
    codec.push(chunk, onFrame);
    flush();
  });
  socket.on('error', () => socket.destroy());
}

/** Why a frame is not taken, or null. */
function problemOf(buffer: Buffer, start: number, opcode: number): string | null {
  if (!VERSIONS.has(buffer[start]!)) {
    return `Invalid or unsupported protocol version (${buffer[start]!}); supported versions are (4/v4, 5/v5)`;
  }
  if (buffer[start + 1] !== 0) return 'the responder takes frames without flags only';
  if (!memory.has(opcode) && !FIXED.has(opcode)) return `Unknown opcode ${opcode}`;
  return null;
}

function protocolError(message: string): Buffer {
  return responseFrame(Opcode.ERROR, 0, errorBody(ErrorCode.PROTOCOL_ERROR, message));
}

function made(opcode: number, body: Buffer, version: number): Response {
  const make = MADE_HERE[opcode];
  if (make !== undefined) return make(body, version);
  const text = `the responder answers opcode ${opcode} only with a real node behind it`;
  return { opcode: Opcode.ERROR, body: errorBody(ErrorCode.INVALID, text) };
}

/** Asks the node; several clients that miss the same answer at once cause one question. */
async function learn(
  node: Relay,
  opcode: number,
  key: string,
  body: Buffer,
  keyspace: string | null,
): Promise<Buffer> {
  const name = `${opcode} ${key}`;
  let asking = underWay.get(name);
  if (asking === undefined) {
    asking = node
      .ask(opcode, body, keyspace)
      .then((response) => remember(opcode, key, body, response))
      .finally(() => underWay.delete(name));
    underWay.set(name, asking);
  }
  return asking;
}

/** Errors are not kept, nor answers to texts that change something: those have to arrive. */
function remember(opcode: number, key: string, body: Buffer, response: Response): Buffer {
  const frame = responseFrame(response.opcode, 0, response.body);
  const bytesMore = key.length + frame.length;
  const lasts = opcode !== Opcode.QUERY || /^\s*select\b/i.test(longStringOf(body));
  if (lasts && response.opcode === Opcode.RESULT && remembered + bytesMore <= MEMORY_BYTES) {
    remembered += bytesMore;
    memory.get(opcode)!.set(key, frame);
  }
  return frame;
}

/** QUERY and PREPARE both begin with their text as a [long string]. */
function longStringOf(body: Buffer): string {
  return body.toString('utf8', 4, 4 + body.readInt32BE(0));
}

function keyspaceOfUse(text: string): string | null {
  const match = /^\s*use\s+(?:"((?:[^"]|"")+)"|(\w+))\s*;?\s*$/i.exec(text);
  if (match === null) return null;
  return match[1]?.replaceAll('""', '"') ?? match[2]!.toLowerCase();
}

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'contact-point': { type: 'string' },
    username: { type: 'string', default: 'cassandra' },
    password: { type: 'string', default: 'cassandra' },
  },
});
const contactPoint = options['contact-point'];
if (contactPoint !== undefined) {
  relay = await Relay.open(parseEndpoint(contactPoint), {
    username: options.username,
    password: options.password,
  });
}
const server = net.createServer(serve);
server.listen(Number(options.port), '127.0.0.1', 1024, () => {
  const { port } = server.address() as net.AddressInfo;
  console.log(JSON.stringify({ port }));
});
process.once('SIGTERM', () => process.exit(0));
