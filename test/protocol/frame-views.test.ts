// Frames gathered for one write: neighbours leave as one view, v5 in segments, v4 compressed where that is agreed.
import { beforeEach, describe, expect, it } from 'vitest';
import { COMPRESSION } from '../../src/limits/session.ts';
import { COMPRESSIONS } from '../../src/protocol/compression.ts';
import { Frame, HEADER_BYTES } from '../../src/protocol/frame.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS } from '../../src/protocol/segment.ts';
import { SegmentPart } from '../../src/protocol/segment-encoder.ts';
import { requestOf } from './streams.ts';

// What a turn may compress is bounded: each test begins with a new one.
beforeEach(async () => new Promise<void>((resolve) => void setImmediate(resolve)));

/** Frames that lie side by side in one buffer, as they were read. */
function read(...bytes: readonly Buffer[]): Frame[] {
  const buffer = Buffer.concat(bytes);
  let at = 0;
  return bytes.map(({ length }) => new Frame(buffer, at, (at += length)));
}

const small = [requestOf(4, 1, 3), requestOf(4, 2, 0), requestOf(4, 3, 40)];

describe('frames gathered for a write', () => {
  it('leave as one view where they lie side by side, and in their order', () => {
    const views = new FrameViews();
    const [a, b, c] = read(...small);
    for (const frame of [a!, b!, c!]) views.pushFrame(frame);
    const taken = views.take();
    expect(taken).toHaveLength(1);
    expect(taken[0]!.buffer).toBe(a!.buffer.buffer);
    expect(taken[0]!.equals(Buffer.concat(small))).toBe(true);
    expect(views.take()).toEqual([]);
  });

  it('leave apart where one was left out, or came in another read', () => {
    const views = new FrameViews();
    const [a, , c] = read(...small);
    const [d] = read(requestOf(4, 4, 1));
    views.pushFrame(a!);
    views.pushFrame(c!);
    views.pushFrame(d!);
    views.push(small[1]!);
    expect(views.take()).toEqual([small[0], small[2], requestOf(4, 4, 1), small[1]]);
  });

  it('that are in parts leave part by part, without a copy', () => {
    const views = new FrameViews();
    const parts = [Buffer.from('one'), Buffer.from('two')];
    views.pushFrame(read(small[0]!)[0]!);
    views.pushFrame(new Frame(small[2]!, 0, small[2]!.length, parts));
    const taken = views.take();
    expect(taken).toHaveLength(4);
    expect(taken.slice(2)).toEqual(parts);
    expect(taken[2]).toBe(parts[0]);
  });
});

describe('in segments', () => {
  const segmented = (layout = PLAIN_SEGMENTS) => {
    const views = new FrameViews();
    views.segments = layout;
    return views;
  };

  it('each frame stays its own, so that it can be put into a segment with others', () => {
    const views = segmented();
    for (const frame of read(...small)) views.pushFrame(frame);
    expect(views.takeViews()).toEqual(small);
    for (const frame of read(...small)) views.pushFrame(frame);
    const [segment] = views.take();
    expect(segment!.subarray(6, -4).equals(Buffer.concat(small))).toBe(true);
  });

  it('a frame that does not fit is cut, whole or in parts', () => {
    const large = requestOf(5, 1, 300_000);
    const views = segmented();
    views.pushFrame(new Frame(large, 0, large.length));
    views.push(large);
    const cut = views.takeViews();
    expect(cut.every((view) => view instanceof SegmentPart)).toBe(true);
    expect(cut).toHaveLength(6);
    views.pushFrame(
      new Frame(large, 0, 100_000, [large.subarray(100_000, 290_000), large.subarray(290_000)]),
    );
    const bytes = views.takeViews().map((view) => (view as SegmentPart).bytes);
    expect(Buffer.concat(bytes).equals(large)).toBe(true);
  });

  it('the parts of a frame are joined first, so that each segment but the last is full', () => {
    const part = (bytes: Buffer) => new Frame(bytes, 0, 20, [bytes.subarray(20)]);
    const shared = segmented();
    shared.pushFrame(part(small[2]!));
    expect(shared.takeViews()).toEqual([small[2]]);
    for (const layout of [PLAIN_SEGMENTS, LZ4_SEGMENTS]) {
      const views = segmented(layout);
      views.pushFrame(part(requestOf(5, 1, COMPRESSION.maxBytes + 1)));
      const lengths = views.takeViews().map(({ length }) => length);
      expect(new Set(lengths.slice(0, -1))).toEqual(new Set([layout.fullPayloadBytes]));
    }
  });
});

describe('compressed by flag', () => {
  it('a large frame leaves as header and body, between others as they were', () => {
    const views = new FrameViews();
    views.compression = [...COMPRESSIONS.values()][0]!;
    const large = requestOf(4, 9, 20_000);
    const [a, b, c] = read(small[0]!, large, small[2]!);
    views.pushFrame(a!);
    views.pushFrame(b!);
    views.pushFrame(c!);
    const [before, header, body, after] = views.take();
    expect([before, after]).toEqual([small[0], small[2]]);
    expect(header!.length).toBe(HEADER_BYTES);
    expect(header!.readUInt32BE(5)).toBe(body!.length);
    expect(header![1]).toBe(1);
    expect(b!.flags).toBe(0);
  });
});
