// QUERY, PREPARE and EXECUTE from bytes to a request with its statement. Each handler decodes as little as the decision
// needs; what it returns is carried out by carry-out.ts.
import { isStatement } from '../cql/analyse.ts';
import {
  isRequestEnough,
  wantedByExecute,
  wantedByPrepare,
  wantedByText,
} from '../cql/connection-state.ts';
import type { Statement, Unanalysable } from '../cql/statement.ts';
import type { TextRefusal } from '../refusals.ts';
import { FrameFlag, type Frame } from '../protocol/frame.ts';
import { customPayload } from '../protocol/body-prefix.ts';
import { decodeExecute } from '../protocol/messages/execute.ts';
import { QueryFlag } from '../protocol/messages/parameters.ts';
import { decodePrepare } from '../protocol/messages/prepare.ts';
import { decodeQuery } from '../protocol/messages/query.ts';
import { QueueFault } from '../fair-queue.ts';
import { CQL } from '../limits/cql.ts';
import { TURN } from '../limits/session.ts';
import { turnWork } from '../turn.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { namingBytes } from '../protocol/request-keyspace.ts';
import { hasPrepareFlags, hasResultMetadataId } from '../protocol/versions.ts';
import type { Analysed } from './analyst.ts';
import { afterRoom } from './audit-room.ts';
import { foreignOf } from './deny.ts';
import type { Gate } from './gate.ts';
import { failedRequest } from './internal-fault.ts';
import type { BufferCharge } from './in-flight.ts';
import { close, reply, wait, type Handled, type Reply } from './outcome.ts';
import { replies, type To } from './replies.ts';
import { Request, withoutPayload, type DecodedRequest } from './request.ts';
import type { SessionFacts } from './session-facts.ts';
import { unanalysableEntry } from './statement-records.ts';
import { TRACE_KEYS, traceContextOf, type TraceContext } from './trace-context.ts';

/** A session, as the decoding of its requests uses it. */
export interface DecodingSession extends SessionFacts {
  readonly gate: Gate;
  readonly isLoggedIn: boolean;
  /** The trace that its process stands in; a request's own wins. */
  readonly caller: TraceContext | null;
  /** For a frame that waits for something of ours before it is handled. */
  charge(frame: Frame): BufferCharge;
}

type DecodingHandler = (
  session: DecodingSession,
  frame: Frame,
  analysed: Analysed | null,
) => Handled;

const NONE: readonly never[] = [];

export function handleQuery(
  session: DecodingSession,
  frame: Frame,
  analysed: Analysed | null = null,
): Handled {
  const { query, parameters } = decodeQuery(frame, session.version);
  const statement = statementOf(session, query, parameters.keyspace, analysed);
  if (statement === null) return later(session, frame, handleQuery, [query], parameters.keyspace);
  if (!isStatement(statement)) return refuse(session, frame, query, statement);
  if (statement.kind === 'USE' && parameters.keyspace !== null)
    return useWithKeyspace(session, frame);
  return requestOf(session, {
    opcode: Opcode.QUERY,
    frame,
    statement,
    text: query,
    consistency: parameters.consistency,
    keyspace: wantedByText(statement, session.keyspace, parameters.keyspace),
    namedKeyspace: parameters.keyspace,
    naming: mayName(session, frame, statement, parameters.keyspace),
    prepared: NONE,
    bound: null,
    parts: null,
    skipsMetadata: false,
    caller: session.caller,
  });
}

export function handlePrepare(
  session: DecodingSession,
  frame: Frame,
  analysed: Analysed | null = null,
): Handled {
  const { query, keyspace } = decodePrepare(frame, session.version);
  const statement = statementOf(session, query, keyspace, analysed);
  if (statement === null) return later(session, frame, handlePrepare, [query], keyspace);
  if (!isStatement(statement)) return refuse(session, frame, query, statement);
  if (statement.kind === 'USE' && keyspace !== null) return useWithKeyspace(session, frame);
  return requestOf(session, {
    opcode: Opcode.PREPARE,
    frame,
    statement,
    text: query,
    consistency: 0,
    keyspace: wantedByPrepare(statement, session.keyspace, keyspace),
    namedKeyspace: keyspace,
    naming: hasPrepareFlags(session.version) && mayName(session, frame, statement, keyspace),
    prepared: NONE,
    bound: null,
    parts: null,
    skipsMetadata: false,
    caller: session.caller,
  });
}

