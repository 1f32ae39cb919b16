// BATCH from bytes to a request: its children are read, looked up and made distinct, since each that differs is
// decided on. One of very many children is read over several turns of the event loop, and decided whole when the
// last was read: its session waits meanwhile, so that the order of its requests is kept.
import { DistinctChildren, isStatement } from '../cql/analyse.ts';
import { wantedByText, type WantedKeyspace } from '../cql/connection-state.ts';
import { allowedUs } from '../cql/cost.ts';
import type { Unanalysable } from '../cql/statement.ts';
import { CQL } from '../limits/cql.ts';
import { TURN } from '../limits/session.ts';
import type { Frame } from '../protocol/frame.ts';
import {
  BatchDecoder,
  batchText,
  type BatchChild,
  type BatchRequest,
} from '../protocol/messages/batch.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { laterTurn, turnWork } from '../turn.ts';
import type { PreparedStatement } from '../upstream/prepared.ts';
import type { BoundValues } from '../upstream/routing-key.ts';
import type { Analysed } from './analyst.ts';
import { foreignOf } from './deny.ts';
import {
  later,
  mayName,
  refuse,
  requestOf,
  statementOf,
  to,
  unknownId,
  unprepared,
  type DecodingSession,
} from './handle-request.ts';
import { failedRequest } from './internal-fault.ts';
import { close, reply, wait, type Handled } from './outcome.ts';
import { replies } from './replies.ts';
import type { BatchPart } from './request.ts';

export function handleBatch(
  session: DecodingSession,
  frame: Frame,
  analysed: Analysed | null = null,
): Handled {
  return read(session, frame, new BatchReading(session, frame, analysed));
}

function read(session: DecodingSession, frame: Frame, reading: BatchReading): Handled {
  return reading.goOn() ?? wait(inLaterTurn(session, frame, reading), true);
}

async function inLaterTurn(
  session: DecodingSession,
  frame: Frame,
  reading: BatchReading,
): Promise<Handled> {
  const charge = session.charge(frame);
  try {
    await laterTurn(TURN.workPerSession);
  } finally {
    charge.release();
  }
  const handle = (): Handled => {
    if (session.isClosed) return close(null, 'client gone');
    try {
      return read(session, frame, reading);
    } catch (error) {
      return failedRequest(session, frame, error);
    }
  };
  return { type: 'continue', handle };
}

/** Each child may be let through alone, and all of them be too much for one thread of a node. */
const TOO_COSTLY: Unanalysable = {
  reason:
    'this would cost a node too much: the statements of the BATCH together take its parser too long; ' +
    'split the BATCH, or prepare its statements',
  rule: 'too_costly',
  position: 0,
  lexes: true,
};

function isSameText({ buffer }: Frame, one: BatchChild, other: BatchChild): boolean {
  if (one.end - one.start !== other.end - other.start) return false;
  return buffer.compare(buffer, other.start, other.end, one.start, one.end) === 0;
}

class BatchReading {
  readonly #session: DecodingSession;
  readonly #frame: Frame;
  readonly #decoder: BatchDecoder;
  /** What a thread of its own found of the long texts among the children. */
  readonly #analysed: Analysed | null;
  #batch: BatchRequest | null = null;
  #next = 0;
  readonly #parts: BatchPart[] = [];
  readonly #children = new DistinctChildren();
  readonly #prepared = new Set<PreparedStatement>();
  #lastPrepared: PreparedStatement | null = null;
  /** Many children are the same as the one before: they need no object and no look-up of their own. */
  #lastPart: BatchPart | null = null;
  #lastText: BatchChild | null = null;
  /** Texts that are to be analysed elsewhere before any is decided on. */
  readonly #longTexts: string[] = [];
  #characters = 0;
  #costUs = 0;
  #bound: BoundValues | null = null;
  /** In which keyspace its connection must be; that of the first child whose meaning depends on it. */
  #keyspace: WantedKeyspace = null;

  constructor(session: DecodingSession, frame: Frame, analysed: Analysed | null) {
    this.#session = session;
    this.#frame = frame;
    this.#decoder = new BatchDecoder(frame, session.version);
    this.#analysed = analysed;
  }

