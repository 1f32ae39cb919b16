// The requests of one session that wait for an answer: how many, and what their views pin. A view of
// 100 bytes keeps its whole read buffer alive, so it is the buffer that is charged, once, until the
// last view of it is let go.
import type { Statement } from '../cql/statement.ts';
import type { Limits } from '../limits/operator.ts';
import { MEMORY } from '../limits/session.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { MemoryBudget, SessionAccount } from '../memory/budget.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Attempt } from './attempt.ts';
import type { Request } from './request.ts';

export class BufferCharge {
  readonly #account: SessionAccount;
  readonly #bytes: number;
  #views = 0;

  constructor(bytes: number, account: SessionAccount) {
    this.#bytes = bytes;
    this.#account = account;
  }

  take(): void {
    if (this.#views++ === 0) this.#account.addRequests(this.#bytes);
  }

  release(): void {
    if (--this.#views === 0) this.#account.addRequests(-this.#bytes);
  }
}

/** Of all sessions of one role. */
export class RoleLoad {
  /** Requests in flight. */
  inFlight = 0;
  /** What their answers are expected to be, together. */
  expectedBytes = 0;
  /** Others who read by the same text may get more of it, or less, so that statements keep it by role. */
  readonly #index: number;
  /** Where a statement keeps it: the number of the role, and then the bytes. */
  readonly #slot: number;
  /** Of texts and PREPAREs, most of which are sent once. */
  readonly #onceBytes: Record<'text' | 'prepare', number> = {
    text: UPSTREAM.unknownTextAnswerBytes,
    prepare: UPSTREAM.unknownTextAnswerBytes,
  };

  constructor(index: number) {
    this.#index = index;
    this.#slot = 2 * (index % UPSTREAM.answerRoles);
  }

  /** How large the answer to a request is expected to be. */
  expects({ opcode, statement }: Expecting): number {
    if (opcode === Opcode.PREPARE) return this.#onceBytes.prepare;
    if (statement.family !== 'read') return UPSTREAM.smallAnswerBytes;
    const known = this.#known(statement);
    if (known !== undefined) return known;
    return opcode === Opcode.QUERY ? this.#onceBytes.text : UPSTREAM.unknownAnswerBytes;
  }

  answered({ opcode, statement }: Expecting, bytes: number): void {
    const once = this.#onceBytes;
    if (opcode === Opcode.PREPARE) once.prepare = closerTo(once.prepare, bytes);
    else if (statement.family === 'read') {
      if (statement.isKept) this.#learn(statement, bytes);
      if (opcode === Opcode.QUERY) once.text = closerTo(once.text, bytes);
    }
  }

  /** Nothing where another role has the place: its answers say nothing of this one's. */
  #known({ answerBytes }: Statement): number | undefined {
    if (answerBytes === null || answerBytes[this.#slot] !== this.#index) return undefined;
    return answerBytes[this.#slot + 1];
  }

  #learn(statement: Statement, bytes: number): void {
    const known = this.#known(statement) ?? 0;
    const kept = (statement.answerBytes ??= new Array<number>(2 * UPSTREAM.answerRoles).fill(-1));
    kept[this.#slot] = this.#index;
    kept[this.#slot + 1] = closerTo(known, bytes);
  }
}

/** What tells how large an answer will be. */
export type Expecting = Pick<Request, 'opcode' | 'statement'>;

/** A larger answer counts at once, so that no second burst is let through; smaller ones count little by little. */
function closerTo(expectedBytes: number, bytes: number): number {
  if (bytes >= expectedBytes) return bytes;
  return expectedBytes + (bytes - expectedBytes) * UPSTREAM.answerDecay;
}

/** By role of the policy, which bounds them. */
export class RoleLoads {
  readonly #loads = new Map<string, RoleLoad>();

  of(role: string): RoleLoad {
    let load = this.#loads.get(role);
    if (load === undefined) this.#loads.set(role, (load = new RoleLoad(this.#loads.size)));
    return load;
  }
}

export class InFlightRequests {
  readonly #budget: MemoryBudget;
  readonly #account: SessionAccount;
  readonly #limits: Limits;
  #charge: BufferCharge | null = null;
  #chargedBuffer: Buffer | null = null;
  #role = new RoleLoad(0);
  count = 0;

  constructor(budget: MemoryBudget, account: SessionAccount, limits: Limits) {
    this.#budget = budget;
    this.#account = account;
    this.#limits = limits;
  }

  get isOverLimit(): boolean {
    const limits = this.#limits;
    return (
      this.count >= limits.inFlightPerSession ||
      this.#account.requests >= limits.inFlightBytesPerSession
    );
  }

  /** Nothing is in flight before the login. */
  loggedIn(role: RoleLoad): void {
    this.#role = role;
  }

  /** Its session or its role has so much in flight that others go first where there is little room. */
  get isMuch(): boolean {
    const { inFlight, expectedBytes } = this.#role;
    return (
      this.count > UPSTREAM.muchPerSession ||
      inFlight > UPSTREAM.muchPerRole ||
      expectedBytes > UPSTREAM.muchBytes ||
      this.#account.requests > UPSTREAM.muchBytes
    );
  }

  /** Its role waits for so much that this session, which has its part of it, asks for no more now. */
  get expectsMuch(): boolean {
    return this.count > 0 && this.#role.expectedBytes > UPSTREAM.expectedBytesPerRole;
  }

  /** So many bytes came as the answer to a request. */
  answered(request: Expecting, bytes: number): void {
    this.#role.answered(request, bytes);
  }

  /** Charges what a request pins before it is decoded; to be released by whoever asked. */
  charge(bytes: number): BufferCharge {
    const charge = new BufferCharge(bytes, this.#account);
    charge.take();
    return charge;
  }

  /** Counts a request as in flight, once. */
  add(attempt: Attempt): void {
    if (attempt.charge !== null) return;
    const { buffer } = attempt.request.frame;
    const expectedBytes = this.#role.expects(attempt.request);
    attempt.isInFlight(
      attempt.isReframed ? this.charge(buffer.length) : this.#chargeFor(buffer),
      expectedBytes,
    );
    this.count++;
    this.#role.inFlight++;
    this.#role.expectedBytes += expectedBytes;
    this.#budget.exchanges.add(MEMORY.exchangeBytes);
  }

  /** Frames of one read are views on one buffer, which is charged once. */
  #chargeFor(buffer: Buffer): BufferCharge {
    if (this.#charge === null || this.#chargedBuffer !== buffer) {
      this.#charge = new BufferCharge(buffer.length, this.#account);
      this.#chargedBuffer = buffer;
    }
    this.#charge.take();
    return this.#charge;
  }

  /** Its frame is a copy now: that is what it pins. One that does not count as in flight yet is charged later. */
  reframed(attempt: Attempt): void {
    if (attempt.charge === null || attempt.isDone) return;
    const charge = this.charge(attempt.request.frame.buffer.length);
    attempt.charge.release();
    attempt.isCharged(charge);
  }

  /** Lets go of what a request is charged for. False when that is nothing, or was let go before. */
  release(attempt: Attempt): boolean {
    if (attempt.charge === null || attempt.isDone) return false;
    attempt.isAnswered();
    this.count--;
    this.#role.inFlight--;
    this.#role.expectedBytes -= attempt.expectedBytes;
    this.#budget.exchanges.add(-MEMORY.exchangeBytes);
    attempt.charge.release();
    if (this.count === 0) {
      // Between requests nothing of the last read is kept.
      this.#charge = null;
      this.#chargedBuffer = null;
    }
    return true;
  }
}
