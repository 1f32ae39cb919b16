// Types that are written as strings: what would harm a node is refused, whatever is granted.
import type { Authority } from '../policy/policy.ts';
import { absent, invalid } from './deny.ts';
import type { Exchange } from './exchange.ts';
import { javaTypesRefusal } from './java-types.ts';
import type { Outcome } from './outcome.ts';

export function refuseJavaTypes(
  exchange: Exchange,
  _services: unknown,
  { role }: Authority,
): Outcome | null {
  const { statement } = exchange.request;
  if (statement.javaTypes.length === 0) return null;
  const refusal = javaTypesRefusal(role, statement, exchange.session.schema);
  return refusal === null ? null : (absent(exchange) ?? invalid(exchange, refusal));
}
