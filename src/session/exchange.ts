// One client request on its way: from the decision to the one answer it gets. It holds what the
// answer needs (stream id, statement, the frame for a repeat) and nothing else.
import { createHash } from 'node:crypto';
import { LONG_AGO, msSince, NEVER } from '../clock.ts';
import { ProtocolFault } from '../errors.ts';
import { CqlErrorCode, errorName, errorSays } from '../protocol/error-codes.ts';
import { TURN } from '../limits/session.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import { preparedIn, type WantedKeyspace } from '../cql/connection-state.ts';
import type { Statement } from '../cql/statement.ts';
import type { Permit } from '../policy/decide.ts';
import type { Frame } from '../protocol/frame.ts';
import { withWarning } from '../protocol/body-prefix.ts';
import { errorCodeOf } from '../protocol/messages/error.ts';
import {
  decodePrepared,
  decodeSchemaChange,
  decodeSetKeyspace,
  resultKind,
  ResultKind,
  setsKeyspace,
} from '../protocol/messages/result.ts';
import { Opcode, opcodeName } from '../protocol/opcodes.ts';
import { withKeyspace } from '../protocol/request-keyspace.ts';
import { turnWork } from '../turn.ts';
import type { Connection } from '../upstream/connection.ts';
import type { UpstreamFault } from '../upstream/faults.ts';
import type { ClientRequest } from '../upstream/in-flight-request.ts';
import type { ClusterNode } from '../upstream/node.ts';
import type { PreparedStatement } from '../upstream/prepared.ts';
import type { ConnectionCriteria } from '../upstream/connection-criteria.ts';
import type { BoundValues } from '../upstream/routing-key.ts';
import type { BufferCharge } from './in-flight.ts';
import { answerTopology, type Answering } from './answer-topology.ts';
import { carryOut } from './carry-out.ts';
import {
  close,
  reply,
  wait,
  type Forward,
  type GoOn,
  type Later,
  type Outcome,
} from './outcome.ts';
import { recordGivenUp, recordOutcome } from './recording.ts';
import { Preparations } from './preparations.ts';
import { INTERNAL, replies, replyToFault } from './replies.ts';
import { reprepare } from './reprepare.ts';
import { reportFault, type FaultPlace } from './internal-fault.ts';
import { holdLane, settleSchemaChange, withAgreement } from './schema-change.ts';
import { looksIntoRows, scrubbed } from './scrub.ts';
import type { Session } from './session.ts';
import type { RequestSpan } from './telemetry.ts';
import type { TraceContext } from './trace-context.ts';

/** A child of a BATCH message, for records. */
export interface BatchPart {
  readonly statement: Statement;
  readonly text: string;
  readonly preparedId: Buffer | null;
}

export interface BatchParts {
  readonly type: string;
  readonly statements: readonly BatchPart[];
  /** Where the flags of the message lie, counted back from the end of its frame. */
  readonly flagsFromEnd: number;
}

export interface Request {
  readonly opcode: number;
  readonly frame: Frame;
  readonly statement: Statement;
  /** The text it stands for, as it was sent or prepared; null for a BATCH message. */
  readonly text: string | null;
  readonly consistency: number;
  /** The state that it is carried out in, or null where that makes no difference. */
  readonly keyspace: WantedKeyspace;
  /** The keyspace that the frame itself names, or null. */
  readonly namedKeyspace: string | null;
  /** Naming it there is enough, and can be done: no connection in that keyspace is needed. */
  readonly naming: boolean;
  /** The registered statements it executes: one of EXECUTE, the prepared children of a BATCH. */
  readonly prepared: readonly PreparedStatement[];
  /** What is bound to the first of them; null where there is none. */
  readonly bound: BoundValues | null;
  /** The children of a BATCH message; null for all else. */
  readonly parts: BatchParts | null;
  /** v4 EXECUTE that leaves the result metadata out: rows are read by what PREPARE gave. */
  readonly skipsMetadata: boolean;
}

const NOWHERE: readonly never[] = [];

/** The limit that says how long a statement of each family may take. */
const TIME_LIMITS = {
  read: 'readTimeoutMs',
  describe: 'readTimeoutMs',
  session: 'readTimeoutMs',
  write: 'writeTimeoutMs',
  role: 'writeTimeoutMs',
  schema: 'schemaTimeoutMs',
} as const;

