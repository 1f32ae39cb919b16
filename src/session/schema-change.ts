// What a schema change does besides other statements: it waits for its turn, and is answered only when the
// nodes agree on the schema, so that whoever reads the answer finds the same schema at every node.
import { monotonicMs, msSince } from '../clock.ts';
import type { Statement } from '../cql/statement.ts';
import { withWarning } from '../protocol/body-prefix.ts';
import type { Frame } from '../protocol/frame.ts';
import type { SchemaChange } from '../protocol/messages/event.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { errorSays } from '../protocol/error-codes.ts';
import { unattended } from '../guard.ts';
import { LaneTicket, type LaneMode, type LaneRefusal } from '../fleet/ddl-lane.ts';
import type { Agreement } from '../upstream/schema-agreement.ts';
import type { Exchange } from './exchange.ts';
import { reply, type Later, type Outcome } from './outcome.ts';
import { recordOutcome } from './recording.ts';
import { replies } from './replies.ts';
import { scrubbedText } from './scrub.ts';

/**
 * How it enters the lane; null: not at all. Roles and grants are rows of system_auth, not schema. TRUNCATE
 * changes rows too, but not beside a change of their table.
 */
export function laneMode({ request }: Exchange): LaneMode | null {
  const { family, kind } = request.statement;
  if (family !== 'schema' || request.opcode === Opcode.PREPARE) return null;
  return kind === 'TRUNCATE' ? 'shared' : 'exclusive';
}

/** Goes on with the exchange when it is its turn. */
export async function enterLane(exchange: Exchange, mode: LaneMode): Promise<Later> {
  const { session } = exchange;
  const { gate } = session;
  const startedAtMs = monotonicMs();
  const keyspace = keyspaceOf(exchange.request.statement);
  const entered = await gate.lane.enter(keyspace, mode, () => session.isClosed, session.turn);
  const waitedMs = msSince(startedAtMs);
  gate.metrics.histogram('ddl_lane_wait_seconds').observe(waitedMs / 1000);
  if (entered instanceof LaneTicket) {
    exchange.prepare().ticket = entered;
    return exchange.goOn;
  }
  recordOutcome(exchange, 'unsent');
  const text = refusalText(entered, keyspace, Math.round(waitedMs / 1000));
  return reply(replies.overloaded(exchange.to, scrubbedText(session, text)));
}

/** The fleet's lock was lost before anything was sent. */
export function lockLost(exchange: Exchange): Outcome {
  recordOutcome(exchange, 'unsent');
  return reply(
    replies.overloaded(
      exchange.to,
      `the lock on schema changes of keyspace ${keyspaceOf(exchange.request.statement)} was lost before the change was sent, and nothing was changed; try again`,
    ),
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

/**
 * The next change must not begin while this one may still be under way. `code` is the node's error; null
 * where there was no answer.
 */
export function holdLane(exchange: Exchange, code: number | null): void {
  const { preparations } = exchange;
  const ticket = preparations?.ticket ?? null;
  if (preparations === null || ticket === null || laneMode(exchange) === 'shared') return;
  if (code !== null && errorSays(code, 'schemaUnchanged')) return;
  preparations.ticket = null;
  const agreed = agree(exchange, code === null ? exchange.node : null);
  unattended(
    'lane',
    agreed.finally(() => ticket.leave()),
  );
}

/** Waits until all nodes have the change, and this gate's own view of the schema too. */
export async function settleSchemaChange(
  exchange: Exchange,
  change: SchemaChange,
): Promise<Agreement> {
  const agreement = await agree(exchange);
  await exchange.session.gate.cluster.settleSchemaChange(change).catch(() => undefined);
  return agreement;
}

/** The node's answer; where nodes differ it says so, since whoever reads on may meet one without the change. */
export function withAgreement(response: Frame, { agreed }: Agreement): Frame {
  return agreed ? response : withWarning(response, DISAGREEMENT);
}

const DISAGREEMENT =
  'cqlgate: the schema change was made, but not all nodes had it in time (limits.schemaAgreementMs); do not repeat it, wait before you use it';

async function agree({ session }: Exchange, from: string | null = null): Promise<Agreement> {
  const { cluster, limits, metrics, log } = session.gate;
  const startedAtMs = monotonicMs();
  const agreement = await cluster.agreeOnSchema(limits.schemaAgreementMs, from);
  const seconds = msSince(startedAtMs) / 1000;
  metrics.histogram('schema_agreement_seconds').observe(seconds);
  if (!agreement.agreed) {
    metrics.counter('schema_disagreements_total').value++;
    log.warn(
      { session: session.id, seconds: Math.round(seconds) },
      from === null
        ? 'the nodes do not agree on the schema after a change; look for nodes that are cut off from others'
        : 'a schema change got no answer, and its node is not reached or the nodes do not agree; the next change goes on',
    );
  }
  return agreement;
}

/** Each is of one keyspace. */
export function keyspaceOf({ keyspace, tables }: Statement): string {
  return keyspace ?? tables[0]?.keyspace ?? '';
}