export function handleExecute(session: DecodingSession, frame: Frame): Handled {
  const { idStart, idEnd, parameters } = decodeExecute(frame, session.version);
  const registry = session.gate.cluster.prepared;
  const prepared = registry.find(frame.buffer, idStart, idEnd);
  if (prepared === null) return unknownId(session, frame, idStart, idEnd);
  if (prepared.statement.kind === 'USE' && parameters.keyspace !== null) {
    if (foreignOf(session, registry, [prepared]) !== undefined) {
      return unknownId(session, frame, idStart, idEnd);
    }
    return useWithKeyspace(session, frame);
  }
  const skipsMetadata =
    prepared.returnsRows &&
    (parameters.flags & QueryFlag.SKIP_METADATA) !== 0 &&
    !hasResultMetadataId(session.version);
  if (skipsMetadata && !registry.wasGiven(prepared, session)) {
    return unknownId(session, frame, idStart, idEnd);
  }
  return requestOf(session, {
    opcode: Opcode.EXECUTE,
    frame,
    statement: prepared.statement,
    text: prepared.text,
    consistency: parameters.consistency,
    keyspace: wantedByExecute(prepared.statement, prepared.keyspace),
    namedKeyspace: null,
    naming: false,
    prepared: [prepared],
    bound: parameters,
    parts: null,
    skipsMetadata,
    caller: session.caller,
  });
}

/** The request, whose custom payload ends here: DSE's ProxyExecute would change the user. */
export function requestOf(session: DecodingSession, decoded: DecodedRequest): Request {
  const { frame } = decoded;
  if ((frame.flags & FrameFlag.CUSTOM_PAYLOAD) === 0) return new Request(decoded);
  const caller = traceContextOf(customPayload(frame, TRACE_KEYS)) ?? session.caller;
  return new Request({ ...withoutPayload(decoded), caller });
}

/**
 * Whether the frame names the keyspace that its statement is carried out in, where that is enough, or can be made to.
 * One that just fits would then be too large for a node.
 */
export function mayName(
  session: DecodingSession,
  frame: Frame,
  statement: Pick<Statement, 'kind' | 'usesKeyspace'>,
  named: string | null,
): boolean {
  const wanted = wantedByText(statement, session.keyspace, named);
  if (wanted === null || !isRequestEnough(statement, wanted)) return false;
  if (named !== null) return true;
  return frame.byteLength + namingBytes(wanted as string) <= session.gate.limits.maxFrameBytes;
}

function isLong(text: string): boolean {
  return text.length > CQL.cachedTextLength;
}

/**
 * Analysed once for a text and keyspace; the request's keyspace wins over the session's. null for a
 * long text that was not analysed yet.
 */
export function statementOf(
  session: DecodingSession,
  text: string,
  keyspace: string | null,
  known: Analysed | null,
): Statement | Unanalysable | null {
  const { limits, statements } = session.gate;
  if (text.length > limits.statementBytes) {
    return {
      reason: `the text is longer than the ${limits.statementBytes} bytes allowed here; bind values instead of writing them out`,
      rule: 'too_costly',
      position: limits.statementBytes,
      lexes: false,
    };
  }
  if (isLong(text)) return known?.get(text) ?? null;
  const before = statements.analysedCharacters;
  const found = statements.get(text, keyspace ?? session.keyspace);
  const analysed = statements.analysedCharacters - before;
  if (analysed > 0) turnWork.add(TURN.text + analysed / TURN.charactersPerUnit);
  return found;
}

