// The door for load balancers: takes the PROXY header off a connection before anything else is read, and gives it back with
// the bytes behind the header unread.
import type net from 'node:net';
import { guarded } from '../guard.ts';
import { PROXY } from '../limits/session.ts';
import { ProxyHeaderDecoder, ProxyHeaderFault } from '../protocol/proxy-header.ts';
import { peerOf, type ClientAddress } from './transport.ts';

export interface ProxyEntering {
  /** Whose connection it is; the socket is paused. */
  named(client: ClientAddress): void;
  /** The header was not taken; the socket is destroyed. `problem` is one of a few words. */
  refused(problem: string): void;
  /** The socket was closed without a byte: a balancer that looks whether the port is open. */
  gone(): void;
}

export function readProxyHeader(socket: net.Socket, entering: ProxyEntering): void {
  const decoder = new ProxyHeaderDecoder(PROXY.headerBytes);
  let hasBegun = false;
  const stop = (): void => {
    socket.off('data', data);
    socket.off('close', closed);
  };
  const onClose = (): void => {
    stop();
    if (hasBegun) entering.refused('unfinished');
    else entering.gone();
  };
  const onData = (chunk: Buffer): void => {
    hasBegun = true;
    try {
      const header = decoder.push(chunk);
      if (header === null) return;
      stop();
      socket.pause();
      if (header.rest.length > 0) socket.unshift(header.rest);
      entering.named(header.source ?? peerOf(socket));
    } catch (error) {
      stop();
      socket.destroy();
      entering.refused(error instanceof ProxyHeaderFault ? error.problem : 'internal');
      if (!(error instanceof ProxyHeaderFault)) throw error;
    }
  };
  const data = guarded('listener', onData, () => void socket.destroy());
  const closed = guarded('listener', onClose);
  socket.on('data', data);
  socket.on('close', closed);
}
