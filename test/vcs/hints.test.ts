// What a client says of its commit in STARTUP: a hint, where it looks like one.
import { describe, expect, it } from 'vitest';
import { VCS } from '../../src/limits/services.ts';
import { hintsOf, NO_HINTS } from '../../src/vcs/hints.ts';
import { COMMIT } from '../support/bitbucket.ts';

describe('what a client says of its commit', () => {
  const hints = (options: Record<string, string>) => hintsOf(new Map(Object.entries(options)));

  it('is a hint where it looks like one', () => {
    expect(
      hints({
        CQLGATE_COMMIT: COMMIT.toUpperCase(),
        CQLGATE_BRANCH: 'main\n',
        CQLGATE_BUILD_NUMBER: '42',
        APPLICATION_VERSION: 'abcdef1',
      }),
    ).toEqual({ commit: COMMIT, branch: 'main', buildNumber: 42 });
    expect(hints({ APPLICATION_VERSION: 'abcdef1' }).commit).toBe('abcdef1');
    expect(hints({ APPLICATION_VERSION: '1.2.3' })).toEqual(NO_HINTS);
    expect(hints({ CQLGATE_COMMIT: `${COMMIT}${COMMIT}`, CQLGATE_BUILD_NUMBER: '-1' })).toEqual(
      NO_HINTS,
    );
    expect(hints({ CQLGATE_BRANCH: 'x'.repeat(5_000) }).branch?.length).toBe(128);
  });

  it('is recorded up to a length', () => {
    const branch = (length: number) => hints({ CQLGATE_BRANCH: 'x'.repeat(length) }).branch?.length;
    expect([branch(VCS.textLength), branch(VCS.textLength + 1)]).toEqual([
      VCS.textLength,
      VCS.textLength,
    ]);
    expect(branch(VCS.textLength - 1)).toBe(VCS.textLength - 1);
  });
});
