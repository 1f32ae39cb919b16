// Which of the connections to one node: the one to send by, the one to set to another keyspace, the one to reserve for
// somebody who waits. Nothing here opens a connection or sends anything.
import type { ConnectionKeyspace } from './connection-keyspace.ts';

/** What of a connection the choice depends on. */
export interface ChoosableConnection {
  readonly hasRoom: boolean;
  readonly hasMuchRoom: boolean;
  readonly load: number;
  readonly isReady: boolean;
  readonly isSuspect: boolean;
  readonly isGathering: boolean;
  /** Something that gives way to others was sent on it since it was idle last. */
  isLaden: boolean;
  readonly keyspaceState: ConnectionKeyspace;
}

/**
 * The connection with the least to do that serves now, or null. What leaves in one turn leaves by one connection, since
 * frames that were read side by side go out as one view, in one write. What gives way leaves the first connection to
 * the others, and these avoid the one that it went by: behind megabytes of one client's answers everybody else's would
 * wait. Where there is no other connection, they share. With `isBound` the connection must be in the keyspace; without
 * it, one that is in it goes before the others.
 */
export function pickConnection<C extends ChoosableConnection>(
  connections: readonly C[],
  keyspace: string | null,
  isBound: boolean,
  givesWay: boolean,
): C | null {
  let best: C | null = null;
  let shared: C | null = null;
  for (let i = 0; i < connections.length; i++) {
    const one = connections[i]!;
    if (!(givesWay ? one.hasMuchRoom : one.hasRoom)) continue;
    const isThere = keyspace === null || isSettledIn(one, keyspace);
    if (isBound && !isThere) continue;
    if (givesWay ? i === 0 : one.isLaden) {
      if (shared === null || isPickedBefore(one, shared, keyspace)) shared = one;
      continue;
    }
    if (one.isGathering && isThere) {
      best = one;
      break;
    }
    if (best === null || isPickedBefore(one, best, keyspace)) best = one;
  }
  best ??= shared;
  if (givesWay && best !== null) best.isLaden = true;
  return best;
}

/** One whose keyspace may be set to this one now; of several the one whose keyspace was unread longest. */
export function switchableConnection<C extends ChoosableConnection>(
  connections: readonly C[],
  keyspace: string,
  givesWay: boolean,
): C | null {
  let best: C | null = null;
  for (const one of connections) {
    const { canSwitch, isOffered, target } = one.keyspaceState;
    if (!canSwitch || isOffered || !(givesWay ? one.hasMuchRoom : one.hasRoom)) continue;
    // It is reserved for somebody else.
    if (target !== null && target !== keyspace) continue;
    if (best === null || isSwitchedBefore(one, best)) best = one;
  }
  return best;
}

/** The better one to be set to another keyspace: a node that says nothing would not answer the USE either. */
export function isSwitchedBefore(one: ChoosableConnection, other: ChoosableConnection): boolean {
  if (one.isSuspect !== other.isSuspect) return other.isSuspect;
  const a = one.keyspaceState;
  const b = other.keyspaceState;
  if ((a.current === null) !== (b.current === null)) return a.current === null;
  return a.lastReaderEndedAtMs < b.lastReaderEndedAtMs;
}

/**
 * All are in the keyspaces of requests at work, and somebody waits for another keyspace: the one with the fewest
 * readers is reserved for it, takes no more of them, and is set to it once they have ended.
 */
export function reserveConnection(
  connections: readonly ChoosableConnection[],
  keyspace: string,
): void {
  const states = connections.map(({ keyspaceState }) => keyspaceState);
  if (states.some(({ state, target }) => state === 'reserved' && target === keyspace)) return;
  // One that is being set to a keyspace is meant for those who wait for that keyspace.
  const free = states.filter(({ isChanging, isOffered }) => !isChanging && !isOffered);
  if (free.length === 0) return;
  free.reduce((a, b) => (b.readers < a.readers ? b : a)).reserve(keyspace);
}

/** Whether there is another connection whose keyspace may be set. */
export function leavesOneSwitchable(
  connections: readonly ChoosableConnection[],
  taken: ChoosableConnection,
): boolean {
  for (const one of connections) {
    if (one !== taken && one.keyspaceState.canSwitch && one.isReady) return true;
  }
  return false;
}

/** It is in the keyspace and stays there for now. */
function isSettledIn({ keyspaceState }: ChoosableConnection, keyspace: string): boolean {
  return keyspaceState.current === keyspace && !keyspaceState.isChanging;
}

/** The better one to send by. */
function isPickedBefore(
  one: ChoosableConnection,
  other: ChoosableConnection,
  keyspace: string | null,
): boolean {
  if (keyspace !== null && !one.isSuspect && !other.isSuspect) {
    const isThere = isSettledIn(one, keyspace);
    if (isThere !== isSettledIn(other, keyspace)) return isThere;
    if (one.isGathering !== other.isGathering) return one.isGathering;
  }
  return one.load < other.load;
}
