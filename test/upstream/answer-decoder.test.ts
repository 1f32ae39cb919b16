// A node's bytes as frames: whatever pieces they come in, charged while they are not whole, in v5 as segments.
import { describe, expect, it } from 'vitest';
import { MIB } from '../../src/limits/units.ts';
import { MemoryBudget } from '../../src/memory/budget.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { PLAIN_SEGMENTS } from '../../src/protocol/segment.ts';
import { AnswerDecoder } from '../../src/upstream/answer-decoder.ts';

function answer(streamId: number, body: Buffer, version = 4): Buffer {
  const bytes = encodeFrame({ version, opcode: Opcode.RESULT, streamId, body });
  bytes[0]! |= 0x80;
  return bytes;
}

const bodyText = ({ buffer, bodyStart, end }: Frame): string =>
  buffer.toString('utf8', bodyStart, end);

function all(decoder: AnswerDecoder): (readonly [number, string])[] {
  const found: (readonly [number, string])[] = [];
  for (let one = decoder.next(); one !== null; one = decoder.next()) {
    const text = one instanceof Frame ? bodyText(one.whole()) : `of ${one.byteLength}`;
    found.push([one.streamId, text]);
  }
  return found;
}

describe('the answers of a node', () => {
  it('are the same in whatever pieces their bytes come', () => {
    const bytes = Buffer.concat(['one', 'two', ''].map((text, i) => answer(i, Buffer.from(text))));
    for (let at = 0; at <= bytes.length; at++) {
      const decoder = new AnswerDecoder({ version: 4, compression: null });
      decoder.push(Buffer.from(bytes.subarray(0, at)));
      const found = all(decoder);
      decoder.push(Buffer.from(bytes.subarray(at)));
      expect([...found, ...all(decoder)]).toEqual([
        [0, 'one'],
        [1, 'two'],
        [2, ''],
      ]);
    }
  });

  it('are no frames where the bytes are none', () => {
    const decoder = new AnswerDecoder({ version: 4, compression: null });
    decoder.push(Buffer.from('HTTP/1.1 400 Bad Request\r\n'));
    expect(() => decoder.next()).toThrow();
  });

  it('come in segments once that is agreed on, what came before that included', () => {
    const views = new FrameViews();
    views.segments = PLAIN_SEGMENTS;
    const first = answer(1, Buffer.from('first'), 5);
    views.pushFrame(new Frame(first, 0, first.length));
    const segment = Buffer.concat(views.take());
    const decoder = new AnswerDecoder({ version: 5, compression: null });
    decoder.push(Buffer.concat([answer(0, Buffer.from('ready'), 5), segment.subarray(0, 7)]));
    const ready = decoder.next();
    expect(ready?.streamId).toBe(0);
    decoder.switchToSegments(PLAIN_SEGMENTS);
    expect(all(decoder)).toEqual([]);
    decoder.push(segment.subarray(7));
    expect(all(decoder)).toEqual([[1, 'first']]);
  });

  it('are charged while they are not whole, and no longer', () => {
    const memory = new MemoryBudget({
      heapBytes: 64 * MIB,
      bufferBytes: 1024 * MIB,
      requestBytes: 1024 * MIB,
      evicted: () => undefined,
      paused: () => undefined,
    });
    const decoder = new AnswerDecoder({ version: 4, compression: null, memory });
    const bytes = answer(1, Buffer.alloc(2 * MIB));
    decoder.push(bytes.subarray(0, MIB));
    expect(all(decoder)).toEqual([]);
    decoder.charge();
    expect(memory.answers.bytes).toBeGreaterThanOrEqual(MIB);
    decoder.release();
    expect(memory.answers.bytes).toBe(0);
    decoder.charge();
    decoder.push(bytes.subarray(MIB));
    expect(all(decoder)).toHaveLength(1);
    decoder.charge();
    expect(memory.answers.bytes).toBeLessThan(MIB);
  });
});
