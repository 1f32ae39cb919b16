// A large body of a request that is slow to decompress: done on a thread, while its session waits, so that the order
// of its requests is kept. There is one thread for all; the line before it is fair
// by role. What the body states as its length was compared with the bound before.
import { FairSlots, QueueFault } from '../fair-queue.ts';
import { COMPRESSION, TURN } from '../limits/session.ts';
import { bodyOf, malformed, plainFrame, type BodyCompression } from '../protocol/compression.ts';
import { HEADER_BYTES, type Frame } from '../protocol/frame.ts';
import { turnWork } from '../turn.ts';
import { DecompressionThread } from './decompression-thread.ts';
import type { BufferCharge } from './in-flight.ts';
import { close, reply, wait, type Handled } from './outcome.ts';
import { replies } from './replies.ts';
import type { DecodingSession } from './handle-request.ts';

export function decompressionSlots(): FairSlots {
  return new FairSlots({
    slots: COMPRESSION.threads,
    perKey: COMPRESSION.threadsPerRole,
    waiting: COMPRESSION.waiting,
    waitMs: COMPRESSION.waitMs,
  });
}

/** A session whose client compresses bodies. */
export interface DecompressingSession extends DecodingSession {
  readonly compression: BodyCompression | null;
  /** For bytes that are made of a frame before it is handled. */
  chargeBytes(bytes: number): BufferCharge;
}

export function decompressAnd<Of extends DecompressingSession>(
  session: Of,
  frame: Frame,
  handle: (session: Of, frame: Frame) => Handled,
): Handled {
  return wait(onThread(session, frame, handle), true);
}

async function onThread<Of extends DecompressingSession>(
  session: Of,
  frame: Frame,
  handle: (session: Of, frame: Frame) => Handled,
): Promise<Handled> {
  const charge = session.charge(frame);
  try {
    const plain = await session.gate.decompressions.run(session.turn, async () =>
      session.isClosed ? null : plainOf(session, frame),
    );
    const go = (): Handled =>
      plain === null || session.isClosed ? close(null, 'client gone') : handle(session, plain);
    return { type: 'continue', handle: go };
  } catch (error) {
    if (!(error instanceof QueueFault)) throw error;
    const text = `large compressed bodies are decompressed one after the other: ${error.message}. Nothing was executed`;
    return reply(replies.overloaded({ version: frame.version, streamId: frame.streamId }, text));
  } finally {
    charge.release();
  }
}

const thread = new DecompressionThread();

async function plainOf(session: DecompressingSession, frame: Frame): Promise<Frame> {
  const compression = session.compression!;
  const body = bodyOf(frame);
  const bodyBytes = compression.uncompressedBytes(body);
  const charge = session.chargeBytes(HEADER_BYTES + bodyBytes);
  try {
    const { name } = compression;
    const bytes = await thread.decompress({ name, body, headBytes: HEADER_BYTES, bodyBytes });
    if (bytes === null) throw malformed(frame, compression);
    turnWork.add(bytes.length / TURN.bytesPerUnit);
    return plainFrame(frame, bytes);
  } finally {
    charge.release();
  }
}
