// TCP keepalive. A relay cuts one TCP connection into two, and what the ends asked of theirs does not reach the other: a
// client that vanished without a word is not noticed by the node any more, and would keep its session until its token
// ends. So each leg has its own: after so long without a byte the kernel asks whether the other end is there, ten times a
// second apart (libuv's choice), and then ends the connection.
import type net from 'node:net';
import { guarded } from './guard.ts';

/** The kernel counts in seconds; less than one would leave its own two hours. */
const LEAST_MS = 1_000;

/** For `net.connect`, `net.createServer` and servers made of it. */
export function keepAliveOptions(idleMs: number) {
  return { keepAlive: true, keepAliveInitialDelay: Math.max(LEAST_MS, idleMs) } as const;
}

/** For a socket that takes no such options (`tls.connect`). Before it is connected, the time would be lost. */
export function keepAlive(socket: net.Socket, idleMs: number): void {
  const connected = (): void => void socket.setKeepAlive(true, Math.max(LEAST_MS, idleMs));
  socket.once('connect', guarded('connection', connected));
}
