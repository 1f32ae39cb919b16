// The estimates of sizes tell of everybody's tables: a request whose bound values ask for those of others is denied.
import { estimatesDenial, readsEstimates } from '../policy/estimates.ts';
import type { Authority } from '../policy/policy.ts';
import { boundValuesOf } from './bound-values.ts';
import { deny, type DenyServices } from './deny.ts';
import type { Exchange } from './exchange.ts';
import type { Outcome } from './outcome.ts';

export function refuseEstimates(
  exchange: Exchange,
  services: DenyServices,
  { role }: Authority,
): Outcome | null {
  const { request } = exchange;
  if (!readsEstimates(request.statement) || request.isPrepare) return null;
  const denial = estimatesDenial(role, request.statement, boundValuesOf(exchange));
  return denial === null ? null : deny(exchange, services, denial);
}