  /** Reads some children further: null while there are more of them, else what comes of the request. */
  goOn(): Handled | null {
    const { batchStatements } = this.#session.gate.limits;
    if (this.#decoder.size > batchStatements) {
      return this.#invalid(`a BATCH may hold ${batchStatements} statements here; split it`);
    }
    if (this.#batch === null) {
      this.#batch = this.#decoder.walk(TURN.childrenAtOnce);
      if (this.#batch === null) {
        turnWork.add(TURN.childrenAtOnce * TURN.child);
        return null;
      }
    }
    const { children } = this.#batch;
    const before = turnWork.done;
    const last = this.#next + TURN.childrenAtOnce;
    for (; this.#next < children.length; this.#next++) {
      if (this.#next === last || turnWork.done - before >= TURN.workPerSession) return null;
      turnWork.add(TURN.child);
      const outcome = this.#read(children[this.#next]!, this.#batch);
      if (outcome !== null) return outcome;
    }
    return this.#whole(this.#batch);
  }

  #read(child: BatchChild, { keyspace }: BatchRequest): Handled | null {
    const frame = this.#frame;
    const session = this.#session;
    if (!child.isText) {
      const known = session.gate.cluster.prepared.find(frame.buffer, child.start, child.end);
      if (known === null) {
        return this.#refused(() => unknownId(session, frame, child.start, child.end));
      }
      this.#lastText = null;
      if (known === this.#lastPrepared) {
        this.#again();
        return null;
      }
      this.#prepared.add(known);
      this.#lastPrepared = known;
      this.#bound ??= { ...child, flags: 0 };
      this.#add({ statement: known.statement, text: known.text, preparedId: known.id });
      return null;
    }
    if (this.#lastText !== null && isSameText(frame, child, this.#lastText)) {
      return this.#countText(this.#again());
    }
    turnWork.add(TURN.childText);
    const text = batchText(frame, child);
    const statement = statementOf(session, text, keyspace, this.#analysed);
    if (statement === null) {
      this.#longTexts.push(text);
      return null;
    }
    if (!isStatement(statement))
      return this.#refused(() => refuse(session, frame, text, statement));
    // A prepared child was resolved when it was prepared.
    if (statement.usesKeyspace) {
      this.#keyspace ??= wantedByText(statement, session.keyspace, keyspace);
    }
    this.#lastText = child;
    this.#lastPrepared = null;
    return this.#countText(this.#add({ statement, text, preparedId: null }));
  }

  /** What the texts cost a node's parser, together. */
  #countText({ statement, text }: BatchPart): Handled | null {
    this.#characters += text.length;
    this.#costUs += statement.costUs;
    if (this.#costUs <= allowedUs(this.#characters)) return null;
    return this.#refused(() => refuse(this.#session, this.#frame, text, TOO_COSTLY));
  }

  #add(part: BatchPart): BatchPart {
    this.#lastPart = part;
    this.#parts.push(part);
    this.#children.add(part.statement);
    return part;
  }

  /** One more of the same. */
  #again(): BatchPart {
    const part = this.#lastPart!;
    this.#parts.push(part);
    return part;
  }

  #whole({ type, consistency, keyspace, flagsFromEnd }: BatchRequest): Handled {
    const session = this.#session;
    const frame = this.#frame;
    if (this.#longTexts.length > 0) {
      const texts = [...new Set(this.#longTexts)];
      return this.#refused(() => later(session, frame, handleBatch, texts, keyspace));
    }
    if (this.#children.size > CQL.namesPerText) {
      return this.#invalid(
        `a BATCH may hold ${CQL.namesPerText} statements here that differ in more than their values; split it`,
      );
    }
    const whole = this.#children.batch();
    // Cassandra takes only these; a SELECT or USE in a BATCH would be decided as what it is not.
    if (whole.children.some((child) => child.family !== 'write' || child.kind === 'BATCH')) {
      const text = 'only INSERT, UPDATE and DELETE are allowed in a BATCH';
      return this.#refused(() => this.#invalid(text));
    }
    return requestOf(session, {
      opcode: Opcode.BATCH,
      frame,
      statement: whole,
      text: null,
      consistency,
      keyspace: this.#keyspace,
      namedKeyspace: keyspace,
      naming: this.#keyspace !== null && mayName(session, frame, whole, keyspace),
      prepared: [...this.#prepared],
      bound: this.#bound,
      parts: { type, statements: this.#parts, flagsFromEnd },
      skipsMetadata: false,
      caller: session.caller,
    });
  }

  /** An id before that is not this client's to know is answered first, as an unknown one would be. */
  #refused(answer: () => Handled): Handled {
    const registry = this.#session.gate.cluster.prepared;
    const foreign = foreignOf(this.#session, registry, [...this.#prepared]);
    return foreign === undefined ? answer() : unprepared(this.#session, this.#frame, foreign.id);
  }

  #invalid(text: string): Handled {
    return reply(replies.invalid(to(this.#session, this.#frame), text));
  }
}
