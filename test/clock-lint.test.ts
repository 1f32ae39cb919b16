// A clock that is read anywhere but in src/clock.ts, or a moment that is made of something else, does not pass lint.
import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

describe('a clock that is read beside src/clock.ts', () => {
  const eslint = new ESLint({ cwd: process.cwd() });
  const RULES = /^no-restricted-(globals|imports|syntax)$/;
  const found = async (lines: readonly string[], filePath: string): Promise<number> => {
    const [result] = await eslint.lintText(lines.join('\n'), { filePath });
    return result!.messages.filter(({ ruleId }) => RULES.test(ruleId ?? '')).length;
  };

  it('is found by lint, whatever is written, and so is a cast from one to the other', async () => {
    const bad = [
      `import { performance as steady } from 'node:perf_hooks';`,
      `export const a = Date.now();`,
      `export const b = new Date();`,
      `export const { now } = Date;`,
      `export const c = performance.now();`,
      `export const d = globalThis.Date.now();`,
      `export const e = process.hrtime.bigint();`,
      `export const f = new Intl.DateTimeFormat().format() as unknown as WallMs;`,
      `export const g = wallMs() as unknown as MonotonicMs;`,
    ];
    const good = [
      `import { monotonicMs, msSince, type WallMs } from './clock.ts';`,
      `export const h = msSince(monotonicMs());`,
      `export let i: WallMs;`,
    ];
    expect(await found(bad, 'src/turn.ts')).toBe(bad.length);
    expect(await found(good, 'src/turn.ts')).toBe(0);
    expect(await found(bad.slice(1), 'src/clock.ts')).toBe(0);
  });
});
