// What it means for a request that its answer came, that none came in time, that its connection ended, that its answer
// has no room, or that the gate itself failed: each a function from the event to the outcome.
import { msSince } from '../clock.ts';
import { ProtocolFault } from '../errors.ts';
import { CqlErrorCode, errorName, errorSays } from '../protocol/error-codes.ts';
import { withWarning } from '../protocol/body-prefix.ts';
import type { Frame } from '../protocol/frame.ts';
import { errorCodeOf } from '../protocol/messages/error.ts';
import {
  decodeSchemaChange,
  decodeSetKeyspace,
  resultKind,
  ResultKind,
  setsKeyspace,
} from '../protocol/messages/result.ts';
import { Opcode, opcodeName } from '../protocol/opcodes.ts';
import type { Connection } from '../upstream/connection.ts';
import type { UpstreamFault } from '../upstream/faults.ts';
import { answerTopology } from './answer-topology.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { reportFault, type FaultPlace, type FaultServices } from './internal-fault.ts';
import { learnPrepared, type LearningServices } from './learn-prepared.ts';
import { answer, GO_ON, wait, type FinalOutcome, type Later, type Outcome } from './outcome.ts';
import { countRepeat, moveOn } from './repeat.ts';
import { INTERNAL, replies, replyToFault } from './replies.ts';
import { reprepare, type RepreparingServices } from './reprepare.ts';
import { settleSchemaChange, withAgreement, type AgreementServices } from './schema-change.ts';
import { scrubbed } from './scrub.ts';
import type { TopologyServices } from './topology-rows.ts';

export interface ResponseServices
  extends
    FaultServices,
    AgreementServices,
    LearningServices,
    RepreparingServices,
    TopologyServices {
  readonly cluster: Pick<Gate['cluster'], 'agreeOnSchema' | 'control' | 'settleSchemaChange'> & {
    readonly prepared: Gate['cluster']['prepared'];
  };
}

/** A node answered. A frame means that its client gets just that. */
export function onAnswer(
  exchange: Exchange,
  services: ResponseServices,
  answered: Frame,
  connection: Connection,
): Outcome | Frame {
  const { request, attempt, session } = exchange;
  if (request.isUse) connection.keyspaceState.useAnswered(answered);
  const failed = answered.opcode === Opcode.ERROR;
  if (failed && !session.isClosed) {
    const next = afterError(exchange, services, errorCodeOf(answered), connection);
    if (next !== null) return next;
  }
  let response = scrubbed(exchange, services, answered);
  if (request.skipsMetadata && !failed && !knowsColumns(exchange, services)) {
    // The columns changed under way: rows that would be read by older metadata are not given out.
    return answer(replies.unprepared(exchange.to, request.prepared[0]!.id), response);
  }
  if (attempt.untraced !== null) response = withWarning(response, attempt.untraced);
  if (attempt.answering !== null) {
    const made = answerTopology(exchange, services, attempt.answering, response);
    if (made instanceof Promise) return wait(made);
    response = made;
  }
  return onResult(exchange, services, response, connection) ?? response;
}

/** No answer came in time. */
export function onTimeout(exchange: Exchange): FinalOutcome {
  const { request, attempt, to, consistency } = exchange;
  if (request.isUse) attempt.connection?.keyspaceState.useUnanswered();
  const seconds = Math.round(msSince(attempt.startedAtMs) / 1000);
  const text = `Cassandra did not answer within ${seconds} s; `;
  return answer(
    request.isMutation
      ? writeTimeout(exchange, `${text}whether the change was made is not known.`)
      : replies.readTimeout(to, consistency, `${text}try again.`),
    'timeout',
  );
}

/** The connection ended before the answer came; `wasSent` says whether a byte of the request had left. */
export function onLost(
  exchange: Exchange,
  services: Pick<Gate, 'metrics'>,
  wasSent: boolean,
  cause: UpstreamFault,
): Outcome {
  const { request, attempt } = exchange;
  attempt.isLost();
  if (!wasSent || (!request.isMutation && !attempt.repeated)) {
    // It never left, or it is a read: it goes elsewhere, decided anew.
    attempt.repeats(wasSent);
    countRepeat(services, wasSent ? 'lost_read' : 'unsent');
    return GO_ON;
  }
  const text = 'the connection to Cassandra ended; whether the change was made is not known.';
  return answer(
    request.isMutation ? writeTimeout(exchange, text) : replyToFault(exchange, cause),
    'unknown',
  );
}

