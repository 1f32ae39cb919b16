// The gate's own answers: each is one frame, on the stream and in the version of who asked, with the error code
// that makes drivers do what is meant.
import { describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Frame } from '../../src/protocol/frame.ts';
import { FrameDecoder } from '../../src/protocol/frame-decoder.ts';
import { decodeAuthenticate } from '../../src/protocol/messages/auth.ts';
import { decodeError } from '../../src/protocol/messages/error.ts';
import { decodeSupported } from '../../src/protocol/messages/supported.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { replies, type To } from '../../src/session/replies.ts';

const TO: readonly To[] = [
  { version: 4, streamId: 0 },
  { version: 4, streamId: 32_767 },
  { version: 5, streamId: 258 },
];
const ID = Buffer.from('00112233445566778899aabbccddeeff', 'hex');

/** The one frame that these bytes are. */
function frameOf(bytes: Buffer): Frame {
  const decoder = new FrameDecoder({ direction: 'response', version: null, maxFrameBytes: 65_536 });
  decoder.push(bytes);
  const frame = decoder.next();
  expect([decoder.next(), decoder.bufferedBytes]).toEqual([null, 0]);
  if (!(frame instanceof Frame)) throw new Error('no frame');
  return frame;
}

/** What follows code and message. */
function fieldsOf(bytes: Buffer): Reader {
  const frame = frameOf(bytes);
  const reader = new Reader(frame.buffer, frame.bodyStart, frame.end);
  reader.readInt('code');
  reader.readString('message');
  return reader;
}

const expectNoMore = ({ offset, end }: Reader): void => expect(offset).toBe(end);

describe.each(TO)('an answer to stream $streamId in v$version', (to) => {
  it.each<[string, number, Buffer]>([
    ['READY', Opcode.READY, replies.ready(to)],
    ['AUTHENTICATE', Opcode.AUTHENTICATE, replies.authenticate(to)],
    ['AUTH_CHALLENGE', Opcode.AUTH_CHALLENGE, replies.authChallenge(to, ID)],
    ['AUTH_SUCCESS', Opcode.AUTH_SUCCESS, replies.authSuccess(to)],
    ['SUPPORTED', Opcode.SUPPORTED, replies.supported(to, '3.4.7', [4, 5])],
    ['RESULT', Opcode.RESULT, replies.result(to, ID)],
    ['ERROR', Opcode.ERROR, replies.overloaded(to, 'text')],
    ['UNPREPARED', Opcode.ERROR, replies.unprepared(to, ID)],
  ])('%s goes there', (_name, opcode, bytes) => {
    const { version, streamId, isResponse, opcode: got, flags } = frameOf(bytes);
    expect({ version, streamId, isResponse, opcode: got, flags }).toEqual({
      ...to,
      isResponse: true,
      opcode,
      flags: 0,
    });
  });
});

const [to] = TO as [To];

describe('an error', () => {
  it.each([
    ['serverError', CqlErrorCode.SERVER_ERROR],
    ['protocolError', CqlErrorCode.PROTOCOL_ERROR],
    ['authError', CqlErrorCode.AUTH_ERROR],
    ['overloaded', CqlErrorCode.OVERLOADED],
    ['syntaxError', CqlErrorCode.SYNTAX_ERROR],
    ['unauthorized', CqlErrorCode.UNAUTHORIZED],
    ['invalid', CqlErrorCode.INVALID],
  ] as const)('%s has its code, its text, and nothing behind them', (name, code) => {
    const bytes = replies[name](to, 'what to do, in “UTF-8”');
    expect(decodeError(frameOf(bytes))).toEqual({ code, message: 'what to do, in “UTF-8”' });
    expectNoMore(fieldsOf(bytes));
  });

  it('of a request that is too large says by how much, and what else is to be said', () => {
    const { code, message } = decodeError(frameOf(replies.tooLarge(to, 17, 16, ' Or else.')));
    expect(code).toBe(CqlErrorCode.INVALID);
    expect(message).toContain('length 17 exceeds maximum allowed length 16');
    expect(message.endsWith(' Or else.')).toBe(true);
  });

  it('of an id that is not known has the id, on which drivers prepare again', () => {
    const bytes = replies.unprepared(to, ID);
    expect(decodeError(frameOf(bytes)).code).toBe(CqlErrorCode.UNPREPARED);
    const fields = fieldsOf(bytes);
    expect(fields.readShortBytes('id').equals(ID)).toBe(true);
    expectNoMore(fields);
  });

  it('of a request that never left says that nobody is there: drivers repeat it', () => {
    const bytes = replies.unavailable(to, 6, 'text');
    expect(decodeError(frameOf(bytes)).code).toBe(CqlErrorCode.UNAVAILABLE);
    const fields = fieldsOf(bytes);
    expect([fields.readShort('cl'), fields.readInt('required'), fields.readInt('alive')]).toEqual([
      6, 1, 0,
    ]);
    expectNoMore(fields);
  });

  it('of a read without an answer says that nothing was received', () => {
    const bytes = replies.readTimeout(to, 6, 'text');
    expect(decodeError(frameOf(bytes)).code).toBe(CqlErrorCode.READ_TIMEOUT);
    const fields = fieldsOf(bytes);
    expect([
      fields.readShort('cl'),
      fields.readInt('received'),
      fields.readInt('block for'),
      fields.readByte('data present'),
    ]).toEqual([6, 0, 1, 0]);
    expectNoMore(fields);
  });

  it.each(['SIMPLE', 'BATCH', 'UNLOGGED_BATCH', 'COUNTER', 'CAS'] as const)(
    'of a write without an answer names its type (%s), by which drivers know whether to repeat it',
    (writeType) => {
      const bytes = replies.writeTimeout(to, 6, writeType, 'text');
      expect(decodeError(frameOf(bytes)).code).toBe(CqlErrorCode.WRITE_TIMEOUT);
      const fields = fieldsOf(bytes);
      expect([
        fields.readShort('cl'),
        fields.readInt('received'),
        fields.readInt('block for'),
        fields.readString('write type'),
      ]).toEqual([6, 0, 1, writeType]);
      expectNoMore(fields);
    },
  );
});

describe('what a driver learns before its login', () => {
  it('is an authenticator that every driver answers to', () => {
    expect(decodeAuthenticate(frameOf(replies.authenticate(to)))).toBe(
      'org.apache.cassandra.auth.PasswordAuthenticator',
    );
  });

  it('is what the cluster speaks now, not what it spoke before', () => {
    const told = (cql: string, versions: readonly number[]) =>
      decodeSupported(frameOf(replies.supported(to, cql, versions)));
    expect(told('3.4.7', [4, 5])).toEqual(
      new Map([
        ['CQL_VERSION', ['3.4.7']],
        ['COMPRESSION', expect.arrayContaining(['lz4'])],
        ['PROTOCOL_VERSIONS', ['4/v4', '5/v5']],
      ]),
    );
    expect(told('3.4.7', [4]).get('PROTOCOL_VERSIONS')).toEqual(['4/v4']);
    expect(told('3.4.6', [4]).get('CQL_VERSION')).toEqual(['3.4.6']);
    expect(told('3.4.7', [4, 5]).get('PROTOCOL_VERSIONS')).toEqual(['4/v4', '5/v5']);
  });
});