export class Exchange implements ClientRequest, ConnectionCriteria {
  readonly session: Session;
  request: Request;
  readonly clientStreamId: number;
  /** The trace that the client's custom payload named. */
  readonly caller: TraceContext | null;
  /** Its span, while it has one and is not ended. */
  span: RequestSpan | null = null;
  readonly isUse: boolean;
  /** Its session reads system tables from, and changes the schema through, one node. */
  readonly isPinned: boolean;
  /** Set while it is in flight. */
  charge: BufferCharge | null = null;
  /** How large its answer is expected to be, as counted for its role while it is in flight. */
  expectedBytes = 0;
  /** NEVER until it is sent for the first time, and `startedAtMs` LONG_AGO. */
  deadlineAtMs = NEVER;
  startedAtMs = LONG_AGO;
  /** Set for the turn in which it is forwarded, and spent there. */
  permit: Permit | null = null;
  connection: Connection | null = null;
  /** The connection that a wait for one ended with. */
  offered: Connection | null = null;
  /** The nodes that serve it best, as `carryOut` found; the rest of `ConnectionCriteria` is below. */
  preferred: readonly ClusterNode[] = NOWHERE;
  /** Name of the node that it was sent to last. */
  node: string | null = null;
  /** Name of the node that failed it last. */
  avoid: string | null = null;
  /** A node's error made it move on; it does so once. */
  movedOn = false;
  /** A read whose connection was lost was repeated; it is once. */
  repeated = false;
  /** Where its statements were prepared anew: it goes there again. */
  repreparedAt: ClusterNode | null = null;
  /** Of a SELECT over system.local or peers: how it is answered, once that is known. */
  answering: Answering | null = null;
  /** It asked for a trace, and why it gets none. */
  untraced: string | null = null;
  /** What is sent in the place of its frame: of such a SELECT. */
  instead: Frame | null = null;
  /** The bytes of `frame` were handed to a socket: they are never patched again. */
  handedOver = false;
  /** Its frame is a copy, made to name its keyspace. */
  isReframed = false;
  /** What became of it is recorded, and the room that was kept for that given back. */
  isEnded = false;
  /** Its one answer was given, and what it held let go. */
  isDone = false;
  /** Until when it may wait for a connection; NEVER until it waits. */
  waitUntilMs = NEVER;
  /** Null for nearly all. */
  preparations: Preparations | null = null;
  /** What last permitted it, for the record. */
  decided: Permit | null = null;

  readonly forward: Forward = { type: 'forward', exchange: this };

  constructor(session: Session, request: Request, caller: TraceContext | null = null) {
    this.caller = caller;
    this.session = session;
    this.request = request;
    this.clientStreamId = request.frame.streamId;
    this.isUse = request.statement.kind === 'USE' && request.opcode !== Opcode.PREPARE;
    this.isPinned = !this.isUse && staysAtOneNode(request.statement);
  }

  get to(): { version: number; streamId: number } {
    return { version: this.session.version, streamId: this.clientStreamId };
  }

  /** Where nothing of its rows is looked at: not for scrubbing, nor to be counted in a record. */
  get takesParts(): boolean {
    const { opcode, statement } = this.request;
    const isRows = statement.family === 'read' || statement.family === 'write';
    if (!isRows || opcode === Opcode.PREPARE || this.untraced !== null) return false;
    return this.session.gate.dml !== 'all' && !looksIntoRows(statement);
  }

  /** To write to. */
  prepare(): Preparations {
    return (this.preparations ??= new Preparations());
  }

  /** Id of the write-ahead decision record, once it is on disk. */
  get recordId(): string | null {
    return this.preparations === null ? null : this.preparations.recordId;
  }

  /** What a wait ends with: made only then, since most requests wait for nothing. */
  get goOn(): GoOn {
    return { type: 'go on', carryOn: () => this.again() };
  }

  get statement(): Statement {
    return this.request.statement;
  }

  /** The frame that goes to a node. */
  get sent(): Frame {
    return this.instead ?? this.request.frame;
  }

  get policyVersion(): string {
    return this.session.gate.policy.version;
  }

  get consistency(): number {
    return this.request.consistency;
  }

  get keyspace(): WantedKeyspace {
    return this.request.keyspace;
  }

  get naming(): boolean {
    return this.request.naming;
  }

