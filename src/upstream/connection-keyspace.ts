// The keyspace of one upstream connection: the state it is in, and every event that changes it. Nothing else writes
// it. A node carries out the requests of one connection side by side, and reads the keyspace of the connection while
// it does so. A USE therefore leaves only while nothing in flight reads the keyspace, and what would read it goes
// elsewhere until the USE is answered.
//
// The states:
//
//   settled    The connection is in the keyspace that the node confirmed last, or in none.
//   reserved   Likewise, but it is reserved for another keyspace R: those who choose a connection send it nothing more
//              that reads the keyspace, and once what is in flight has ended it is set to R.
//   switching  It is being set to a keyspace S, by a USE of the gate's own or of a client.
//   ended      The connection is gone. After a USE without a proper answer nobody knows which keyspace the connection
//              is in, so that ends it too.
//
// In each state a number of requests in flight read the keyspace (`readers`). The USE under way is one of them, and
// while the connection is switching it is the only one. The connection may also be offered to somebody who waited: he
// takes it when his own code runs, later in the same turn, and until then nobody else may have it set to another
// keyspace. An offer changes nothing else and may be made and withdrawn in every state.
//
//   event            what happened                             settled      reserved R   switching S  ended
//   ---------------  ----------------------------------------  -----------  -----------  -----------  -------
//   readerStarted    a request that reads the keyspace leaves  readers + 1  readers + 1  its USE (1)  throws
//   readerEnded      its answer came, however late             readers - 1  readers - 1  readers - 1  nothing
//   reserve R        somebody waits for a connection in R      reserved (2) throws       throws       nothing
//   release R        nobody waits for R any more               nothing      settled (3)  nothing      nothing
//   switchTo S       a USE of S is about to leave              switching(4) switching(4) throws       nothing
//   useNotSent       that USE did not leave after all          nothing      nothing      settled (5)  nothing
//   useAnswered      SET_KEYSPACE of what was asked for (6)    nothing      nothing      settled in S nothing
//                    an error: the keyspace is as before       nothing      nothing      settled      nothing
//                    any other answer; this throws             ended        ended        ended        nothing
//   useUnanswered    the time of the USE is over (7)           ended        ended        ended        nothing
//   useUnreadable    its answer was too large to be read       ended        ended        ended        nothing
//   movedWithoutUse  SET_KEYSPACE answered something else      ended        ended        ended        nothing
//   end              the connection was closed                 ended        ended        ended        nothing
//
//   (1) throws where there is a reader already     (2) throws while it is offered
//   (3) only where it is reserved for that R       (4) throws while there are readers
//   (5) nothing where the USE has left: then its answer settles the keyspace
//   (6) unless it is switching, that is the keyspace which it is in: a client's USE goes there by preference
//   (7) its late answer would move the connection behind everybody's back, and unqualified statements with it
//
// What throws is an error of the gate's own: whoever chooses the connection asks `canSwitch`, `isChanging` or
// `isOffered` before.
import { LONG_AGO, type MonotonicMs } from '../clock.ts';
import { isInState, type WantedKeyspace } from '../cql/connection-state.ts';
import { ProtocolFault } from '../errors.ts';
import type { Frame } from '../protocol/frame.ts';
import { decodeSetKeyspace, resultKind, ResultKind } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';

export type KeyspaceState = 'settled' | 'reserved' | 'switching' | 'ended';

export class ConnectionKeyspace {
  /** Ends the connection; `problem` stands behind the name of its node. */
  readonly #endConnection: (problem: string) => void;
  #state: KeyspaceState = 'settled';
  #current: string | null = null;
  #target: string | null = null;
  #readers = 0;
  #lastReaderEndedAtMs = LONG_AGO;
  #isOffered = false;

  constructor(endConnection: (problem: string) => void) {
    this.#endConnection = endConnection;
  }

  /** The keyspace that the node confirmed last; null for none. */
  get current(): string | null {
    return this.#current;
  }

  get state(): KeyspaceState {
    return this.#state;
  }

