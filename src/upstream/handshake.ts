// The login of an upstream connection: STARTUP, and PLAIN as one Cassandra role.
import { CqlErrorCode } from '../protocol/error-codes.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import type { Login } from './credentials.ts';
import { UpstreamFault } from './faults.ts';
import { authenticate, refusalIn, startUp, UnexpectedAnswerFault } from './own-query.ts';

export interface Handshake {
  /** `host:port`, for messages. */
  readonly node: string;
  readonly login: Login;
  readonly request: (opcode: number, body: Buffer | null) => Promise<Frame>;
  readonly compression: BodyCompression | null;
  /** The connection showed a client certificate. */
  readonly showedCertificate: boolean;
  /** Called when the answer to STARTUP was read: compression, and in v5 segments, hold from here. */
  readonly agreed: () => void;
}

const STARTUP: readonly (readonly [string, string])[] = [
  ['CQL_VERSION', '3.0.0'],
  ['DRIVER_NAME', 'cqlgate'],
  // All sessions share this address and so Cassandra's per-address byte limit: without it Cassandra
  // would stop reading a connection that many sessions share.
  ['THROW_ON_OVERLOAD', '1'],
];

/** Rejects with an UpstreamFault that says what was refused, and never the password. */
export async function shakeHands(handshake: Handshake): Promise<void> {
  const { node, login, compression, request } = handshake;
  const options = new Map(STARTUP);
  if (compression !== null) options.set('COMPRESSION', compression.name);
  let authenticator: string | null;
  try {
    authenticator = await startUp(request, options);
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal !== null) throw new UpstreamFault('protocol', refusal.message);
    if (!(error instanceof UnexpectedAnswerFault)) throw error;
    throw new UpstreamFault('protocol', `${node} answered STARTUP with an unexpected frame`);
  }
  handshake.agreed();
  if (authenticator !== null) {
    checkAuthenticator(handshake, authenticator);
    await logIn(handshake);
    return;
  }
  // Whoever configured a password believes that the cluster asks for one.
  if (!login.open) {
    throw new UpstreamFault(
      'login_refused',
      `${node} asks for no login, but one is configured for Cassandra role ${login.name}; set open: true if that is meant`,
    );
  }
}

/**
 * Cassandra's mutual TLS authenticators take the role from the certificate, whatever password follows:
 * with one certificate for all, every pool would work as that one role, and none as its own.
 */
function checkAuthenticator(
  { node, login, showedCertificate }: Handshake,
  authenticator: string,
): void {
  if (login.open || !showedCertificate) return;
  const isMutual = authenticator.includes('MutualTls');
  if (isMutual === (login.certificate !== undefined)) return;
  throw new UpstreamFault(
    'login_refused',
    isMutual
      ? `${node} would take the role from the certificate of cluster.tls, and not that of Cassandra role ${login.name}; give each role a certificate of its own, or use PasswordAuthenticator there`
      : `${node} asks for a password, but Cassandra role ${login.name} has a certificate; use a MutualTls authenticator there, or a password here`,
  );
}

async function logIn({ node, login, request }: Handshake): Promise<void> {
  if (login.open) {
    throw new UpstreamFault(
      'login_refused',
      `${node} asks for a login, but Cassandra role ${login.name} is configured as open`,
    );
  }
  const token = Buffer.from(`\0${login.username}\0${login.password}`, 'utf8');
  try {
    await authenticate(request, token);
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal?.code === CqlErrorCode.AUTH_ERROR) {
      throw new UpstreamFault(
        'login_refused',
        `the cluster refused the login of Cassandra role ${login.name}`,
      );
    }
    if (refusal === null && !(error instanceof UnexpectedAnswerFault)) throw error;
    throw new UpstreamFault('unreachable', `${node} did not finish the login`);
  }
}