  get namesKeyspace(): boolean {
    return this.request.naming && this.request.namedKeyspace !== null;
  }

  get givesWay(): boolean {
    return (
      this.session.hasMuchInFlight || this.request.frame.byteLength > UPSTREAM.largeRequestBytes
    );
  }

  /** Paxos rounds of one row at several coordinators get in each other's way. */
  get inOrder(): boolean {
    return this.request.statement.lwt;
  }

  get only(): boolean {
    return this.isPinned || this.repreparedAt !== null;
  }

  get isMutation(): boolean {
    const { family } = this.request.statement;
    return (
      this.request.opcode !== Opcode.PREPARE &&
      (family === 'write' || family === 'schema' || family === 'role')
    );
  }

  /** How long it may take, and wait for a connection before. */
  get timeLimitMs(): number {
    return this.session.gate.limits[TIME_LIMITS[this.request.statement.family]];
  }

  /**
   * What is sent names the keyspace that it was decided in from here on: a copy, which means the same. Its frame does,
   * and so does the one in its place: that was made of the frame, and says of the keyspace what the frame says.
   */
  nameKeyspace(): void {
    const { frame, keyspace, bound, parts } = this.request;
    if (typeof keyspace !== 'string') return;
    turnWork.add(frame.byteLength / TURN.bytesPerUnit);
    const named = withKeyspace(frame, keyspace, parts?.flagsFromEnd);
    if (this.instead !== null) this.instead = withKeyspace(this.instead, keyspace);
    const moved = frame.bodyStart - named.bodyStart;
    this.request = {
      ...this.request,
      frame: named,
      namedKeyspace: keyspace,
      bound: bound === null ? null : { ...bound, valuesStart: bound.valuesStart - moved },
    };
    this.handedOver = false;
    this.isReframed = true;
    this.session.reframed(this);
  }

  /**
   * Hands the frame to its connection with the permit made this turn. False: nothing has left. Throws where the
   * permit is not for that, and nothing has left then either.
   */
  send(): boolean {
    const { permit, connection } = this;
    this.permit = null;
    if (permit === null || connection === null) return false;
    const isSent = this.handedOver
      ? connection.repeat(permit, this, this.sent)
      : connection.forward(permit, this, this.sent);
    if (!isSent && this.isUse) connection.keyspaceState.useNotSent();
    if (!isSent) return false;
    this.node = connection.node;
    this.handedOver = true;
    return true;
  }

  /** What a permit for something else ends it with: an error of ours, and nothing was sent. */
  notPermitted(error: unknown): Outcome {
    if (this.isUse) this.connection?.keyspaceState.useNotSent();
    this.connection = null;
    return this.fail(error, 'permit');
  }

  answered(answer: Frame, connection: Connection): void {
    if (this.isUse) connection.keyspaceState.useAnswered(answer);
    const failed = answer.opcode === Opcode.ERROR;
    if (failed && !this.session.isClosed) {
      const next = this.#goesOn(errorCodeOf(answer), connection);
      if (next !== null) {
        this.session.settle(this, next);
        return;
      }
    }
    let response = scrubbed(this, answer);
    if (this.request.skipsMetadata && !failed && !this.#mayDecode()) {
      // The columns changed under way: rows that would be read by older metadata are not given out.
      recordOutcome(this, response);
      this.session.settle(this, reply(replies.unprepared(this.to, this.request.prepared[0]!.id)));
      return;
    }
    if (this.untraced !== null) response = withWarning(response, this.untraced);
    if (this.answering !== null) {
      const made = answerTopology(this, this.answering, response);
      if (made instanceof Promise) {
        this.session.settle(this, wait(made, this));
        return;
      }
      response = made;
    }
    if (failed) holdLane(this, errorCodeOf(response));
    const inspect = this.#inspect(response, connection);
    if (inspect !== null) {
      this.session.settle(this, wait(inspect, this));
      return;
    }
    recordOutcome(this, response);
    this.#deliver(response);
  }

  timedOut(): void {
    if (this.isUse) this.connection?.keyspaceState.useUnanswered();
    holdLane(this, null);
    recordOutcome(this, 'timeout');
    const seconds = Math.round(msSince(this.startedAtMs) / 1000);
    const text = `Cassandra did not answer within ${seconds} s; `;
    this.session.settle(
      this,
      reply(
        this.isMutation
          ? this.#writeTimeout(`${text}whether the change was made is not known.`)
          : replies.readTimeout(this.to, this.consistency, `${text}try again.`),
      ),
    );
  }

