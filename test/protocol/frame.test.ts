// A frame as a view: its header's fields, patched in place, and its parts joined.
import { describe, expect, it } from 'vitest';
import { encodeFrame, Frame, FrameFlag, HEADER_BYTES } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';

const BODY = Buffer.from('body');
const encoded = encodeFrame({
  version: 5,
  opcode: Opcode.QUERY,
  streamId: 0x1234,
  flags: FrameFlag.TRACING | FrameFlag.CUSTOM_PAYLOAD,
  body: BODY,
});

describe('a frame', () => {
  it('is laid out as the specification says', () => {
    expect(encoded.toString('hex')).toBe(`050612340700000004${BODY.toString('hex')}`);
    const empty = encodeFrame({ version: 4, opcode: Opcode.READY, streamId: -2, body: null });
    expect(empty.toString('hex')).toBe('8400fffe0200000000');
  });

  it('is a view on its buffer, wherever it lies there', () => {
    const buffer = Buffer.concat([Buffer.alloc(3), encoded, Buffer.alloc(2)]);
    const frame = new Frame(buffer, 3, 3 + encoded.length);
    expect(frame).toMatchObject({ version: 5, isResponse: false, flags: 6, streamId: 0x1234 });
    expect(frame).toMatchObject({ opcode: Opcode.QUERY, bodyStart: 12, byteLength: 13 });
    expect(frame.bytes().equals(encoded)).toBe(true);
    expect(frame.bytes().buffer).toBe(buffer.buffer);
  });

  it.each([0, 1, 255, 256, 32_767, -1, -32_768])('has stream id %i patched in place', (id) => {
    const buffer = Buffer.from(encoded);
    const frame = new Frame(buffer, 0, buffer.length);
    frame.setStreamId(id);
    expect(frame.streamId).toBe(id);
    expect(buffer.readInt16BE(2)).toBe(id);
    expect(buffer.subarray(4)).toEqual(encoded.subarray(4));
  });

  it('loses one flag and keeps the others', () => {
    const buffer = Buffer.from(encoded);
    const frame = new Frame(buffer, 0, buffer.length);
    frame.clearFlag(FrameFlag.TRACING);
    expect(frame.flags).toBe(FrameFlag.CUSTOM_PAYLOAD);
    frame.clearFlag(FrameFlag.TRACING);
    expect(frame.flags).toBe(FrameFlag.CUSTOM_PAYLOAD);
  });

  it('in parts has the length of all of them, and is joined on demand', () => {
    const parts = [Buffer.from('one'), Buffer.from('two')];
    const frame = new Frame(encoded, 0, encoded.length, parts);
    expect([frame.isWhole, frame.byteLength]).toEqual([false, encoded.length + 6]);
    const whole = frame.whole();
    expect([whole.isWhole, whole.byteLength]).toEqual([true, encoded.length + 6]);
    expect(whole.bytes().subarray(HEADER_BYTES).toString()).toBe('bodyonetwo');
    expect(whole.whole()).toBe(whole);
  });
});