/** Has long texts analysed in a thread of their own, and handles the request again with the result. */
export function later(
  session: DecodingSession,
  frame: Frame,
  handler: DecodingHandler,
  texts: readonly string[],
  keyspace: string | null,
): Handled {
  const fit = texts.filter((text) => text.length <= session.gate.limits.statementBytes);
  const charge = session.charge(frame);
  const handle = (analysed: Analysed): Handled => {
    try {
      return session.isClosed ? close(null, 'client gone') : handler(session, frame, analysed);
    } catch (error) {
      return failedRequest(session, frame, error);
    }
  };
  const refuse = (error: unknown): Reply => {
    if (!(error instanceof QueueFault)) throw error;
    const text = `long texts are analysed one after the other: ${error.message}. Nothing was executed`;
    return reply(replies.overloaded(to(session, frame), text));
  };
  const outcome = session.gate.analyst
    .analyse(fit, keyspace ?? session.keyspace, session.turn)
    .then((analysed): Handled => ({ type: 'continue', handle: () => handle(analysed) }), refuse)
    .finally(() => charge.release());
  return wait(outcome, true);
}

/**
 * A USE under a keyspace of the request is answered by Cassandra like any other, but does not stick:
 * the connection would stay in another keyspace than everybody believes.
 */
function useWithKeyspace(session: DecodingSession, frame: Frame): Handled {
  return reply(
    replies.invalid(
      to(session, frame),
      'USE can not be sent with a keyspace of the request; send it alone',
    ),
  );
}

export function unknownId(
  session: DecodingSession,
  frame: Frame,
  start: number,
  end: number,
): Handled {
  return unprepared(session, frame, frame.buffer.subarray(start, end));
}

/** A session that is over is told so, whether anybody ever prepared the id or not. */
export function unprepared(session: DecodingSession, frame: Frame, id: Buffer): Handled {
  const authority = session.authority();
  if (typeof authority === 'string') {
    return close(replies.unauthorized(to(session, frame), authority), authority);
  }
  turnWork.add(TURN.unprepared);
  session.gate.metrics.counter('unprepared_total').value++;
  return reply(replies.unprepared(to(session, frame), id));
}

/** A text that nothing can be decided on. */
export function refuse(
  session: DecodingSession,
  frame: Frame,
  text: string,
  why: Unanalysable,
): Handled {
  const target = to(session, frame);
  const caller = traceContextOf(customPayload(frame, TRACE_KEYS)) ?? session.caller;
  const refused = afterRoom(session, session.gate, target, () => {
    recordUnanalysable(session, text, why, caller);
    return reply(REFUSED[why.rule](target, why, text));
  });
  if (refused.type !== 'wait') return refused;
  // Its text is kept while it waits.
  const charge = session.charge(frame);
  return { ...refused, outcome: refused.outcome.finally(() => charge.release()) };
}

function recordUnanalysable(
  session: DecodingSession,
  text: string,
  why: Unanalysable,
  caller: TraceContext | null,
): void {
  turnWork.add(TURN.refusal);
  const { metrics, telemetry, refusals } = session.gate;
  metrics.counter('denied_total', why.rule, 'unknown').value++;
  telemetry?.refused(session, caller, why.rule);
  refusals.refused(session.who(), () => unanalysableEntry(session, text, why, caller));
}

type Refused = (target: To, why: Unanalysable, text: string) => Buffer;

const invalid: Refused = (target, { reason }) => replies.invalid(target, reason);

const REFUSED: Readonly<Record<TextRefusal, Refused>> = {
  // Tools show the place, or read it out of the text, as Cassandra begins it.
  syntax: (target, { reason, position }, text) =>
    replies.syntaxError(target, `${placeIn(text, position)} ${reason}`),
  no_keyspace: invalid,
  too_costly: invalid,
  not_understood: (target, { reason }) =>
    replies.unauthorized(
      target,
      `cqlgate does not let through what it does not understand: ${reason}`,
    ),
};

/** `line 2:7`: lines count from 1, and columns from 0, as in Cassandra. */
function placeIn(text: string, position: number): string {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', start)) {
    line++;
    start = at + 1;
  }
  return `line ${line}:${position - start}`;
}

export function to(session: DecodingSession, frame: Frame): To {
  return { version: session.version, streamId: frame.streamId };
}