  lost(sent: boolean, cause: UpstreamFault): void {
    this.connection = null;
    this.avoid = this.node;
    this.repreparedAt = null;
    if (!sent || (!this.isMutation && !this.repeated)) {
      // It never left, or it is a read: elsewhere, decided anew.
      this.repeated ||= sent;
      this.#countRepeat(sent ? 'lost_read' : 'unsent');
      this.session.settle(this, this.again());
      return;
    }
    holdLane(this, null);
    recordOutcome(this, 'unknown');
    this.session.settle(
      this,
      reply(
        this.isMutation
          ? this.#writeTimeout(
              'the connection to Cassandra ended; whether the change was made is not known.',
            )
          : replyToFault(this, cause),
      ),
    );
  }

  tooLarge(bytes: number, connection: Connection): void {
    if (this.isUse) connection.keyspaceState.useUnreadable();
    holdLane(this, null);
    recordOutcome(this, 'unknown');
    const text = `the answer has ${bytes} bytes, for which cqlgate has no room now; read it in smaller pages`;
    const answer = this.isMutation ? this.#writeTimeout(text) : replies.overloaded(this.to, text);
    this.session.settle(this, reply(answer));
  }

  /** Its client gets SERVER_ERROR; nobody else notices. */
  failed(error: unknown): void {
    const outcome = this.fail(error);
    if (this.isDone) return;
    try {
      this.session.settle(this, outcome);
    } catch (fault) {
      reportFault(this.session.gate, 'answer', fault, this.#context());
    }
  }

  /** What an error of ours ends it with. Never throws. */
  fail(error: unknown, place: FaultPlace = 'answer'): Outcome {
    reportFault(this.session.gate, place, error, this.#context());
    if (!this.isDone) {
      try {
        // Once it was sent, nobody knows what came of it.
        if (this.node === null) recordGivenUp(this);
        else {
          holdLane(this, null);
          recordOutcome(this, 'unknown');
        }
      } catch (fault) {
        reportFault(this.session.gate, 'answer', fault, this.#context());
      }
    }
    const isUnknown = this.isMutation && this.node !== null;
    return reply(
      replies.serverError(
        this.to,
        isUnknown ? `${INTERNAL}; whether the change was made is not known` : INTERNAL,
      ),
    );
  }

  /** Carries the request out again, from the decision on. Never throws. */
  again(): Outcome {
    try {
      if (!this.session.isClosed) return carryOut(this);
      recordGivenUp(this);
      return close(null, 'client gone');
    } catch (error) {
      return this.fail(error);
    }
  }

  /** For the log: which request it was, and nothing that its client put into it. */
  #context() {
    const { session, request, node } = this;
    return {
      session: session.id,
      opcode: opcodeName(request.opcode),
      kind: request.statement.kind,
      node,
    };
  }

  /** What follows an error that its client need not see; null: it is the answer. */
  #goesOn(code: number, connection: Connection): Outcome | null {
    if (code === CqlErrorCode.UNPREPARED) {
      const isAgain = this.repreparedAt?.name === connection.node;
      if (this.request.prepared.length === 0 || isAgain) return null;
      return wait(reprepare(this, connection), this);
    }
    if (!this.#mayMoveOn(code) || !this.session.route().hasOther(connection.node)) return null;
    this.moveOn(connection.node, errorName(code)?.toLowerCase() ?? '');
    return this.again();
  }

  /** A node did nothing of it: another is asked, once. */
  moveOn(from: string, reason: string): void {
    this.movedOn = true;
    this.#countRepeat(reason);
    this.avoid = from;
    this.repreparedAt = null;
    this.connection = null;
  }

  /**
   * Only where the node has done nothing of it for sure. A BATCH may be refused halfway, a change of
   * roles is several writes, and an LWT may have been proposed.
   */
  #mayMoveOn(code: number): boolean {
    if (this.movedOn || !errorSays(code, 'nothingDone')) return false;
    const { kind, family, lwt } = this.request.statement;
    if (kind === 'BATCH' || family === 'schema' || family === 'role') return false;
    return !(lwt && errorSays(code, 'unlessLwt'));
  }

  #countRepeat(reason: string): void {
    this.session.gate.metrics.counter('requests_repeated_total', reason).value++;
  }

  #mayDecode(): boolean {
    return this.session.gate.cluster.prepared.wasGiven(this.request.prepared[0]!, this.session);
  }

  #writeTimeout(message: string): Buffer {
    const { kind, lwt } = this.request.statement;
    const writeType = lwt ? 'CAS' : kind === 'BATCH' ? 'BATCH' : 'SIMPLE';
    return replies.writeTimeout(this.to, this.consistency, writeType, message);
  }

  #deliver(response: Frame): void {
    response.setStreamId(this.clientStreamId);
    if (this.recordId === null) this.session.deliver(this, response);
    else this.session.settle(this, reply(Buffer.from(response.bytes())));
  }

  /**
   * What the gate learns from an answer before the client reads it. Null where there is nothing to
   * wait for; plain rows are not looked into at all.
   */
  #inspect(response: Frame, connection: Connection): Promise<Later> | null {
    if (response.opcode !== Opcode.RESULT) return null;
    if (setsKeyspace(response)) this.#enterKeyspace(response, connection);
    const { family } = this.request.statement;
    if (this.request.opcode === Opcode.PREPARE) {
      return resultKind(response) === ResultKind.PREPARED
        ? this.#learn(response, connection)
        : null;
    }
    if (family === 'read' || family === 'write') return null;
    if (resultKind(response) !== ResultKind.SCHEMA_CHANGE) return null;
    return this.#settleSchemaChange(response);
  }

  /** Only a USE moves a connection; one that was moved by anything else must not be used by anybody. */
  #enterKeyspace(response: Frame, connection: Connection): void {
    if (!this.isUse) {
      connection.keyspaceState.movedWithoutUse();
      throw new ProtocolFault(`a ${this.request.statement.kind} was answered as a USE`);
    }
    this.session.keyspace = decodeSetKeyspace(response);
  }

  #learn(response: Frame, connection: Connection): Promise<Later> | null {
    const { statement, text, namedKeyspace } = this.request;
    const keyspace = preparedIn(statement, connection.keyspace, namedKeyspace);
    const { gate, version, id } = this.session;
    const prepared = decodePrepared(response, version);
    if (keyspace !== null && statement.usesKeyspace && isOfText(prepared.id, text ?? '')) {
      recordOutcome(this, response);
      return Promise.resolve(reply(replies.invalid(this.to, SHARED_ID)));
    }
    const source = { text: text ?? '', keyspace, statement };
    if (gate.cluster.prepared.learn(prepared, version, source, this.session)) return null;
    gate.metrics.counter('prepared_conflicts_total').value++;
    const what = { session: id, prepared_id: prepared.id.toString('hex'), node: connection.node };
    gate.log.error(
      what,
      'a node gave the id of one prepared statement to another; both were dropped',
    );
    return null;
  }

  async #settleSchemaChange(response: Frame): Promise<Later> {
    const change = decodeSchemaChange(response);
    const agreement = await settleSchemaChange(this, change);
    recordOutcome(this, response, { change, agreement });
    const told = withAgreement(response, agreement);
    told.setStreamId(this.clientStreamId);
    return reply(Buffer.from(told.bytes()));
  }
}

/**
 * A hash of the text alone. So nodes make ids while one of the cluster is older than 4.0.2 or has not told its
 * version: the same text in another keyspace gets the same, and whoever prepares last says what it means.
 */
function isOfText(id: Buffer, text: string): boolean {
  return createHash('md5').update(text).digest().equals(id);
}

const SHARED_ID =
  'the node would give this statement the same id in every keyspace, as it does while a node of the cluster is older than 4.0.2 or has not told its version; write each table with its keyspace';

function staysAtOneNode({ family, tables }: Statement): boolean {
  if (family !== 'read' && family !== 'write') return true;
  return tables[0] !== undefined && isPinnedKeyspace(tables[0].keyspace);
}

/** Tables of each node's own, or of the schema as it sees it. */
function isPinnedKeyspace(keyspace: string): boolean {
  return PINNED.has(keyspace);
}

const PINNED: ReadonlySet<string> = new Set([
  'system',
  'system_schema',
  'system_views',
  'system_virtual_schema',
]);
