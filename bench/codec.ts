// What a socket carries once STARTUP is answered: bare frames in v4, segments in v5. Segments are made and
// read by the gate's own codec, which Cassandra and its drivers were tried against.
import { PLAIN_SEGMENTS, LZ4_SEGMENTS } from '../src/protocol/segment.ts';
import { Frame } from '../src/protocol/frame.ts';
import { SegmentDecoder } from '../src/protocol/segment-decoder.ts';
import { encodeSegments } from '../src/protocol/segment-encoder.ts';
import { FrameSplitter, VERSION } from './frames.ts';

export type OnFrame = (buffer: Buffer, start: number, end: number) => void;

export interface Codec {
  push(chunk: Buffer, onFrame: OnFrame): void;
  /** Whole frames to what is written, in order. */
  pack(frames: readonly Buffer[]): Buffer[];
}

export interface Protocol {
  readonly version: number;
  /** Asked for in STARTUP: `lz4`, or nothing. */
  readonly compression: string;
}

export const PLAIN_V4: Protocol = { version: VERSION, compression: '' };

export function protocolOf(version: string, compression: string): Protocol {
  if (!['4', '5'].includes(version)) throw new Error(`--version ${version} is not 4 or 5`);
  if (!['', 'lz4'].includes(compression))
    throw new Error(`--compression ${compression} is not lz4`);
  return { version: Number(version), compression };
}

export function bareFrames(): Codec {
  const splitter = new FrameSplitter();
  return {
    push: (chunk, onFrame) => splitter.push(chunk, onFrame),
    pack: (frames) => [...frames],
  };
}

const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** `direction` is of what is read. */
export function codecOf(protocol: Protocol, direction: 'request' | 'response'): Codec {
  if (protocol.version < 5) return bareFrames();
  const layout = protocol.compression === '' ? PLAIN_SEGMENTS : LZ4_SEGMENTS;
  const decoder = new SegmentDecoder({
    direction,
    version: protocol.version,
    maxFrameBytes: MAX_FRAME_BYTES,
    layout,
  });
  decoder.allowMultiSegment = true;
  return {
    push: (chunk, onFrame) => {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
        if (!(frame instanceof Frame)) throw new Error('a frame over the limit of the bench');
        onFrame(frame.buffer, frame.start, frame.end);
      }
    },
    pack: (frames) => encodeSegments(frames, layout),
  };
}
