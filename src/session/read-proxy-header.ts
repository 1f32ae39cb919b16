// Reads the PROXY header that a load balancer puts at the start of a connection, and gives the socket back with
// the bytes behind the header unread.
import type net from 'node:net';
import { guarded } from '../guard.ts';
import { PROXY } from '../limits/session.ts';
import { ProxyHeaderDecoder, ProxyHeaderFault } from '../protocol/proxy-header.ts';
import { peerOf, type ClientAddress } from './transport.ts';

export interface ProxyHeaderListener {
  /** The header names this client; the socket is paused. */
  named(client: ClientAddress): void;
  /** The header is not valid, and the socket is destroyed. `problem` is one of a few words. */
  refused(problem: string): void;
  /** The socket was closed without a byte, as balancers do that check whether the port is open. */
  gone(): void;
}

export function readProxyHeader(socket: net.Socket, listener: ProxyHeaderListener): void {
  const decoder = new ProxyHeaderDecoder(PROXY.headerBytes);
  let hasBegun = false;
  const stop = (): void => {
    socket.off('data', data);
    socket.off('close', closed);
  };
  const onClose = (): void => {
    stop();
    if (hasBegun) listener.refused('unfinished');
    else listener.gone();
  };
  const onData = (chunk: Buffer): void => {
    hasBegun = true;
    try {
      const header = decoder.push(chunk);
      if (header === null) return;
      stop();
      socket.pause();
      if (header.rest.length > 0) socket.unshift(header.rest);
      listener.named(header.source ?? peerOf(socket));
    } catch (error) {
      stop();
      socket.destroy();
      listener.refused(error instanceof ProxyHeaderFault ? error.problem : 'internal');
      if (!(error instanceof ProxyHeaderFault)) throw error;
    }
  };
  const data = guarded('listener', onData, () => void socket.destroy());
  const closed = guarded('listener', onClose);
  socket.on('data', data);
  socket.on('close', closed);
}
