// A session's bytes to frames in each state of its login: which limit holds, when the version is settled, and
// that no byte is lost where plain frames end and segments begin.
import { beforeEach, describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import { resolveLimits } from '../../src/limits/operator.ts';
import { COMPRESSION, TURN } from '../../src/limits/session.ts';
import { COMPRESSIONS, type BodyCompression } from '../../src/protocol/compression.ts';
import { encodeFrame, Frame, FrameFlag } from '../../src/protocol/frame.ts';
import { OversizedFrame } from '../../src/protocol/frame-decoder.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { encodeSegments } from '../../src/protocol/segment-encoder.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS } from '../../src/protocol/segment.ts';
import { Inbox } from '../../src/session/inbox.ts';
import { requestOf } from '../protocol/streams.ts';

const LIMITS = resolveLimits({ preAuthFrameBytes: 4_096, maxFrameBytes: 1024 * 1024 });
const HEADER_BYTES = 9;
/** More than a segment takes. */
const SEGMENT_BYTES = 128 * 1024;
let inbox: Inbox;

beforeEach(() => {
  inbox = new Inbox(LIMITS);
});

/** What comes out of these bytes, as text: the stream of each frame, `!` behind one that is too large. */
function read(...chunks: readonly Buffer[]): string[] {
  const found: string[] = [];
  for (const chunk of chunks) {
    inbox.push(chunk);
    for (let frame = inbox.next(); frame !== null; frame = inbox.next()) {
      found.push(`${frame.streamId}${frame instanceof OversizedFrame ? '!' : ''}`);
    }
  }
  return found;
}

/** A frame of so many bytes, header and body. */
const frameOf = (version: number, streamId: number, bytes: number): Buffer =>
  requestOf(version, streamId, bytes - HEADER_BYTES);

