// The sidecar's login to the gate: its frames, in either version, and what the gate's answers come to.
import { describe, expect, it } from 'vitest';
import { SIDECAR } from '../../src/limits/commands.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import {
  decodeAuthResponse,
  encodeAuthenticate,
  encodeToken,
} from '../../src/protocol/messages/auth.ts';
import { encodeError } from '../../src/protocol/messages/error.ts';
import { decodeStartup } from '../../src/protocol/messages/startup.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import {
  carriageOf,
  GateLoginSteps,
  startupFrame,
  type GateLogin,
} from '../../src/sidecar/gate-login.ts';

const login = (version: number, compression?: string): GateLogin => ({
  version,
  options: new Map([
    ['CQL_VERSION', '3.0.0'],
    ...(compression === undefined ? [] : ([['COMPRESSION', compression]] as const)),
  ]),
  role: 'app',
  token: 'tok',
});
const frame = (version: number, opcode: number, body: Buffer | null, streamId = 0) =>
  encodeFrame({ version, opcode, streamId, body });
const challenge = (version: number) => frame(version, Opcode.AUTHENTICATE, encodeAuthenticate('x'));

describe.each([
  [4, undefined],
  [4, 'lz4'],
  [5, undefined],
  [5, 'LZ4'],
])('a login in version %i, compressed by %s', (version, compression) => {
  it('sends the token when it is asked for, and is in', () => {
    const steps = new GateLoginSteps(login(version, compression));
    const [send] = steps.read(challenge(version));
    if (send?.type !== 'send') throw new Error('no token is sent');
    const { decoder } = carriageOf(version, login(version, compression).options, 'request');
    for (const bytes of send.bytes) decoder.push(bytes);
    const response = decoder.next() as Frame;
    expect(response.opcode).toBe(Opcode.AUTH_RESPONSE);
    expect(decodeAuthResponse(response)?.toString()).toBe('\0app\0tok');
    const carriage = carriageOf(version, login(version, compression).options, 'response');
    const success = Buffer.concat(
      carriage.pack(frame(version, Opcode.AUTH_SUCCESS, encodeToken(null))),
    );
    // Byte by byte, as it may come.
    const found = [...success].flatMap((byte) => steps.read(Buffer.from([byte])));
    expect(found).toEqual([{ type: 'in' }]);
  });
});

describe('the answers of a gate', () => {
  it('begin with STARTUP on stream 0', () => {
    const bytes = startupFrame(login(4));
    const startup = new Frame(bytes, 0, bytes.length);
    expect([startup.opcode, startup.streamId]).toEqual([Opcode.STARTUP, 0]);
    expect(decodeStartup(startup).get('CQL_VERSION')).toBe('3.0.0');
  });

  it('may let it in at once, or refuse it in the gate’s own words', () => {
    expect(new GateLoginSteps(login(4)).read(frame(4, Opcode.READY, null))).toEqual([
      { type: 'in' },
    ]);
    const error = encodeError({ version: 4, streamId: 0 }, 'no such role', {
      code: CqlErrorCode.AUTH_ERROR,
    });
    expect(new GateLoginSteps(login(4)).read(error)).toEqual([
      { type: 'refused', frame: error, message: 'no such role' },
    ]);
  });

  it('are of no gate where they are anything else', () => {
    const failed = (bytes: Buffer) => new GateLoginSteps(login(4)).read(bytes)[0];
    expect(failed(frame(4, Opcode.SUPPORTED, null))).toMatchObject({
      type: 'failed',
      message: 'the gate answered the login with opcode 6',
    });
    expect(failed(Buffer.from('HTTP/1.1 400 Bad Request\r\n'))).toMatchObject({
      type: 'failed',
      message: expect.stringContaining('what answers is no gate') as string,
    });
  });

  it('are as large as a login needs, and no larger', () => {
    const sized = (bytes: number) => {
      const body = Buffer.alloc(bytes);
      body.writeUInt16BE(bytes - 2, 0);
      return new GateLoginSteps(login(4)).read(frame(4, Opcode.AUTHENTICATE, body));
    };
    expect(sized(SIDECAR.handshakeFrameBytes - 9)[0]).toMatchObject({ type: 'send' });
    expect(sized(SIDECAR.handshakeFrameBytes + 1)[0]).toMatchObject({
      type: 'failed',
      message: 'the gate sent a frame over the limit',
    });
  });
});
