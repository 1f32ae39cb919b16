// What a client says of its commit in STARTUP: a hint for those who read the records, and never more.
// Every variable of a step can be set by the step itself.
import { printable } from './facts.ts';

export interface VcsHints {
  readonly commit: string | null;
  readonly branch: string | null;
  readonly buildNumber: number | null;
}

export const NO_HINTS: VcsHints = { commit: null, branch: null, buildNumber: null };

/** Options are named in upper case. What has not the shape of a hint is none. */
export function hintsOf(options: ReadonlyMap<string, string>): VcsHints {
  const commit = commitIn(options.get('CQLGATE_COMMIT')) ?? commitIn(options.get(APPLICATION));
  const branch = printable(options.get('CQLGATE_BRANCH') ?? '');
  const build = options.get('CQLGATE_BUILD_NUMBER') ?? '';
  return {
    commit,
    branch: branch === '' ? null : branch,
    buildNumber: /^\d{1,9}$/.test(build) ? Number(build) : null,
  };
}

/** The one option that drivers let an application set; many put their version's commit there. */
const APPLICATION = 'APPLICATION_VERSION';

function commitIn(text: string | undefined): string | null {
  return text !== undefined && /^[0-9a-f]{7,64}$/i.test(text) ? text.toLowerCase() : null;
}
