// Reads a client's bytes and hands its frames out, as far as the limits of its session and the work of this turn of the
// event loop allow. While they do not, its socket is paused.
import type net from 'node:net';
import type { MonotonicMs } from '../clock.ts';
import { guarded } from '../guard.ts';
import { TURN } from '../limits/session.ts';
import type { SessionAccount } from '../memory/budget.ts';
import type { Frame } from '../protocol/frame.ts';
import type { OversizedFrame } from '../protocol/frame-decoder.ts';
import { inLaterTurn, turnWork } from '../turn.ts';
import { FrameWatch } from './frame-watch.ts';
import type { Inbox } from './inbox.ts';

export interface FrameReaderOwner {
  /** Nothing more may be handled now: something is waited for, or a limit is reached. */
  readonly mustWait: boolean;
  /** Nothing more is handled at all. */
  readonly isOver: boolean;
  readonly isClosed: boolean;
  handle(frame: Frame | OversizedFrame): void;
  /** The bytes cannot be read, or a frame could not be handled. */
  handleFault(error: unknown): void;
  /** Ends it at once. */
  cutOff(): void;
}

export class FrameReader {
  readonly #socket: net.Socket;
  readonly #inbox: Inbox;
  readonly #account: SessionAccount;
  readonly #owner: FrameReaderOwner;
  readonly #runLater: () => void;
  /** The same, where it was put off to a later turn. */
  readonly #goOn: () => void;
  readonly #frameWatch = new FrameWatch();
  #framesRead = 0;
  #bytesRead = 0;
  #isPaused = false;
  #isRunning = false;
  /** The turn that it last worked in, and how much it did there. */
  #turn = 0;
  #workDone = 0;
  /** It has done enough for this turn. */
  #isPutOff = false;

  constructor(socket: net.Socket, inbox: Inbox, account: SessionAccount, owner: FrameReaderOwner) {
    this.#socket = socket;
    this.#inbox = inbox;
    this.#account = account;
    this.#owner = owner;
    const end = (): void => owner.cutOff();
    const goOn = (): void => {
      this.#isPutOff = false;
      this.run();
    };
    this.#runLater = guarded('session', () => this.run(), end);
    this.#goOn = guarded('session', goOn, end);
    socket.on(
      'data',
      guarded('session', (chunk: Buffer) => this.#read(chunk), end),
    );
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Handles the frames at hand, as far as the work of this turn goes; no-op while it is about that. */
  run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (!this.#mustStop) {
        if (this.#isTurnOver()) {
          this.#putOff();
          return;
        }
        const before = turnWork.done;
        const frame = this.#inbox.next();
        const work = this.#inbox.takeWork();
        if (frame === null) {
          if (work > 0) this.#count(work);
          break;
        }
        this.#framesRead++;
        turnWork.add(work + TURN.frame + frame.byteLength / TURN.bytesPerUnit);
        this.#owner.handle(frame);
        this.#workDone += turnWork.done - before;
      }
    } catch (error) {
      this.#owner.handleFault(error);
    } finally {
      this.#isRunning = false;
      if (!this.#owner.isClosed) this.#account.setInput(this.#inbox.bufferedBytes);
      this.pauseOrResume();
    }
  }

  /** Stops reading, or reads on, as limits and waits say now. While frames are handled that is seen to afterwards. */
  pauseOrResume(): void {
    if (this.#isRunning || this.#owner.isOver) return;
    const stop = this.#mustStop;
    if (stop && !this.#isPaused) {
      this.#isPaused = true;
      this.#socket.pause();
    } else if (!stop && this.#isPaused) {
      this.#isPaused = false;
      this.#socket.resume();
      // Frames that were read before the pause come first.
      setImmediate(this.#runLater);
    }
  }

  /** Called now and then. False where a frame that began comes too slowly; before the login nothing is watched. */
  comesInTime(nowMs: MonotonicMs, isWatched: boolean): boolean {
    return this.#frameWatch.look(nowMs, {
      isMidFrame: isWatched && this.#inbox.isMidFrame,
      framesRead: this.#framesRead,
      bytesRead: this.#bytesRead,
      isPaused: this.#isPaused,
      isAboveShare: this.#account.isAboveShare,
    });
  }

  #read(chunk: Buffer): void {
    if (this.#owner.isOver) return;
    this.#bytesRead += chunk.length;
    this.#inbox.push(chunk);
    this.run();
  }

  get #mustStop(): boolean {
    return this.#isPutOff || this.#owner.isOver || this.#account.isPaused || this.#owner.mustWait;
  }

  #count(work: number): void {
    turnWork.add(work);
    this.#workDone += work;
  }

  /** Several reads may come in one turn: what is counted is the turn's. */
  #isTurnOver(): boolean {
    if (this.#turn !== turnWork.turn) {
      this.#turn = turnWork.turn;
      this.#workDone = 0;
    }
    return turnWork.isSpent || this.#workDone >= TURN.workPerSession;
  }

  /** Goes on in a later turn, and reads nothing until then. */
  #putOff(): void {
    this.#isPutOff = true;
    inLaterTurn(this.#goOn);
  }
}
