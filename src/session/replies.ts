// Encodes the answers that the gate itself gives: one function for each kind of message, and one row for each fault of the
// way to the cluster. src/refusals.ts lists what they tell users, and the CQL error that makes drivers do the right thing.
import { CqlErrorCode, type PlainErrorCode } from '../protocol/error-codes.ts';
import { COMPRESSIONS } from '../protocol/compression.ts';
import { encodeAuthenticate, encodeToken } from '../protocol/messages/auth.ts';
import { encodeError, type WriteType } from '../protocol/messages/error.ts';
import { encodeSupported } from '../protocol/messages/supported.ts';
import { encodeFrame } from '../protocol/frame.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { UpstreamFault, UpstreamFaultCode } from '../upstream/faults.ts';
import type { Exchange } from './exchange.ts';
import { scrubbedText } from './scrub.ts';

/** gocql 1.7 answers only to names on its list, and this name is on the list of every driver. */
const AUTHENTICATOR = 'org.apache.cassandra.auth.PasswordAuthenticator';

/** Where an answer goes: the protocol version of the connection, and the stream of the request. */
export interface To {
  readonly version: number;
  readonly streamId: number;
}

/** An ERROR that consists of its code and a message. */
function plain(code: PlainErrorCode) {
  return (to: To, message: string): Buffer => encodeError(to, message, { code });
}

/** The body of the last SUPPORTED; it changes only when the cluster does. */
let supported: { readonly key: string; readonly body: Buffer } = { key: '', body: Buffer.alloc(0) };

function supportedBody(cqlVersion: string, versions: readonly number[]): Buffer {
  const key = `${cqlVersion}:${versions.join()}`;
  if (supported.key === key) return supported.body;
  const options = new Map([
    ['CQL_VERSION', [cqlVersion]],
    // The key must be there, since the Python driver reads it without a check.
    ['COMPRESSION', [...COMPRESSIONS.keys()]],
    ['PROTOCOL_VERSIONS', versions.map((one) => `${one}/v${one}`)],
  ]);
  supported = { key, body: encodeSupported(options) };
  return supported.body;
}

export const replies = {
  ready: (to: To): Buffer => encodeFrame({ ...to, opcode: Opcode.READY, body: null }),

  authenticate: (to: To): Buffer =>
    encodeFrame({ ...to, opcode: Opcode.AUTHENTICATE, body: encodeAuthenticate(AUTHENTICATOR) }),

  authChallenge: (to: To, token: Buffer): Buffer =>
    encodeFrame({ ...to, opcode: Opcode.AUTH_CHALLENGE, body: encodeToken(token) }),

  authSuccess: (to: To): Buffer =>
    encodeFrame({ ...to, opcode: Opcode.AUTH_SUCCESS, body: encodeToken(null) }),

  supported: (to: To, cqlVersion: string, versions: readonly number[]): Buffer =>
    encodeFrame({ ...to, opcode: Opcode.SUPPORTED, body: supportedBody(cqlVersion, versions) }),

  result: (to: To, body: Buffer): Buffer => encodeFrame({ ...to, opcode: Opcode.RESULT, body }),

  /** For a fault of the gate; its cause goes to the log, not to the client. */
  serverError: plain(CqlErrorCode.SERVER_ERROR),
  protocolError: plain(CqlErrorCode.PROTOCOL_ERROR),
  authError: plain(CqlErrorCode.AUTH_ERROR),
  overloaded: plain(CqlErrorCode.OVERLOADED),
  syntaxError: plain(CqlErrorCode.SYNTAX_ERROR),
  unauthorized: plain(CqlErrorCode.UNAUTHORIZED),
  invalid: plain(CqlErrorCode.INVALID),

  tooLarge: (to: To, bytes: number, maxBytes: number, hint = ''): Buffer =>
    replies.invalid(
      to,
      `Request is too big: length ${bytes} exceeds maximum allowed length ${maxBytes}. Send it in smaller parts.${hint}`,
    ),

  /** Every driver then prepares the statement again and repeats the request. */
  unprepared: (to: To, id: Buffer): Buffer =>
    encodeError(to, `Prepared query with ID ${id.toString('hex')} not found`, {
      code: CqlErrorCode.UNPREPARED,
      id,
    }),

  /** Nothing of the request left the gate, so that it is safe to repeat. */
  unavailable: (to: To, consistency: number, message: string): Buffer =>
    encodeError(to, message, {
      code: CqlErrorCode.UNAVAILABLE,
      consistency,
      required: 1,
      alive: 0,
    }),

  readTimeout: (to: To, consistency: number, message: string): Buffer =>
    encodeError(to, message, {
      code: CqlErrorCode.READ_TIMEOUT,
      consistency,
      received: 0,
      blockFor: 1,
      dataPresent: false,
    }),

  /** The write type is never BATCH_LOG, since drivers repeat such a write. */
  writeTimeout: (to: To, consistency: number, writeType: WriteType, message: string): Buffer =>
    encodeError(to, message, {
      code: CqlErrorCode.WRITE_TIMEOUT,
      consistency,
      received: 0,
      blockFor: 1,
      writeType,
    }),
};

/** What a client is told of an error of the gate; the log has its cause. */
export const INTERNAL = 'an internal error of cqlgate ended this request; tell its operators';

const UNREACHABLE = (exchange: Exchange): Buffer =>
  replies.unavailable(
    exchange.to,
    exchange.consistency,
    'cqlgate reaches no Cassandra node now; the request was not sent. Try again later.',
  );

const FAULTS: Readonly<
  Record<UpstreamFaultCode, (exchange: Exchange, fault: UpstreamFault) => Buffer>
> = {
  login_refused: ({ to, session }, fault) =>
    replies.serverError(
      to,
      `${scrubbedText(session, fault.message)}. This is no fault of your token: tell the operators of cqlgate.`,
    ),
  keyspace: ({ to, session }, fault) => replies.invalid(to, scrubbedText(session, fault.message)),
  busy: ({ to }) =>
    replies.overloaded(to, 'cqlgate has no free connection to Cassandra; try again later'),
  unreachable: UNREACHABLE,
  timeout: UNREACHABLE,
  protocol: UNREACHABLE,
  internal: ({ to }) => replies.serverError(to, INTERNAL),
};

/** The answer to a request that could not be carried out because of this fault. */
export function replyToFault(exchange: Exchange, fault: UpstreamFault): Buffer {
  return FAULTS[fault.code](exchange, fault);
}
