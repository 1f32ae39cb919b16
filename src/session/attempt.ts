// The state of a request on its way to a node and back: what permitted it, by which connection it leaves, what failed
// it before. Only this file writes it; others read its fields and call its methods.
import { later, LONG_AGO, NEVER, type MonotonicMs } from '../clock.ts';
import type { Permit } from '../policy/decide.ts';
import type { Statement } from '../cql/statement.ts';
import { FrameFlag, type Frame } from '../protocol/frame.ts';
import { withKeyspace } from '../protocol/request-keyspace.ts';
import type { Rows } from '../protocol/messages/result.ts';
import type { TopologyTable } from '../topology/system-tables.ts';
import type { Connection } from '../upstream/connection.ts';
import type { ClusterNode } from '../upstream/node.ts';
import { newPreparations, type Preparations } from './preparations.ts';
import type { Request } from './request.ts';

/** What a request in flight is charged for, until it is released. */
interface Charge {
  release(): void;
}

/** The ids of a request's span, which go into records; the rest is the implementation's (src/telemetry). */
export interface RequestSpan {
  readonly traceId: string;
  readonly spanId: string;
}

/** How the answer of a node to a SELECT over system.local, peers or peers_v2 is made the gate's. */
export interface Answering {
  readonly table: TopologyTable;
  /** `cells`: some values are exchanged (scrub.ts). `as it is`: nothing is. `rows`: they are made here. */
  readonly by: 'cells' | 'as it is' | 'rows';
  /** What the node gave where it was asked for no row, where something is computed. */
  readonly empty: Rows | null;
  /** What each selector is called in a result that is not JSON. */
  readonly names: readonly string[];
}

const NO_NODES: readonly never[] = [];

class MutableAttempt {
  /** As it is sent: another one than was decoded where its frame had to be changed. */
  request: Request;
  /** Its span, once it has one. */
  span: RequestSpan | null = null;
  /** Set while it is in flight. */
  charge: Charge | null = null;
  /** How large its answer is expected to be, as counted for its role while it is in flight. */
  expectedBytes = 0;
  /** NEVER until it is sent for the first time. */
  deadlineAtMs = NEVER;
  /** LONG_AGO until then. */
  startedAtMs = LONG_AGO;
  /** Set for the turn in which it is forwarded, and spent there. */
  permit: Permit | null = null;
  connection: Connection | null = null;
  /** The connection that a wait for one ended with. */
  offered: Connection | null = null;
  /** The nodes that serve it best; none where one is as good as another. */
  preferred: readonly ClusterNode[] = NO_NODES;
  /** Name of the node that it was sent to last; null where none has seen it. */
  node: string | null = null;
  /** Name of the node that failed it last. */
  avoid: string | null = null;
  /** A node's error made it move on; it does so once. */
  movedOn = false;
  /** A read whose connection was lost was repeated; it is once. */
  repeated = false;
  /** The node where its statements were prepared anew: it goes there again. */
  repreparedAt: ClusterNode | null = null;
  /** Of a SELECT over system.local or peers: how it is answered, once that is known. */
  answering: Answering | null = null;
  /** It asked for a trace, and why it gets none. */
  untraced: string | null = null;
  /** What is sent in the place of its frame: of such a SELECT. */
  instead: Frame | null = null;
  /** The bytes of its frame were handed to a socket: they are never patched again. */
  handedOver = false;
  /** Its frame is a copy that was made to name its keyspace. */
  isReframed = false;
  /** Its end is recorded and counted. */
  isEnded = false;
  /** Its one answer was given, and what it held let go. */
  isDone = false;
  /** Until when it may wait for a connection; NEVER until it waits. */
  waitUntilMs = NEVER;
  /** Null for nearly all. */
  preparations: Preparations | null = null;
  /** What last permitted it, for the record. */
  decided: Permit | null = null;

  constructor(request: Request) {
    this.request = request;
  }

