// Globs over claim values.
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../../src/policy/glob.ts';

describe('globs', () => {
  it.each([
    ['main', 'main', true],
    ['main', 'Main', false],
    ['release/*', 'release/1', true],
    ['release/*', 'release/1/x', false],
    ['release/**', 'release/1/x', true],
    ['*', 'a/b', false],
    ['**', 'a/b', true],
    ['*-*', 'a-b', true],
    ['a*c', 'abbbc', true],
    ['a*c', 'ac', true],
    ['.*', 'xx', false],
    ['[a]', 'a', false],
    ['', '', true],
  ])('%s and %s: %s', (pattern, text, expected) => {
    expect(matchesGlob(pattern, text)).toBe(expected);
  });

  it('are linear, whatever the pattern', () => {
    const start = performance.now();
    expect(matchesGlob('*a'.repeat(50), 'a'.repeat(5_000) + 'b')).toBe(false);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
