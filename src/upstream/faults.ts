// Why a request could not be carried out upstream; the session turns each into an answer.
import { ProtocolFault } from '../errors.ts';

export type UpstreamFaultCode =
  /** Could not connect, or the connection ended. */
  | 'unreachable'
  /** The cluster refused this gate's own login. */
  | 'login_refused'
  | 'timeout'
  /** No stream, connection or place in a queue was free. */
  | 'busy'
  /** The keyspace could not be set; the message is the node's. */
  | 'keyspace'
  | 'protocol'
  /** An error of the gate's own. */
  | 'internal';

/** A permit was about to be spent on what it was not made for; nothing was sent. An error of the gate's own. */
export class PermitFault extends Error {
  override readonly name = 'PermitFault';
}

export class UpstreamFault extends Error {
  override readonly name = 'UpstreamFault';
  readonly code: UpstreamFaultCode;
  constructor(code: UpstreamFaultCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Any error as a fault: bytes of a node that are not the protocol, or else an error of the gate's own. */
export function asFault(error: unknown): UpstreamFault {
  if (error instanceof UpstreamFault) return error;
  return new UpstreamFault(error instanceof ProtocolFault ? 'protocol' : 'internal', String(error));
}
