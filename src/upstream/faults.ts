// Why a request could not be carried out upstream; the session turns each into an answer.

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

export class UpstreamFault extends Error {
  override readonly name = 'UpstreamFault';
  readonly code: UpstreamFaultCode;
  constructor(code: UpstreamFaultCode, message: string) {
    super(message);
    this.code = code;
  }
}
