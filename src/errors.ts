// The faults that cross module boundaries. Expected outcomes (a denial, an unanalysable text) are
// values and never thrown; these are thrown inside decoders and I/O and caught at one boundary per
// connection.

/** CQL error codes, as in section 9 of the native protocol specification. */
export const CqlErrorCode = {
  SERVER_ERROR: 0x0000,
  PROTOCOL_ERROR: 0x000a,
  AUTH_ERROR: 0x0100,
  UNAVAILABLE: 0x1000,
  OVERLOADED: 0x1001,
  IS_BOOTSTRAPPING: 0x1002,
  TRUNCATE_ERROR: 0x1003,
  WRITE_TIMEOUT: 0x1100,
  READ_TIMEOUT: 0x1200,
  READ_FAILURE: 0x1300,
  FUNCTION_FAILURE: 0x1400,
  WRITE_FAILURE: 0x1500,
  CDC_WRITE_FAILURE: 0x1600,
  CAS_WRITE_UNKNOWN: 0x1700,
  SYNTAX_ERROR: 0x2000,
  UNAUTHORIZED: 0x2100,
  INVALID: 0x2200,
  CONFIG_ERROR: 0x2300,
  ALREADY_EXISTS: 0x2400,
  UNPREPARED: 0x2500,
} as const;
export type CqlErrorCode = (typeof CqlErrorCode)[keyof typeof CqlErrorCode];

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
 * A whole message, with a value that the protocol does not have. It is answered, and the connection goes on, as at
 * a node.
 */
export class MessageFault extends ProtocolFault {}

/** A login was refused. The message reaches the user: it says what to do, and never the token. */
export class AuthFault extends Error {
  override readonly name = 'AuthFault';
  /** Stable reason for the audit record and metrics, e.g. `token_expired`. */
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Configuration or policy that can't be used: every problem at once, each with its place. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}
