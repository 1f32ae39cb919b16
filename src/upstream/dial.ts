// How a socket to a node is opened: plain, or TLS with the node's name checked. One function for all
// connections, those of the gate itself included.
import net from 'node:net';
import tls from 'node:tls';
import { keepAlive, keepAliveOptions } from '../keep-alive.ts';

/**
 * Opens a socket; what is written before it is connected waits. Its errors come as events. `own` is the
 * certificate to show instead of the one of all connections.
 */
export type Dial = (
  host: string,
  port: number,
  own?: { readonly cert: string; readonly key: string },
) => net.Socket;

/** In the words of node:tls. */
export interface DialCertificates {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/** `keepAliveMs`: see `limits`. */
export function dialPlain(keepAliveMs: number): Dial {
  return (host, port) =>
    net.connect({ host, port, noDelay: true, ...keepAliveOptions(keepAliveMs) });
}

/**
 * TLS 1.2 or later. The certificate must be of `serverName`, or else of the host that is dialled, which
 * may be an address. `certificates` is asked for each connection, so that renewed ones are shown.
 */
export function dialTls(
  certificates: () => DialCertificates,
  serverName: string | null,
  keepAliveMs: number,
): Dial {
  return (host, port, own) => {
    const { cert, key, ca } = { ...certificates(), ...own };
    const isName = net.isIP(host) === 0;
    const name = serverName ?? (isName ? host : null);
    const socket = tls.connect({
      host,
      port,
      minVersion: 'TLSv1.2',
      ...(name === null ? {} : { servername: name }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(ca === undefined ? {} : { ca }),
    });
    socket.setNoDelay(true);
    keepAlive(socket, keepAliveMs);
    return socket;
  };
}

/** Whether the node may see a certificate of ours. */
export function showsCertificate(socket: net.Socket): boolean {
  if (!(socket instanceof tls.TLSSocket)) return false;
  const own = socket.getCertificate();
  return own !== null && Object.keys(own).length > 0;
}

const FOREIGN_CERTIFICATE =
  ': it does not take the client certificate; check cluster.tls.cert against its truststore';

const ADVICE: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID:
    ': its certificate is for another name; set cluster.tls.serverName, or dial it by a name that the certificate has',
  SELF_SIGNED_CERT_IN_CHAIN: ': its certificate is of a CA that is not trusted; set cluster.tls.ca',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    ': its certificate vouches for itself and is not trusted; set cluster.tls.ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    ': its certificate is of a CA that is not trusted; set cluster.tls.ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    ': its certificate is of a CA that is not trusted; set cluster.tls.ca',
  CERT_HAS_EXPIRED: ': its certificate has expired; renew it at the node',
  CERT_NOT_YET_VALID: ': its certificate is not valid yet; check the clocks',
  ERR_SSL_WRONG_VERSION_NUMBER:
    ': it speaks no TLS on this port; remove cluster.tls, or turn on client_encryption_options there',
  EPROTO:
    ': it speaks no TLS on this port; remove cluster.tls, or turn on client_encryption_options there',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    ': it asks for a client certificate; set cluster.tls.cert and cluster.tls.key',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: FOREIGN_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: FOREIGN_CERTIFICATE,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: FOREIGN_CERTIFICATE,
  // What Java answers to a chain that it can't build.
  ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR: FOREIGN_CERTIFICATE,
};

/** What an error of a socket to a node means, for whoever runs the gate; to stand behind its name. */
export function dialProblem(error: NodeJS.ErrnoException): string {
  const { code = '', message } = error;
  // OpenSSL's own texts are of its source lines.
  return (
    ADVICE[code] ??
    (code.startsWith('ERR_SSL_') ? `: the TLS handshake failed (${code})` : `: ${message}`)
  );
}
