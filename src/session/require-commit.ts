// Whether a change may be made as far as its commit goes: by the role's word, or the configuration's.
// Asked for where everything else permits it, and once for each change.
import type { Authority } from '../policy/policy.ts';
import type { Denial } from '../policy/denial.ts';
import { VCS } from '../limits/services.ts';
import type { CommitProblem } from '../vcs/facts.ts';
import { signedCommit } from '../vcs/pipeline-run.ts';
import type { Exchange } from './exchange.ts';

/**
 * null: nothing stands in the way. A promise: Bitbucket is being asked, come back when it resolves.
 * `best-effort` asks too, and takes what comes.
 */
export function commitAsked(
  exchange: Exchange,
  { principal, role }: Authority,
): Promise<void> | Denial | null {
  const { session } = exchange;
  const { commits } = session.gate;
  const mode = commits.modeFor(principal, role.commit);
  if (mode === 'off' || signedCommit(principal) !== null) return null;
  const lookedUp = exchange.preparations?.commitLookUp ?? null;
  const known = lookedUp === null ? commits.known(principal) : null;
  if (known !== null) {
    session.learned(known);
    return null;
  }
  if (lookedUp === null) return lookUp(exchange, principal, WAITS_MS[mode]);
  if ('facts' in lookedUp || mode === 'best-effort') return null;
  return denial(role.name, lookedUp.problem);
}

const WAITS_MS = { required: VCS.changeWaitMs, 'best-effort': VCS.bestEffortWaitMs } as const;

async function lookUp(
  exchange: Exchange,
  principal: Authority['principal'],
  waitMs: number,
): Promise<void> {
  const { session } = exchange;
  const found = await session.gate.commits.lookUp(principal, waitMs, session.turn);
  exchange.prepare().commitLookUp = found;
  if ('facts' in found) session.learned(found.facts);
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
