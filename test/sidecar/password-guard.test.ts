// The sidecar's password: the more slowly judged the more often whoever asks was wrong.
import { describe, expect, it } from 'vitest';
import { SIDECAR } from '../../src/limits/commands.ts';
import { ADMISSION } from '../../src/limits/identity.ts';
import { PasswordGuard } from '../../src/sidecar/password-guard.ts';

const PASSWORD = 'correct horse';

describe('the guard of a password', () => {
  it('slows every guess of one who guessed wrong, right ones too, one after the other', async () => {
    const guard = new PasswordGuard(PASSWORD);
    for (let i = 0; i <= ADMISSION.freeFailures; i++) await guard.check('a', Buffer.from('x'));
    const order: string[] = [];
    const startMs = performance.now();
    const slow = [1, 2].map(async (i) => {
      const verdict = await guard.check('a', Buffer.from(i === 1 ? 'x' : PASSWORD));
      order.push(`${verdict} ${performance.now() - startMs >= ADMISSION.delayStepMs - 5}`);
    });
    expect(await guard.check('b', Buffer.from(PASSWORD))).toBe('right');
    order.push('b');
    await Promise.all(slow);
    expect(order).toEqual(['b', 'wrong true', 'right true']);
  });

  it('looks at no more guesses than may wait', async () => {
    const guard = new PasswordGuard(PASSWORD);
    for (let i = 0; i <= ADMISSION.freeFailures; i++) await guard.check('a', Buffer.from('x'));
    void Promise.all(
      Array.from({ length: SIDECAR.guessesWaiting }, async () =>
        guard.check('a', Buffer.from('x')),
      ),
    );
    expect(await guard.check('a', Buffer.from(PASSWORD))).toBe('too many at once');
  });
});
