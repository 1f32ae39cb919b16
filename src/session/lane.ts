// The lane of schema changes: a change waits in it for its turn, needs the lock of the fleet until it is sent, and leaves
// it at its end.
import { monotonicMs, msSince } from '../clock.ts';
import { LaneTicket, type LaneMode, type LaneRefusal } from '../fleet/ddl-lane.ts';
import { unattended } from '../guard.ts';
import { errorSays } from '../protocol/error-codes.ts';
import { Frame } from '../protocol/frame.ts';
import { errorCodeOf } from '../protocol/messages/error.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Ending } from './ending.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { answer, GO_ON, wait, type Later, type Outcome } from './outcome.ts';
import { replies } from './replies.ts';
import { agree, keyspaceOf, laneMode, type AgreementServices } from './schema-change.ts';
import { scrubbedText } from './scrub.ts';

export interface TurnServices extends Pick<Gate, 'metrics'> {
  readonly lane: Pick<Gate['lane'], 'enter'>;
}

/** Before its decision is recorded, since what is decided then is sent at once: it waits for its turn. */
export function enterLane(exchange: Exchange, services: TurnServices): Outcome | null {
  const { attempt } = exchange;
  if (attempt.recordId !== null || attempt.prepare().ticket !== null) return null;
  const mode = laneMode(exchange);
  return mode === null ? null : wait(inTurn(exchange, services, mode));
}

async function inTurn(
  exchange: Exchange,
  { lane, metrics }: TurnServices,
  mode: LaneMode,
): Promise<Later> {
  const { session, attempt, request } = exchange;
  const startedAtMs = monotonicMs();
  const keyspace = keyspaceOf(request.statement);
  const entered = await lane.enter(keyspace, mode, () => session.isClosed, session.turn);
  const waitedMs = msSince(startedAtMs);
  metrics.histogram('ddl_lane_wait_seconds').observe(waitedMs / 1000);
  if (entered instanceof LaneTicket) {
    attempt.prepare().laneIsEntered(entered);
    return GO_ON;
  }
  const text = refusalText(entered, keyspace, Math.round(waitedMs / 1000));
  return answer(replies.overloaded(exchange.to, scrubbedText(session, text)), 'unsent');
}

/** The fleet's lock may be lost before anything is sent. */
export function requireLock({ request, attempt, to }: Exchange): Outcome | null {
  if (attempt.preparations?.ticket?.isHeld !== false) return null;
  return answer(
    replies.overloaded(
      to,
      `the lock on schema changes of keyspace ${keyspaceOf(request.statement)} was lost before the change was sent, and nothing was changed; try again`,
    ),
    'unsent',
  );
}

const REFUSALS: {
  readonly [Why in LaneRefusal['why']]: (
    refusal: LaneRefusal & { readonly why: Why },
    keyspace: string,
    seconds: number,
  ) => string;
} = {
  full: ({ waiting }, keyspace) =>
    `${waiting} schema changes of keyspace ${keyspace} wait already; nothing was changed, try again later (limits.ddlLaneQueue)`,
  timeout: ({ ahead }, keyspace, seconds) =>
    `the change waited ${seconds} s for its turn: schema changes of keyspace ${keyspace} are made one at a time, and ${ahead} were before it. Nothing was changed; try again (limits.ddlLaneWaitMs)`,
  lock: ({ message }, keyspace, seconds) =>
    `the change waited ${seconds} s for the lock on schema changes of keyspace ${keyspace}: ${message}. Nothing was changed; try again`,
};

function refusalText(refusal: LaneRefusal, keyspace: string, seconds: number): string {
  const text = REFUSALS[refusal.why] as (refusal: LaneRefusal, ...more: [string, number]) => string;
  return text(refusal, keyspace, seconds);
}

/** At its end: the next change must not begin while this one may still be under way. */
export function leaveLane(exchange: Exchange, services: AgreementServices, ending: Ending): void {
  const ticket = exchange.attempt.preparations?.takeTicket() ?? null;
  if (ticket === null) return;
  if (laneMode(exchange) === 'shared' || !mayBeUnderWay(ending)) {
    ticket.leave();
    return;
  }
  // A node that did not answer is asked, too.
  const from = typeof ending === 'string' ? exchange.attempt.node : null;
  unattended(
    'lane',
    agree(exchange, services, from).finally(() => ticket.leave()),
  );
}

function mayBeUnderWay(ending: Ending): boolean {
  if (ending instanceof Frame) {
    return ending.opcode === Opcode.ERROR && !errorSays(errorCodeOf(ending), 'schemaUnchanged');
  }
  return ending === 'timeout' || ending === 'unknown';
}
