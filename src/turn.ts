// One write per destination per turn of the event loop: whoever has something to write registers
// here once, and is flushed when all reads of this turn have been handled. setImmediate runs right
// after the poll phase, so frames read from many sockets in one turn leave in one write.

export interface Flushable {
  /** Writes what was gathered. Must not throw. */
  flush(): void;
}

let gathered: Flushable[] = [];
let spare: Flushable[] = [];

function flushAll(): void {
  const batch = gathered;
  // What registers while this batch is flushed goes to the next turn, which its first push schedules.
  gathered = spare;
  for (const destination of batch) destination.flush();
  batch.length = 0;
  spare = batch;
}

/** Flushes `destination` at the end of this turn. Callers register at most once until flushed. */
export function flushAfterTurn(destination: Flushable): void {
  if (gathered.push(destination) === 1) setImmediate(flushAll);
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
