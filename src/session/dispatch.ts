// Takes each frame of a client to its handler. Before that it checks that the frame is whole, that its message is
// legal in the session's state, and that the session has room for one more request.
import { Frame } from '../protocol/frame.ts';
import type { OversizedFrame } from '../protocol/frame-decoder.ts';
import {
  isLegalRequest,
  Opcode,
  opcodeName,
  type RequestOpcode,
  type SessionState,
} from '../protocol/opcodes.ts';
import {
  handleAuthResponse,
  handleOptions,
  handleRegister,
  handleStartup,
  type LoginSession,
} from './handle-handshake.ts';
import { isCompressed } from '../protocol/compression.ts';
import { decompressAnd, type DecompressingSession } from './decompress.ts';
import { handleBatch } from './handle-batch.ts';
import { handleExecute, handlePrepare, handleQuery } from './handle-request.ts';
import { failedRequest } from './internal-fault.ts';
import { close, reply, type Handled } from './outcome.ts';
import { replies } from './replies.ts';

/** A session, as its frames are handled. */
export interface DispatchSession extends DecompressingSession, LoginSession {
  /** Over its limits, and STARTUP asked to be told rather than slowed. */
  readonly isOverloaded: boolean;
  readonly maxFrameBytes: number;
}

type Handler = (session: DispatchSession, frame: Frame) => Handled;

/** The opcode table says in which states each message is legal; a request without a handler does not compile. */
const HANDLERS: Readonly<Record<RequestOpcode, Handler>> = {
  [Opcode.OPTIONS]: handleOptions,
  [Opcode.STARTUP]: handleStartup,
  [Opcode.AUTH_RESPONSE]: handleAuthResponse,
  [Opcode.REGISTER]: handleRegister,
  [Opcode.QUERY]: handleQuery,
  [Opcode.PREPARE]: handlePrepare,
  [Opcode.EXECUTE]: handleExecute,
  [Opcode.BATCH]: handleBatch,
};

const EXPECTED: Readonly<Record<SessionState, string>> = {
  startup: 'STARTUP or OPTIONS',
  authenticating: 'AUTH_RESPONSE',
  ready: 'a request of a started session',
};

export function dispatch(
  session: DispatchSession,
  frame: Frame | OversizedFrame,
  state: SessionState,
): Handled {
  if (!(frame instanceof Frame)) return oversized(session, frame, state);
  const { opcode } = frame;
  const to = { version: frame.version, streamId: frame.streamId };
  if (!isLegalRequest(opcode, state)) {
    const text = `Unexpected message ${opcodeName(opcode)}, expecting ${EXPECTED[state]}`;
    return close(replies.protocolError(to, text), 'protocol error');
  }
  if (session.isOverloaded) {
    const text =
      'more requests or bytes are in flight than cqlgate allows one session; send fewer at once';
    return reply(replies.overloaded(to, text));
  }
  if (frame.flags !== 0 && isCompressed(frame)) {
    return decompressAnd(session, frame, (_, plain) => handle(session, plain, opcode));
  }
  return handle(session, frame, opcode);
}

function handle(session: DispatchSession, frame: Frame, opcode: RequestOpcode): Handled {
  try {
    return HANDLERS[opcode](session, frame);
  } catch (error) {
    return failedRequest(session, frame, error);
  }
}

const SLOW_LZ4 =
  ' Larger ones may come uncompressed: LZ4 is JavaScript here, since the package lz4 was not built.';

function oversized(session: DispatchSession, frame: OversizedFrame, state: SessionState): Handled {
  const to = { version: frame.version, streamId: frame.streamId };
  const { maxFrameBytes } = session;
  if (state === 'ready') {
    const hint = maxFrameBytes < session.gate.limits.maxFrameBytes ? SLOW_LZ4 : '';
    return reply(replies.tooLarge(to, frame.byteLength, maxFrameBytes, hint));
  }
  const text = `the login message has ${frame.byteLength} bytes; cqlgate takes ${maxFrameBytes}. Send the token alone as the password.`;
  return close(replies.authError(to, text), 'handshake too large');
}
