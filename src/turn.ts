// One write per destination per turn of the event loop: whoever has something to write registers
// here once, and is flushed when all reads of this turn have been handled. setImmediate runs right
// after the poll phase, so frames read from many sockets in one turn leave in one write.

import { guarded, guardedEach } from './guard.ts';

export interface Flushable {
  /** Writes what was gathered. */
  flush(): void;
  /** An error of ours came up in that: whom it would have gone to is cut off, since part of it may have left. */
  flushFailed(): void;
}

let gathered: Flushable[] = [];
let spare: Flushable[] = [];

function flush(destination: Flushable): void {
  destination.flush();
}

function cutOff(destination: Flushable): void {
  destination.flushFailed();
}

function flushAll(): void {
  const batch = gathered;
  // What registers while this batch is flushed goes to the next turn, which its first push schedules.
  gathered = spare;
  guardedEach('flush', batch, flush, cutOff);
  batch.length = 0;
  spare = batch;
}

const flushGuarded = guarded('flush', flushAll);

/** Flushes `destination` at the end of this turn. Callers register at most once until flushed. */
export function flushAfterTurn(destination: Flushable): void {
  if (gathered.push(destination) === 1) setImmediate(flushGuarded);
}

interface Corkable {
  cork(): void;
  write(bytes: Buffer): boolean;
  uncork(): void;
}

/** Hands several buffers to a socket as one write. */
export function writeTogether(socket: Corkable, views: readonly Buffer[]): void {
  if (views.length === 1) {
    socket.write(views[0]!);
    return;
  }
  socket.cork();
  for (const view of views) socket.write(view);
  socket.uncork();
}