describe('before STARTUP', () => {
  it('frames of either version are read, wherever their bytes are cut', () => {
    const bytes = Buffer.concat([frameOf(4, 1, 30), frameOf(5, 2, 9), frameOf(4, 3, 100)]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      inbox = new Inbox(LIMITS);
      expect(read(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(['1', '2', '3']);
      expect([inbox.isMidFrame, inbox.bufferedBytes]).toEqual([false, 0]);
    }
  });

  it('what is held of a frame that is not whole shows', () => {
    inbox.push(frameOf(4, 1, 30).subarray(0, 29));
    expect(inbox.next()).toBeNull();
    expect([inbox.isMidFrame, inbox.bufferedBytes]).toEqual([true, 29]);
  });

  it('a frame may be as large as that of a login, and not a byte larger', () => {
    expect(inbox.maxFrameBytes).toBe(4_096);
    expect(read(frameOf(4, 1, 4_096), frameOf(4, 2, 4_097), frameOf(4, 3, 9))).toEqual([
      ...['1', '2!', '3'],
    ]);
  });

  it('bodies are not compressed yet', () => {
    const [body] = [...COMPRESSIONS.values()].map((one) => one.compress(Buffer.alloc(2_000)));
    inbox.push(
      encodeFrame({
        version: 4,
        opcode: Opcode.STARTUP,
        streamId: 1,
        flags: FrameFlag.COMPRESSED,
        body: body!,
      }),
    );
    expect(() => inbox.next()).toThrow(ProtocolFault);
  });
});

describe('from STARTUP on', () => {
  it.each([
    [4, 5],
    [5, 4],
  ])('no other version than %i is taken', (version, other) => {
    inbox.started(version, null);
    expect(read(frameOf(version, 1, 20))).toEqual(['1']);
    expect(() => read(frameOf(other, 2, 20))).toThrow(ProtocolFault);
  });

  it('a frame may be no larger than before, until there is a login', () => {
    inbox.started(4, null);
    expect(read(frameOf(4, 1, 4_097))).toEqual(['1!']);
    inbox.loggedIn();
    expect(inbox.maxFrameBytes).toBe(1024 * 1024);
    expect(
      read(frameOf(4, 2, 4_097), frameOf(4, 3, 1024 * 1024), frameOf(4, 4, 1024 * 1024 + 1)),
    ).toEqual(['2', '3', '4!']);
  });

  describe.each([...COMPRESSIONS.values()])('and $name', (compression) => {
    const plain = Buffer.alloc(3_000, 'some text ');
    const compressed = (): Buffer =>
      encodeFrame({
        version: 4,
        opcode: Opcode.QUERY,
        streamId: 7,
        flags: FrameFlag.COMPRESSED,
        body: compression.compress(plain)!,
      });

    it('bodies come out as they were before', () => {
      inbox.started(4, compression);
      inbox.push(compressed());
      const frame = inbox.next();
      expect(frame).toBeInstanceOf(Frame);
      expect(frame instanceof Frame && frame.bytes().subarray(HEADER_BYTES).equals(plain)).toBe(
        true,
      );
    });

    it('what comes out counts as work once, by how fast that is', () => {
      inbox.started(4, compression);
      expect(inbox.takeWork()).toBe(0);
      expect(read(compressed(), compressed())).toEqual(['7', '7']);
      expect(inbox.takeWork()).toBeCloseTo(
        (2 * (HEADER_BYTES + plain.length)) / compression.bytesPerUnit,
      );
      expect(inbox.takeWork()).toBe(0);
    });

    it('what it states as its length must be within the limit', () => {
      inbox.started(4, compression);
      const body = compression.compress(Buffer.alloc(4_096))!;
      const bomb = { version: 4, opcode: Opcode.QUERY, streamId: 1, flags: FrameFlag.COMPRESSED };
      expect(read(encodeFrame({ ...bomb, body }))).toEqual(['1!']);
    });
  });

  it('a client whose compression is slow here gets a smaller limit, unless its own is smaller still', () => {
    const slow: BodyCompression = {
      ...[...COMPRESSIONS.values()].at(-1)!,
      implementation: 'javascript',
    };
    inbox = new Inbox(resolveLimits({}));
    inbox.started(4, slow);
    inbox.loggedIn();
    expect(resolveLimits({}).maxFrameBytes).toBeGreaterThan(COMPRESSION.javascriptFrameBytes);
    expect(inbox.maxFrameBytes).toBe(COMPRESSION.javascriptFrameBytes);

    inbox = new Inbox(LIMITS);
    inbox.started(4, slow);
    inbox.loggedIn();
    expect(inbox.maxFrameBytes).toBe(1024 * 1024);
  });
});

describe.each([
  ['plain', PLAIN_SEGMENTS],
  ['compressed', LZ4_SEGMENTS],
])('the change to %s segments', (_name, layout) => {
  const segmentsOf = (...frames: readonly Buffer[]): Buffer =>
    Buffer.concat(encodeSegments(frames, layout));

  beforeEach(() => {
    inbox.started(5, null);
  });

  it('keeps what came behind the last plain frame, wherever the read ended', () => {
    const plain = frameOf(5, 1, 40);
    const rest = segmentsOf(frameOf(5, 2, 30), frameOf(5, 3, 60));
    for (let cut = 0; cut <= rest.length; cut++) {
      inbox = new Inbox(LIMITS);
      inbox.started(5, null);
      inbox.push(Buffer.concat([plain, rest.subarray(0, cut)]));
      expect(inbox.next()?.streamId).toBe(1);
      inbox.switchToSegments(5, layout);
      expect(read(rest.subarray(cut))).toEqual(['2', '3']);
    }
  });

  it('happens once: what a second one would lose stays', () => {
    inbox.switchToSegments(5, layout);
    const bytes = segmentsOf(frameOf(5, 2, 30));
    inbox.push(bytes.subarray(0, 10));
    inbox.switchToSegments(5, layout);
    expect(read(bytes.subarray(10))).toEqual(['2']);
  });

  it('ends the reading of plain frames', () => {
    inbox.switchToSegments(5, layout);
    expect(() => read(frameOf(5, 1, 40))).toThrow(ProtocolFault);
  });

  it('leaves the limit of a login in force, and one segment for a frame', () => {
    inbox.switchToSegments(5, layout);
    expect(read(segmentsOf(frameOf(5, 1, 4_096), frameOf(5, 2, 4_097)))).toEqual(['1', '2!']);
    const large = segmentsOf(frameOf(5, 3, SEGMENT_BYTES + 10));
    expect(() => read(large)).toThrow('authentication is still pending');
  });

  it('lets a frame take several segments once there is a login', () => {
    inbox.switchToSegments(5, layout);
    inbox.loggedIn();
    const large = frameOf(5, 3, 3 * SEGMENT_BYTES);
    expect(read(segmentsOf(large, frameOf(5, 4, 20)))).toEqual(['3', '4']);
  });

  it('counts each segment as work, and once', () => {
    inbox.switchToSegments(5, PLAIN_SEGMENTS);
    const one = Buffer.concat(encodeSegments([frameOf(5, 1, 20)], PLAIN_SEGMENTS));
    expect(read(one, one, one)).toEqual(['1', '1', '1']);
    expect(inbox.takeWork()).toBe(3 * TURN.segment);
    expect(inbox.takeWork()).toBe(0);
  });
});

describe('an inbox that was cleared', () => {
  it.each(['plain frames', 'segments'])('hands out nothing of what came before (%s)', (kind) => {
    inbox.started(5, null);
    if (kind === 'segments') inbox.switchToSegments(5, PLAIN_SEGMENTS);
    const frames = [frameOf(5, 1, 20), frameOf(5, 2, 20)];
    inbox.push(
      Buffer.concat(kind === 'segments' ? encodeSegments(frames, PLAIN_SEGMENTS) : frames),
    );
    expect(inbox.next()?.streamId).toBe(1);
    inbox.clear();
    expect([inbox.next(), inbox.bufferedBytes, inbox.isMidFrame]).toEqual([null, 0, false]);
    expect(inbox.maxFrameBytes).toBe(4_096);
  });
});
