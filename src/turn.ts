// A turn of the event loop, as the gate counts it. One write per destination: whoever has something to write
// registers here once, and is flushed when all reads of this turn have been handled. setImmediate runs right after
// the poll phase, so frames read from many sockets in one turn leave in one write. And one budget of work for all
// clients: what goes beyond it waits for a later turn, in the order in which it came. And one look at each clock:
// four of them cost a request as much as its decision does.
import { LONG_AGO, monotonicMs, wallMs, type MonotonicMs, type WallMs } from './clock.ts';
import { guarded, guardedEach } from './guard.ts';
import { TURN } from './limits/session.ts';

export interface Flushable {
  /** Writes what was gathered. */
  flush(): void;
  /** An error of ours came up in that: whom it would have gone to is cut off, since part of it may have left. */
  flushFailed(): void;
}

let gathered: Flushable[] = [];
let spare: Flushable[] = [];
let isEndDue = false;

/** Flushes `destination` at the end of this turn. Callers register at most once until flushed. */
export function flushAfterTurn(destination: Flushable): void {
  gathered.push(destination);
  if (!isEndDue) endTurnSoon();
}

/** What clients made the gate do in this turn, in units of about a microsecond (TURN in limits/session.ts). */
class TurnWork {
  /** Counts turns in which anything was done. */
  turn = 0;
  done = 0;

  add(units: number): void {
    this.done += units;
    if (!isEndDue) endTurnSoon();
  }

  get isSpent(): boolean {
    return this.done >= TURN.work;
  }
}

export const turnWork = new TurnWork();

/** Those whose work was put off, in order. */
let waiting: (() => void)[] = [];

/** Calls back (by a guarded handler) in a later turn, when those who asked before were called and there is budget left. */
export function inLaterTurn(go: () => void): void {
  waiting.push(go);
  if (!isEndDue) endTurnSoon();
}

/**
 * Resolves in a later turn that has room for work of so many units. They count from when that is said, since who
 * waits for a promise goes on only after all that are due were called; from then on the work counts itself.
 */
export async function laterTurn(units: number): Promise<void> {
  await new Promise<void>((resolve) =>
    inLaterTurn(() => {
      turnWork.add(units);
      resolve();
    }),
  );
  turnWork.add(-units);
}

let isTimeRead = false;
let monotonicNow = LONG_AGO;
let wallNow = wallMs();

/** The monotonic clock, as it was when it was first asked for in this turn. */
export function turnMonotonicMs(): MonotonicMs {
  if (!isTimeRead) readTime();
  return monotonicNow;
}

/** The wall clock likewise. */
export function turnWallMs(): WallMs {
  if (!isTimeRead) readTime();
  return wallNow;
}

function readTime(): void {
  isTimeRead = true;
  monotonicNow = monotonicMs();
  wallNow = wallMs();
  if (!isEndDue) endTurnSoon();
}

function endTurnSoon(): void {
  isEndDue = true;
  setImmediate(endTurnGuarded);
}

function endTurn(): void {
  // What registers while this is done goes to the next turn.
  isEndDue = false;
  isTimeRead = false;
  flushAll();
  turnWork.turn++;
  turnWork.done = 0;
  if (waiting.length > 0) goOn();
}

const endTurnGuarded = guarded('flush', endTurn);

/** At least one in each turn, so that nobody waits for ever. */
function goOn(): void {
  const due = waiting;
  waiting = [];
  let next = 0;
  do due[next++]!();
  while (next < due.length && !turnWork.isSpent);
  if (next < due.length) waiting = due.slice(next).concat(waiting);
  if (waiting.length > 0 && !isEndDue) endTurnSoon();
}

function flush(destination: Flushable): void {
  destination.flush();
}

function cutOff(destination: Flushable): void {
  destination.flushFailed();
}

function flushAll(): void {
  const batch = gathered;
  gathered = spare;
  guardedEach('flush', batch, flush, cutOff);
  batch.length = 0;
  spare = batch;
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
