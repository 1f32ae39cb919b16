// The faults that cross module boundaries. Expected outcomes (a denial, an unanalysable text) are values and never
// thrown; these are thrown inside decoders and I/O, and caught at one boundary per connection.
import type { LoginRefusal } from './refusals.ts';

/** A peer sent bytes that are not the protocol. The connection is answered and then closed. */
export class ProtocolFault extends Error {
  override readonly name = 'ProtocolFault';
  /** The stream to answer on; 0 where the stream id could not be read. */
  readonly streamId: number;
  constructor(message: string, streamId = 0) {
    super(message);
    this.streamId = streamId;
  }
}

/**
 * A message that is whole, but holds a value that the protocol does not have. It is answered with an error, and the
 * connection lives on, as it does at a node.
 */
export class MessageFault extends ProtocolFault {}

/** A login was refused. The message reaches the user: it says what to do, and never the token. */
export class AuthFault extends Error {
  override readonly name = 'AuthFault';
  /** The stable code for the audit record and metrics, e.g. `token_expired`. */
  readonly reason: LoginRefusal;
  constructor(reason: LoginRefusal, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** A configuration or policy that cannot be used: it lists every problem at once, each with its place. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}