/** The answer has so many bytes, for which there is no room: it was let go as it came. */
export function onTooLarge(
  exchange: Exchange,
  bytes: number,
  connection: Connection,
): FinalOutcome {
  const { request, to } = exchange;
  if (request.isUse) connection.keyspaceState.useUnreadable();
  const text = `the answer has ${bytes} bytes, for which cqlgate has no room now; read it in smaller pages`;
  return answer(
    request.isMutation ? writeTimeout(exchange, text) : replies.overloaded(to, text),
    'unknown',
  );
}

/** An error of the gate's own: the client gets SERVER_ERROR, and nobody else notices. Never throws. */
export function onFault(
  exchange: Exchange,
  services: FaultServices,
  error: unknown,
  place: FaultPlace = 'answer',
): FinalOutcome {
  const { request, attempt, session, to } = exchange;
  reportFault(services, place, error, {
    session: session.id,
    opcode: opcodeName(request.opcode),
    kind: request.statement.kind,
    node: attempt.node,
  });
  // Once it was sent, nobody knows what came of it.
  const wasSent = attempt.node !== null;
  const text =
    request.isMutation && wasSent
      ? `${INTERNAL}; whether the change was made is not known`
      : INTERNAL;
  return answer(replies.serverError(to, text), wasSent ? 'unknown' : 'refused');
}

/** What follows an error that the client need not see; null: it is the answer. */
function afterError(
  exchange: Exchange,
  services: ResponseServices,
  code: number,
  connection: Connection,
): Outcome | null {
  const { request, attempt, session } = exchange;
  if (code === CqlErrorCode.UNPREPARED) {
    const isAgain = attempt.repreparedAt?.name === connection.node;
    if (request.prepared.length === 0 || isAgain) return null;
    return wait(reprepare(exchange, services, connection));
  }
  if (!mayMoveOn(exchange, code) || !session.route().hasOther(connection.node)) return null;
  moveOn(exchange, services, connection.node, errorName(code)?.toLowerCase() ?? '');
  return GO_ON;
}

/**
 * Only where the node has done nothing of it for sure. A BATCH may be refused halfway, a change of
 * roles is several writes, and an LWT may have been proposed.
 */
function mayMoveOn({ request, attempt }: Exchange, code: number): boolean {
  if (attempt.movedOn || !errorSays(code, 'nothingDone')) return false;
  const { kind, family, lwt } = request.statement;
  if (kind === 'BATCH' || family === 'schema' || family === 'role') return false;
  return !(lwt && errorSays(code, 'unlessLwt'));
}

/** Its client was given the metadata by which the rows are to be read. */
function knowsColumns({ request, session }: Exchange, { cluster }: ResponseServices): boolean {
  return cluster.prepared.wasGiven(request.prepared[0]!, session);
}

/**
 * What the gate learns from a result before the client reads it. null: the client gets it now. Plain rows are not
 * looked into at all.
 */
function onResult(
  exchange: Exchange,
  services: ResponseServices,
  response: Frame,
  connection: Connection,
): Outcome | null {
  if (response.opcode !== Opcode.RESULT) return null;
  if (setsKeyspace(response)) enterKeyspace(exchange, response, connection);
  const { request } = exchange;
  if (request.isPrepare) {
    if (resultKind(response) !== ResultKind.PREPARED) return null;
    return learnPrepared(exchange, services, response, connection);
  }
  if (request.isOfRows || resultKind(response) !== ResultKind.SCHEMA_CHANGE) return null;
  return wait(onSchemaChange(exchange, services, response));
}

/** Only a USE moves a connection; one that was moved by anything else must not be used by anybody. */
function enterKeyspace(
  { request, session }: Exchange,
  response: Frame,
  connection: Connection,
): void {
  if (!request.isUse) {
    connection.keyspaceState.movedWithoutUse();
    throw new ProtocolFault(`a ${request.statement.kind} was answered as a USE`);
  }
  session.keyspaceSet(decodeSetKeyspace(response));
}

async function onSchemaChange(
  exchange: Exchange,
  services: ResponseServices,
  response: Frame,
): Promise<Later> {
  const change = decodeSchemaChange(response);
  const agreement = await settleSchemaChange(exchange, services, change);
  const agreed = withAgreement(response, agreement);
  agreed.setStreamId(exchange.request.clientStreamId);
  const ending = { type: 'schema changed', response, change, agreement } as const;
  return answer(Buffer.from(agreed.bytes()), ending);
}

function writeTimeout({ request, to, consistency }: Exchange, message: string): Buffer {
  const { kind, lwt } = request.statement;
  const writeType = lwt ? 'CAS' : kind === 'BATCH' ? 'BATCH' : 'SIMPLE';
  return replies.writeTimeout(to, consistency, writeType, message);
}