  /** Id of the write-ahead decision record, once it is in the ledger. */
  get recordId(): string | null {
    return this.preparations === null ? null : this.preparations.recordId;
  }

  /** The frame that goes to a node. */
  get sent(): Frame {
    return this.instead ?? this.request.frame;
  }

  /** To write to. */
  prepare(): Preparations {
    return (this.preparations ??= newPreparations());
  }

  isDecided(permit: Permit): void {
    this.decided = permit;
  }

  hasSpan(span: RequestSpan): void {
    this.span = span;
  }

  isInFlight(charge: Charge, expectedBytes: number): void {
    this.charge = charge;
    this.expectedBytes = expectedBytes;
  }

  /** Its frame is another one than was charged before. */
  isCharged(charge: Charge): void {
    this.charge = charge;
  }

  /** `instead` is sent in the place of its frame; null: the frame itself is. */
  answersAs(answering: Answering, instead: Frame | null): void {
    this.answering = answering;
    this.instead = instead;
  }

  prefers(nodes: readonly ClusterNode[]): void {
    this.preferred = nodes;
  }

  /** Until when it may wait for a connection, from its first wait on. */
  waitsFor(nowMs: MonotonicMs, timeLimitMs: number): MonotonicMs {
    if (this.waitUntilMs === NEVER) this.waitUntilMs = later(nowMs, timeLimitMs);
    return this.waitUntilMs;
  }

  isOffered(connection: Connection): void {
    this.offered = connection;
  }

  /** It is sent without the TRACING flag, and its client is told why. */
  goesUntraced(why: string): void {
    this.untraced = why;
    this.sent.clearFlag(FrameFlag.TRACING);
  }

  /**
   * What is sent names the keyspace that it was decided in from here on. The frame in the place of its own was made of
   * that, and says of the keyspace what it says.
   */
  namesKeyspace(): void {
    const { keyspace } = this.request;
    if (typeof keyspace !== 'string') return;
    this.request = this.request.named();
    if (this.instead !== null) this.instead = withKeyspace(this.instead, keyspace);
    this.handedOver = false;
    this.isReframed = true;
  }

  /** The keyspace that it was to be carried out in is gone, and it means the same without one. */
  needsNoKeyspace(statement: Statement): void {
    this.request = this.request.inNoKeyspace(statement);
  }

  leavesBy(connection: Connection, permit: Permit): void {
    this.connection = connection;
    this.permit = permit;
  }

  /** The permit, which is spent with that. */
  spendPermit(): Permit | null {
    const { permit } = this;
    this.permit = null;
    return permit;
  }

  /** It is about to be sent: its time counts from the first time. */
  starts(nowMs: MonotonicMs, timeLimitMs: number): void {
    if (this.deadlineAtMs !== NEVER) return;
    this.startedAtMs = nowMs;
    this.deadlineAtMs = later(nowMs, timeLimitMs);
  }

  isSentTo(node: string): void {
    this.node = node;
    this.handedOver = true;
  }

  hasNoConnection(): void {
    this.connection = null;
  }

  /** A node did nothing of it: another one is asked, once. */
  movesOn(from: string): void {
    this.movedOn = true;
    this.avoid = from;
    this.repreparedAt = null;
    this.connection = null;
  }

  /** Its connection ended before the answer came. */
  isLost(): void {
    this.connection = null;
    this.avoid = this.node;
    this.repreparedAt = null;
  }

  /** It goes elsewhere after that: once where it was sent; where it was not, that node never saw it. */
  repeats(wasSent: boolean): void {
    if (wasSent) this.repeated = true;
    else if (!this.repeated) this.node = null;
  }

  isPreparedAnewAt(node: ClusterNode | null): void {
    this.connection = null;
    this.repreparedAt = node;
  }

  hasEnded(): void {
    this.isEnded = true;
  }

  isAnswered(): void {
    this.isDone = true;
  }
}

export type Attempt = Readonly<MutableAttempt>;

export function newAttempt(request: Request): Attempt {
  return new MutableAttempt(request);
}
