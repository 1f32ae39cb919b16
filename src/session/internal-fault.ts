// An error of the gate's own: it is logged and counted, and ends no more than the request, answer or event
// it came up with. Messages of errors may quote what a client or a node sent, so that only those
// of our own decoders, which name fields and lengths, are logged; of all others it is the place in the code.
import { MessageFault, ProtocolFault } from '../errors.ts';
import { described } from '../guard.ts';
import type { Frame } from '../protocol/frame.ts';
import { opcodeName } from '../protocol/opcodes.ts';
import { PermitFault } from '../upstream/faults.ts';
import type { Gate } from './gate.ts';
import { close, reply, type Handled } from './outcome.ts';
import { INTERNAL, replies } from './replies.ts';

/** A session, as the answer to an error needs it. */
export interface FailingSession {
  readonly id: string;
  readonly gate: FaultServices;
  readonly version: number;
  readonly isLoggedIn: boolean;
}

/** What was being handled. */
export type FaultPlace = 'request' | 'answer' | 'session' | 'permit';

export type FaultServices = Pick<Gate, 'log' | 'metrics'>;

export function reportFault(
  gate: FaultServices,
  place: FaultPlace,
  error: unknown,
  context: Readonly<Record<string, unknown>>,
): void {
  gate.metrics.counter('internal_faults_total', place).value++;
  gate.log.error(
    {
      ...context,
      ...described(error),
      ...(error instanceof ProtocolFault || error instanceof PermitFault
        ? { reason: error.message }
        : {}),
    },
    `an internal error ended the handling of one ${place}`,
  );
}

/**
 * What a request ends with whose handling threw before anything was decided on it. A value that the protocol does
 * not have is answered; bytes that are not the protocol go on to the session, which ends by them.
 */
export function failedRequest(session: FailingSession, frame: Frame, error: unknown): Handled {
  if (error instanceof MessageFault) {
    session.gate.metrics.counter('protocol_errors_total').value++;
    const to = { version: session.version, streamId: error.streamId };
    return reply(replies.protocolError(to, error.message));
  }
  if (error instanceof ProtocolFault) throw error;
  reportFault(session.gate, 'request', error, {
    session: session.id,
    opcode: opcodeName(frame.opcode),
  });
  const answer = replies.serverError(
    { version: session.version, streamId: frame.streamId },
    INTERNAL,
  );
  return session.isLoggedIn ? reply(answer) : close(answer, 'internal');
}
