// Whether a role is a superuser, and whose an identity is, by what the cluster answers.
import { describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { isSuperuser, roleOfIdentity } from '../../src/upstream/superusers.ts';
import { queriesOf, rowsAnswer } from '../support/answers.ts';
import { errorMessage, voidMessage } from '../support/own-answers.ts';

const YES = Buffer.from([1]);
const NO = Buffer.from([0]);

function asking(answer: Frame) {
  const texts: string[] = [];
  const queries = queriesOf((text) => {
    texts.push(text);
    return answer;
  });
  return { texts, asking: queries };
}

describe('a role', () => {
  const roles = (...flags: readonly (Buffer | null)[]): Frame =>
    rowsAnswer(
      ['role', 'login', 'super'],
      flags.map((flag) => ['r', YES, flag]),
    );

  it.each<[string, Frame, boolean]>([
    ['is one itself', roles(YES), true],
    ['was granted one', roles(NO, NO, YES), true],
    ['is none, nor was granted one', roles(NO, NO), false],
    ['has no flag', roles(null), false],
    ['is listed as nothing', roles(), false],
    ['is not there', errorMessage(CqlErrorCode.INVALID, "doesn't exist"), false],
  ])('that %s', async (_what, answer, expected) => {
    expect(await isSuperuser(asking(answer).asking, 'r')).toBe(expected);
  });

  it.each<[string, Frame]>([
    ['refused', errorMessage(CqlErrorCode.UNAUTHORIZED)],
    ['too busy', errorMessage(CqlErrorCode.OVERLOADED)],
    ['answered with no rows', voidMessage()],
    ['answered without the flag', rowsAnswer(['role'], [['r']])],
  ])('is not taken for harmless where the question is %s', async (_what, answer) => {
    await expect(isSuperuser(asking(answer).asking, 'r')).rejects.toThrow();
  });

  it('is asked for by its name, whatever is in it', async () => {
    const { texts, asking: who } = asking(roles(NO));
    await isSuperuser(who, "o'hara' OR x = '");
    expect(texts).toEqual(["LIST ROLES OF 'o''hara'' OR x = '''"]);
  });
});

describe('an identity', () => {
  it('logs in as the role of its row, or as none', async () => {
    const { texts, asking: who } = asking(rowsAnswer(['role'], [['ci']]));
    expect(await roleOfIdentity(who, "spiffe://o'hara")).toBe('ci');
    expect(texts[0]).toContain("WHERE identity = 'spiffe://o''hara'");
    expect(await roleOfIdentity(asking(rowsAnswer(['role'], [])).asking, 'x')).toBeNull();
    expect(await roleOfIdentity(asking(rowsAnswer(['role'], [[null]])).asking, 'x')).toBeNull();
  });

  it('that can not be asked for is not taken for none', async () => {
    const refused = asking(errorMessage(CqlErrorCode.UNAUTHORIZED)).asking;
    await expect(roleOfIdentity(refused, 'x')).rejects.toMatchObject({ code: 'login_refused' });
  });
});
