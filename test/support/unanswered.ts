// Sockets that lead nowhere: to a node that says nothing, or that cannot be reached.
import net from 'node:net';
import type { Dial } from '../../src/upstream/dial.ts';

/** A connection that is never made. */
export const dialNowhere: Dial = () => new net.Socket();

/** A connection that is refused at once. */
export const dialRefused: Dial = () => {
  const socket = new net.Socket();
  const refused = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
  setImmediate(() => socket.destroy(refused));
  return socket;
};
