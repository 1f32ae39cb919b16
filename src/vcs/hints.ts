// What a client says about its commit in STARTUP. It is only a hint for those who read the records, because every
// variable of a step can be set by the step itself.
import { VCS } from '../limits/services.ts';
import { printable } from '../printable.ts';

export interface VcsHints {
  readonly commit: string | null;
  readonly branch: string | null;
  readonly buildNumber: number | null;
}

export const NO_HINTS: VcsHints = { commit: null, branch: null, buildNumber: null };

/** The names of options are in upper case. A value without the form of a hint is ignored. */
export function hintsOf(options: ReadonlyMap<string, string>): VcsHints {
  const commit = commitIn(options.get('CQLGATE_COMMIT')) ?? commitIn(options.get(APPLICATION));
  const branch = printable(options.get('CQLGATE_BRANCH') ?? '', VCS.textLength);
  const build = options.get('CQLGATE_BUILD_NUMBER') ?? '';
  return {
    commit,
    branch: branch === '' ? null : branch,
    buildNumber: /^\d{1,9}$/.test(build) ? Number(build) : null,
  };
}

/** The one option that drivers let an application set. Many applications put the commit of their version there. */
const APPLICATION = 'APPLICATION_VERSION';

function commitIn(text: string | undefined): string | null {
  return text !== undefined && /^[0-9a-f]{7,64}$/i.test(text) ? text.toLowerCase() : null;
}
