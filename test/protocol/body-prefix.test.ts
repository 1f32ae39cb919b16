// What may stand before the message in a body: stepped over, read, taken off, and put before another message.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import {
  customPayload,
  payloadKeys,
  responsePrefix,
  responseReader,
  stripCustomPayload,
  withMessage,
  withWarning,
} from '../../src/protocol/body-prefix.ts';
import { FrameFlag } from '../../src/protocol/frame.ts';
import { decodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { frameOf } from './messages/frames.ts';

describe('a custom payload of a request', () => {
  const query = new Writer().writeLongString('SELECT 1').writeShort(1).writeByte(0).toBuffer();

  it('is stepped over, and stripped', () => {
    const payload = new Writer()
      .writeShort(1)
      .writeString('ProxyExecute')
      .writeBytes(Buffer.from('root'));
    const body = payload.writeRaw(query).toBuffer();
    const frame = frameOf(4, Opcode.QUERY, body, FrameFlag.CUSTOM_PAYLOAD | FrameFlag.TRACING);
    expect(customPayload(frame, payloadKeys(['ProxyExecute']))).toEqual(
      new Map([['ProxyExecute', Buffer.from('root')]]),
    );
    expect(customPayload(frame, payloadKeys(['b3']))).toEqual(new Map());
    expect(decodeQuery(frame, 4).query).toBe('SELECT 1');
    const stripped = stripCustomPayload(frame);
    expect(stripped.flags).toBe(FrameFlag.TRACING);
    expect(stripped.streamId).toBe(5);
    expect(stripped.bytes().subarray(9)).toEqual(query);
  });

  it('is none where the flag is not set, and its first entry of a key counts', () => {
    expect(customPayload(frameOf(4, Opcode.QUERY, query), payloadKeys(['a']))).toBeNull();
    const payload = new Writer().writeShort(4);
    payload.writeString('a').writeBytes(null).writeString('b').writeBytes(Buffer.from('1'));
    payload.writeString('a').writeBytes(Buffer.from('late')).writeString('ab').writeBytes(null);
    const frame = frameOf(4, Opcode.QUERY, payload.toBuffer(), FrameFlag.CUSTOM_PAYLOAD);
    expect(customPayload(frame, payloadKeys(['a', 'b', 'abc']))).toEqual(
      new Map([
        ['a', null],
        ['b', Buffer.from('1')],
      ]),
    );
  });

  it('that ends early is refused', () => {
    const cut = new Writer().writeShort(2).writeString('a').writeBytes(null).toBuffer();
    const frame = frameOf(4, Opcode.QUERY, cut, FrameFlag.CUSTOM_PAYLOAD);
    expect(() => decodeQuery(frame, 4)).toThrow(ProtocolFault);
    expect(() => customPayload(frame, payloadKeys(['a']))).toThrow(ProtocolFault);
  });
});

describe('the prefix of a response', () => {
  const ID = Buffer.alloc(16, 7);
  const PAYLOAD = new Writer()
    .writeShort(1)
    .writeString('k')
    .writeBytes(Buffer.from('v'))
    .toBuffer();
  const { TRACING, WARNING, CUSTOM_PAYLOAD } = FrameFlag;
  const MESSAGE = new Writer().writeInt(1).toBuffer();

  /** A RESULT with what these flags say before its message. */
  function response(flags: number) {
    const writer = new Writer();
    if ((flags & TRACING) !== 0) writer.writeRaw(ID);
    if ((flags & WARNING) !== 0) writer.writeStringList(['one', 'two']);
    if ((flags & CUSTOM_PAYLOAD) !== 0) writer.writeRaw(PAYLOAD);
    return frameOf(4, Opcode.RESULT, writer.writeRaw(MESSAGE).toBuffer(), flags);
  }
  const EVERY = [0, 2, 4, 6, 8, 10, 12, 14];

  it.each(EVERY)('is stepped over and told in its parts (flags %i)', (flags) => {
    const frame = response(flags);
    expect(responseReader(frame).readInt('kind')).toBe(1);
    const prefix = responsePrefix(frame);
    expect(prefix.tracingId).toEqual((flags & TRACING) === 0 ? null : ID);
    expect(prefix.warnings).toEqual((flags & WARNING) === 0 ? null : ['one', 'two']);
    expect(prefix.payload).toEqual((flags & CUSTOM_PAYLOAD) === 0 ? null : PAYLOAD);
    expect(frame.buffer.subarray(prefix.messageStart, frame.end)).toEqual(MESSAGE);
  });

  it.each(EVERY)(
    'is kept before another message, and with one warning more (flags %i)',
    (flags) => {
      const frame = response(flags);
      expect(withMessage(frame, responsePrefix(frame), MESSAGE).bytes()).toEqual(frame.bytes());
      const warned = withWarning(frame, 'three');
      expect(warned.flags).toBe(flags | WARNING);
      expect(warned.streamId).toBe(frame.streamId);
      const before = responsePrefix(frame).warnings ?? [];
      expect(responsePrefix(warned)).toMatchObject({
        tracingId: responsePrefix(frame).tracingId,
        warnings: [...before, 'three'],
        payload: responsePrefix(frame).payload,
      });
      expect(responseReader(warned).readInt('kind')).toBe(1);
      const quiet = withMessage(frame, { ...responsePrefix(frame), warnings: null }, MESSAGE);
      expect([quiet.flags, responsePrefix(quiet).warnings]).toEqual([flags & ~WARNING, null]);
    },
  );
});
