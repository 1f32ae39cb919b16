// Tables of Cassandra's own that tell addresses of nodes: what would show one is refused, whatever is granted.
import type { Exchange } from './exchange.ts';
import { addressRefusal } from '../topology/address-columns.ts';
import { absent, invalid } from './deny.ts';
import type { Outcome } from './outcome.ts';

export function refuseAddresses(exchange: Exchange): Outcome | null {
  const refusal = addressRefusal(exchange.request.statement);
  return refusal === null ? null : (absent(exchange) ?? invalid(exchange, refusal));
}
