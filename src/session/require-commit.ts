// Whether a change may be made as far as its commit goes: by the role's word, or the configuration's.
// Asked for where everything else permits it, and once for each change.
import type { Authority } from '../policy/policy.ts';
import type { Denial } from '../policy/denial.ts';
import { VCS } from '../limits/services.ts';
import type { CommitProblem, LookUp } from '../vcs/facts.ts';
import { signedCommit } from '../vcs/pipeline-run.ts';
import type { Attempt } from './attempt.ts';
import { deny, type DenyServices } from './deny.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { GO_ON, wait, type GoOn, type Outcome } from './outcome.ts';

export interface CommitServices {
  readonly commits: Pick<Gate['commits'], 'modeFor' | 'known' | 'lookUp'>;
}

export function requireCommit(
  exchange: Exchange,
  services: CommitServices & DenyServices,
  authority: Authority,
): Outcome | null {
  const asked = commitAsked(exchange, services, authority);
  if (asked === null) return null;
  return asked instanceof Promise ? wait(asked) : deny(exchange, services, asked);
}

/**
 * null: nothing stands in the way. A promise: Bitbucket is being asked. `best-effort` asks too, and takes what comes.
 */
function commitAsked(
  { session, attempt }: Exchange,
  { commits }: CommitServices,
  { principal, role }: Authority,
): Promise<GoOn> | Denial | null {
  const mode = commits.modeFor(principal, role.commit);
  if (mode === 'off' || signedCommit(principal) !== null) return null;
  const lookedUp = attempt.preparations?.commitLookUp ?? null;
  const known = lookedUp === null ? commits.known(principal) : null;
  if (known !== null) {
    session.learned(known);
    return null;
  }
  if (lookedUp === null) {
    const found = commits.lookUp(principal, WAITS_MS[mode], session.turn);
    return lookUp(session, attempt, found);
  }
  if ('facts' in lookedUp || mode === 'best-effort') return null;
  return denial(role.name, lookedUp.problem);
}

const WAITS_MS = { required: VCS.changeWaitMs, 'best-effort': VCS.bestEffortWaitMs } as const;

async function lookUp(
  session: Exchange['session'],
  attempt: Attempt,
  looked: Promise<LookUp>,
): Promise<GoOn> {
  const found = await looked;
  attempt.prepare().commitIsLookedUp(found);
  if ('facts' in found) session.learned(found.facts);
  return GO_ON;
}

function denial(role: string, { kind, reason }: CommitProblem): Denial {
  const what = `Role ${role} may change schema and roles only from a verified commit`;
  return kind === 'unavailable'
    ? {
        reason: 'commit_unavailable',
        message: `${what}, which cannot be looked up now: ${reason}. Nothing was changed; try again later.`,
        missing: [],
      }
    : {
        reason: 'commit_unverified',
        message: `${what}, and this one is not verified: ${reason}.`,
        missing: [],
      };
}
