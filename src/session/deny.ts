// What a client is told of a request that is refused: that it may not, that there is no such table, or, of what only
// others prepared, that the id is not known.
import { decide, isPermit } from '../policy/decide.ts';
import type { Denial } from '../policy/denial.ts';
import { absentSystemTable } from '../topology/address-columns.ts';
import type { PreparedStatement } from '../upstream/prepared.ts';
import { denyAfterRoom, type RefusalServices } from './audit-room.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { answer, type FinalOutcome, type Outcome } from './outcome.ts';
import { replies } from './replies.ts';
import type { SessionFacts } from './session-facts.ts';

export interface DenyServices extends RefusalServices {
  readonly cluster: { readonly prepared: Registry };
}

type Registry = Pick<Gate['cluster']['prepared'], 'wasPreparedBy'>;

export function deny(exchange: Exchange, services: DenyServices, denial: Denial): Outcome {
  return denyAfterRoom(exchange, services, () => {
    const { session, request, to } = exchange;
    const foreign = foreignOf(session, services.cluster.prepared, request.prepared);
    const ending = { type: 'denied', denial } as const;
    if (foreign === undefined) return answer(replies.unauthorized(to, denial.message), ending);
    services.metrics.counter('unprepared_total').value++;
    return answer(replies.unprepared(to, foreign.id), ending);
  });
}

/** A denial, where what the statement names is there at all. */
export function denyUnlessAbsent(
  exchange: Exchange,
  services: DenyServices,
  denial: Denial,
): Outcome {
  return absent(exchange) ?? deny(exchange, services, denial);
}

export function invalid({ to }: Exchange, text: string): FinalOutcome {
  return answer(replies.invalid(to, text), 'refused');
}

/**
 * Drivers look for tables that other releases have, and take this answer for no. Nothing was refused, so nothing is
 * recorded. The schema, which everybody may read, lists the tables of these keyspaces.
 */
export function absent(exchange: Exchange): FinalOutcome | null {
  const table = absentSystemTable(exchange.request.statement, exchange.session.schema);
  return table === null ? null : invalid(exchange, `table ${table} does not exist`);
}

/**
 * The first statement that only others prepared and that is refused here: it is answered as an id that nobody
 * knows, or a client could find out what others have prepared. Whoever prepared it himself is told.
 */
export function foreignOf(
  session: SessionFacts,
  registry: Registry,
  prepared: readonly PreparedStatement[],
): PreparedStatement | undefined {
  const authority = session.authority();
  return [...new Set(prepared)].find((one) => {
    if (registry.wasPreparedBy(one, session)) return false;
    if (typeof authority === 'string') return true;
    return !isPermit(decide(authority, one.statement, session.schema));
  });
}
