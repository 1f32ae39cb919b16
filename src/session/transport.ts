// What a client's socket is: TLS, plaintext on this machine, or plaintext over a network; and whether a
// token may be taken over it.
import type net from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ClientRecord } from '../audit/record.ts';
import { plainAddress } from '../protocol/inet.ts';

const FROM_ELSEWHERE =
  'cqlgate takes tokens over plaintext from this machine only. Connect over TLS, or ask the operators to set listen.allowPlaintext where the network is trusted.';
const TLS_ONLY =
  'cqlgate speaks TLS only on this port. Turn TLS on in the driver (cqlsh: --ssl), with the CA that your operators name.';

/** The other end of a connection. */
export interface ClientAddress {
  /** In its one spelling, so that it can be compared. */
  readonly address: string;
  readonly port: number;
}

/** The other end as a socket has it. */
type RemoteEnd = Pick<net.Socket, 'remoteAddress' | 'remotePort'>;

export function peerOf({ remoteAddress, remotePort }: RemoteEnd): ClientAddress {
  return { address: plainAddress(remoteAddress ?? ''), port: remotePort ?? 0 };
}

/**
 * Why a token is not taken over a plaintext socket; null where it is. What counts as this machine is told by the socket alone:
 * an address that a load balancer names opens nothing.
 */
export function plaintextProblem(
  socket: RemoteEnd,
  rules: { readonly isTlsOn: boolean; readonly allowPlaintext: boolean },
): string | null {
  if (rules.isTlsOn) return TLS_ONLY;
  const isLoopback = /^(127\.|::1$)/.test(peerOf(socket).address);
  return isLoopback || rules.allowPlaintext ? null : FROM_ELSEWHERE;
}

/** What the records say of a socket. */
export function transportOf(socket: net.Socket): Pick<ClientRecord, 'tls' | 'certificate_sha256'> {
  if (!(socket instanceof TLSSocket)) return { tls: null };
  const tls = `${socket.getProtocol() ?? ''} ${socket.getCipher().name}`;
  const { fingerprint256 } = socket.getPeerCertificate() as { fingerprint256?: string };
  if (fingerprint256 === undefined) return { tls };
  return { tls, certificate_sha256: fingerprint256.replaceAll(':', '').toLowerCase() };
}
