// Compression of bodies in v4, by flag and frame (section 5 of the specification):
//
//   lz4     <[int] uncompressed length> <LZ4 raw block>
//   snappy  <raw Snappy block>, which begins with its uncompressed length as a varint
//
// In v5 whole segments are compressed instead, by LZ4 only (segment.ts).
import { ProtocolFault } from '../errors.ts';
import { COMPRESSION } from '../limits/session.ts';
import { turnWork } from '../turn.ts';
import { Frame, FrameFlag, HEADER_BYTES } from './frame.ts';
import { lz4 } from './lz4.ts';
import { hasBodyCompression } from './versions.ts';

export interface BodyCompression {
  readonly name: string;
  readonly implementation: string;
  /** The body as it goes on the wire, or null where it would not be smaller. */
  compress(body: Buffer): Buffer | null;
  /** What the body says its uncompressed length is; nothing was allocated for it yet. */
  uncompressedBytes(body: Buffer): number;
  /** Fills `output`, which has that length; false where the body is malformed. */
  decompress(body: Buffer, output: Buffer): boolean;
  /** Bodies that become larger take too long for a turn of the event loop: a thread decompresses them. */
  readonly threadAboveBytes: number;
  /** Of what comes out, for a unit of work. */
  readonly bytesPerUnit: number;
}

const LENGTH_BYTES = 4;

const lz4Body: BodyCompression = {
  name: 'lz4',
  implementation: lz4.implementation,
  threadAboveBytes: lz4.implementation === 'native' ? COMPRESSION.lz4InlineBytes : Infinity,
  bytesPerUnit:
    lz4.implementation === 'native'
      ? COMPRESSION.bytesPerUnit.lz4
      : COMPRESSION.bytesPerUnit.javascript,
  compress: (body) => {
    const block = lz4.compress(body);
    if (block === null || block.length + LENGTH_BYTES >= body.length) return null;
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32BE(body.length, 0);
    return Buffer.concat([length, block]);
  },
  uncompressedBytes: (body) => (body.length < LENGTH_BYTES ? NaN : body.readUInt32BE(0)),
  decompress: (body, output) =>
    // An empty body is a length of zero, and one empty sequence or nothing.
    output.length === 0
      ? body.length <= LENGTH_BYTES + 1
      : lz4.decompress(body.subarray(LENGTH_BYTES), output),
};

/**
 * Into memory that V8 knows of: by default the package hands out its own, which counts for nothing when V8 decides
 * whether to collect garbage, and gigabytes of it pile up.
 */
const OWNED = { copyOutputData: true } as const;

async function snappyBody(): Promise<BodyCompression | null> {
  try {
    const { default: snappy } = await import('snappy');
    return {
      name: 'snappy',
      implementation: 'native',
      bytesPerUnit: COMPRESSION.bytesPerUnit.snappy,
      threadAboveBytes: COMPRESSION.snappyInlineBytes,
      compress: (body) => {
        const block = snappy.compressSync(body, OWNED);
        return block.length < body.length ? block : null;
      },
      uncompressedBytes: varint,
      decompress: (body, output) => {
        if (output.length === 0) return body.length === 1;
        try {
          return (snappy.uncompressSync(body, OWNED) as Buffer).copy(output) === output.length;
        } catch {
          return false;
        }
      },
    };
  } catch {
    // Prebuilt for the common platforms only; elsewhere it is not offered.
    return null;
  }
}

/** Little-endian base 128, at most 32 bits; NaN where it does not end. */
function varint(body: Buffer): number {
  let value = 0;
  for (let i = 0; i < 5 && i < body.length; i++) {
    value += (body[i]! & 0x7f) * 2 ** (7 * i);
    if (body[i]! < 0x80) return value;
  }
  return NaN;
}

/** By name, in the order in which SUPPORTED tells them. */
export const COMPRESSIONS: ReadonlyMap<string, BodyCompression> = new Map(
  [await snappyBody(), lz4Body]
    .filter((one) => one !== null)
    .map((one): [string, BodyCompression] => [one.name, one]),
);

/** Whether a body is compressed; in v5 the flag means nothing. */
export function isCompressed(frame: Frame): boolean {
  return (frame.flags & FrameFlag.COMPRESSED) !== 0 && hasBodyCompression(frame.version);
}

/**
 * The frame with its body as it was before it was compressed: a copy. Throws ProtocolFault; the
 * caller has checked `uncompressedBytes` against its limit.
 */
export function decompressed(frame: Frame, compression: BodyCompression): Frame {
  const body = bodyOf(frame);
  const bytes = Buffer.alloc(HEADER_BYTES + compression.uncompressedBytes(body));
  if (!compression.decompress(body, bytes.subarray(HEADER_BYTES)))
    throw malformed(frame, compression);
  return plainFrame(frame, bytes);
}

/** Whether a body of that length, as it states, is too much for a turn of the event loop. */
export function isForThread({ threadAboveBytes }: BodyCompression, bodyBytes: number): boolean {
  return bodyBytes > threadAboveBytes;
}

export function bodyOf(frame: Frame): Buffer {
  return frame.buffer.subarray(frame.bodyStart, frame.end);
}

/** `bytes` has its body, behind room for the header. */
export function plainFrame(frame: Frame, bytes: Buffer): Frame {
  frame.buffer.copy(bytes, 0, frame.start, frame.bodyStart);
  bytes[1]! &= ~FrameFlag.COMPRESSED;
  bytes.writeUInt32BE(bytes.length - HEADER_BYTES, 5);
  return new Frame(bytes, 0, bytes.length);
}

export function malformed({ streamId }: Frame, { name }: BodyCompression): ProtocolFault {
  return new ProtocolFault(`the body is no ${name} block of its stated length`, streamId);
}

/** Header and compressed body, to be written one after the other; null where it is not worth it. */
export function compressed(
  frame: Frame,
  compression: BodyCompression,
): readonly [header: Buffer, body: Buffer] | null {
  const bodyBytes = frame.end - frame.bodyStart;
  if (bodyBytes < COMPRESSION.minBytes || bodyBytes > COMPRESSION.maxBytes) return null;
  // Whatever a turn has no time left for leaves as it is.
  if (turnWork.isSpent) return null;
  turnWork.add(bodyBytes / COMPRESSION.compressedPerUnit);
  const body = compression.compress(frame.buffer.subarray(frame.bodyStart, frame.end));
  if (body === null) return null;
  const header = Buffer.from(frame.buffer.subarray(frame.start, frame.bodyStart));
  header[1]! |= FrameFlag.COMPRESSED;
  header.writeUInt32BE(body.length, 5);
  return [header, body];
}
