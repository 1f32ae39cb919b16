// Whether a statement about another Cassandra role needs the capability `superuser`, since that role is
// one. Asked of the cluster for each such statement, just before it is recorded and sent: who is a
// superuser can change at any time, and not only through this gate.
import type { Denial } from '../policy/denial.ts';
import type { Authority } from '../policy/policy.ts';
import {
  superuserTargetOf,
  targetDenial,
  type SuperuserTarget,
  type TargetFacts,
} from '../policy/superuser-targets.ts';
import { Consistency } from '../protocol/consistency.ts';
import type { Login } from '../upstream/credentials.ts';
import { ANYWHERE } from '../upstream/connection-criteria.ts';
import { queriesOver } from '../upstream/own-query.ts';
import { isSuperuser, roleOfIdentity } from '../upstream/superusers.ts';
import { deny, type DenyServices } from './deny.ts';
import type { Exchange } from './exchange.ts';
import { GO_ON, wait, type GoOn, type Outcome } from './outcome.ts';

export function requireSuperuser(
  exchange: Exchange,
  services: DenyServices,
  authority: Authority,
): Outcome | null {
  const asked = superuserAsked(exchange, authority);
  if (asked === null) return null;
  return asked instanceof Promise ? wait(asked) : deny(exchange, services, asked);
}

/** null: nothing stands in the way. A promise: the cluster is being asked. */
function superuserAsked(exchange: Exchange, authority: Authority): Promise<GoOn> | Denial | null {
  const { statement } = exchange.request;
  const target = superuserTargetOf(statement);
  if (target === null) return null;
  if ('role' in target && authority.role.capabilities.has('superuser')) return null;
  const { login } = exchange.session.route();
  // It was asked for the login that it would go by then.
  const known = exchange.attempt.preparations?.target;
  if (known?.login !== login) return ask(exchange, target, login);
  return targetDenial(authority, statement, known.facts);
}

/** Not known is not allowed. */
const UNKNOWN: TargetFacts = { mayBeSuperuser: true, roleOfIdentity: null };
const NOBODY: TargetFacts = { mayBeSuperuser: false, roleOfIdentity: null };

async function ask(exchange: Exchange, target: SuperuserTarget, login: Login): Promise<GoOn> {
  const facts = await factsOf(exchange, target).catch(() => UNKNOWN);
  exchange.attempt.prepare().targetIsLookedUp({ facts, login });
  return GO_ON;
}

/** Only behind a superuser's login: others Cassandra itself keeps from it. */
async function factsOf(exchange: Exchange, target: SuperuserTarget): Promise<TargetFacts> {
  const { session, givesWay } = exchange;
  const route = session.route();
  const { login } = route;
  if (login.open) return UNKNOWN;
  const want = { ...ANYWHERE, givesWay };
  const connection = route.pick(want) ?? (await route.whenAvailable(want, false, session.turn));
  const queries = queriesOver(connection, { consistency: Consistency.LOCAL_QUORUM });
  if (!(await isSuperuser(queries, login.username))) return NOBODY;
  if ('role' in target) {
    return { mayBeSuperuser: await isSuperuser(queries, target.role), roleOfIdentity: null };
  }
  const role = await roleOfIdentity(queries, target.identity);
  if (role === null) return NOBODY;
  return { mayBeSuperuser: await isSuperuser(queries, role), roleOfIdentity: role };
}
