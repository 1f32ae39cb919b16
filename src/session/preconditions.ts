// What must be so before a permitted request may leave, in this order. Each step lets it go on (null), or says what
// becomes of it: a refusal, or a wait, after which it is decided again and all of this is asked again.
import type { Authority } from '../policy/policy.ts';
import { keepRoom } from './audit-room.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { enterLane, requireLock } from './lane.ts';
import type { Outcome } from './outcome.ts';
import { planTopology } from './plan-topology.ts';
import { refuseAddresses } from './refuse-addresses.ts';
import { refuseEstimates } from './refuse-estimates.ts';
import { refuseJavaTypes } from './refuse-java-types.ts';
import { requireCommit } from './require-commit.ts';
import { requireSuperuser } from './require-superuser.ts';
import { endOtherDecision, writeAhead } from './write-ahead.ts';

/** It takes the services that it needs, which are less than the whole gate. */
type Precondition = (exchange: Exchange, gate: Gate, authority: Authority) => Outcome | null;

export const PRECONDITIONS: readonly Precondition[] = [
  refuseAddresses,
  refuseJavaTypes,
  refuseEstimates,
  planTopology,
  endOtherDecision,
  keepRoom,
  requireCommit,
  requireSuperuser,
  enterLane,
  writeAhead,
  requireLock,
];

/** Those from `requireCommit` on are for changes of the schema, of roles and of grants, which are recorded ahead. */
export const PRECONDITIONS_OF_OTHERS = PRECONDITIONS.slice(0, PRECONDITIONS.indexOf(requireCommit));