  /** What it is reserved for, or being set to; null in the other states. */
  get target(): string | null {
    return this.#target;
  }

  /** Whether it will be in another keyspace soon, or in an unknown one. */
  get isChanging(): boolean {
    return this.#state !== 'settled';
  }

  /** Whether a USE may leave: nothing in flight reads the keyspace, and no USE is under way. */
  get canSwitch(): boolean {
    return this.#readers === 0 && (this.#state === 'settled' || this.#state === 'reserved');
  }

  get readers(): number {
    return this.#readers;
  }

  get lastReaderEndedAtMs(): MonotonicMs {
    return this.#lastReaderEndedAtMs;
  }

  get isOffered(): boolean {
    return this.#isOffered;
  }

  /** Whether a request that is sent now is carried out in the wanted keyspace. */
  isIn(wanted: WantedKeyspace): boolean {
    if (wanted === null) return true;
    if (this.#state === 'switching' || this.#state === 'ended') return false;
    return isInState(this.#current, wanted);
  }

  readerStarted(): void {
    if (this.#state === 'ended') throw new Error('the connection has ended');
    if (this.#state === 'switching' && this.#readers > 0) {
      throw new Error('a request would read the keyspace that is being changed');
    }
    this.#readers++;
  }

  readerEnded(atMs: MonotonicMs): void {
    if (this.#state === 'ended') return;
    if (this.#readers === 0) throw new Error('nothing in flight reads the keyspace');
    if (--this.#readers === 0) this.#lastReaderEndedAtMs = atMs;
  }

  reserve(keyspace: string): void {
    if (this.#state === 'ended') return;
    if (this.#state !== 'settled' || this.#isOffered) {
      throw new Error('the connection is meant for somebody else');
    }
    this.#become('reserved', keyspace);
  }

  release(keyspace: string): void {
    if (this.#state === 'reserved' && this.#target === keyspace) this.#become('settled', null);
  }

  switchTo(keyspace: string): void {
    if (this.#state === 'ended') return;
    if (!this.canSwitch) throw new Error('the keyspace of the connection is in use');
    this.#become('switching', keyspace);
  }

  useNotSent(): void {
    if (this.#state === 'switching' && this.#readers === 0) this.#become('settled', null);
  }

  /** Throws where this is no answer to a USE, or one that cannot be read. */
  useAnswered(response: Frame): void {
    if (this.#state === 'ended') return;
    if (response.opcode !== Opcode.ERROR) {
      try {
        this.#confirmed(setKeyspaceOf(response));
      } catch (error) {
        this.useUnreadable();
        throw error;
      }
    }
    if (this.#state === 'switching') this.#become('settled', null);
  }

  useUnanswered(): void {
    this.#abandon('did not answer a USE');
  }

  useUnreadable(): void {
    this.#abandon('answered a USE with what is no answer to it');
  }

  movedWithoutUse(): void {
    this.#abandon('changed the keyspace without a USE');
  }

  end(): void {
    this.#become('ended', null);
  }

  /** False: it is offered to somebody else already. */
  offer(): boolean {
    if (this.#isOffered) return false;
    this.#isOffered = true;
    return true;
  }

  offerEnded(): void {
    this.#isOffered = false;
  }

  /** Another name than was asked for is the answer to something else. */
  #confirmed(keyspace: string): void {
    const asked = this.#state === 'switching' ? this.#target : this.#current;
    if (keyspace !== asked) throw new ProtocolFault('a USE was answered with another keyspace');
    this.#current = keyspace;
  }

  #become(state: KeyspaceState, target: string | null): void {
    this.#state = state;
    this.#target = target;
  }

  #abandon(problem: string): void {
    if (this.#state === 'ended') return;
    this.end();
    this.#endConnection(problem);
  }
}

function setKeyspaceOf(response: Frame): string {
  if (response.opcode === Opcode.RESULT && resultKind(response) === ResultKind.SET_KEYSPACE) {
    return decodeSetKeyspace(response);
  }
  throw new ProtocolFault('a USE was answered with another message');
}
