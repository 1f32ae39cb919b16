// The kernel's own word on which timer runs for a TCP connection of this machine (proc(5), /proc/net/tcp).
import { readFileSync } from 'node:fs';

export interface TcpTimer {
  readonly localPort: number;
  readonly remotePort: number;
  /** A keepalive timer runs, and no other. */
  readonly isKeepAlive: boolean;
  readonly dueInSeconds: number;
}

const ESTABLISHED = '01';
/** "Another timer", which of a connection with nothing in flight is keepalive. */
const KEEPALIVE = '02';
/** Of `when`, whatever the kernel's own. */
const TICKS_PER_SECOND = 100;

/** Established connections over IPv4. */
export function tcpTimers(): TcpTimer[] {
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, local, remote, state, , timer] = row.trim().split(/\s+/);
    if (state !== ESTABLISHED) return [];
    const [kind, when] = timer!.split(':') as [string, string];
    return [
      {
        localPort: portOf(local!),
        remotePort: portOf(remote!),
        isKeepAlive: kind === KEEPALIVE,
        dueInSeconds: Number.parseInt(when, 16) / TICKS_PER_SECOND,
      },
    ];
  });
}

function portOf(endpoint: string): number {
  return Number.parseInt(endpoint.split(':')[1]!, 16);
}
