// SELECT: what is read and what is compared, for masks; and the words that are names as well.
import { describe, expect, it } from 'vitest';
import { read, ruleOf } from '../statements.ts';

describe('a selection', () => {
  it.each([
    ['SELECT * FROM ks.t', null, []],
    ['SELECT a, b AS c, "" FROM ks.t', 'syntax', []],
    [
      'SELECT count(*), CAST(a AS text), TTL(b), [c, 1], {d: e} FROM ks.t',
      ['a', 'c', 'd', 'e'],
      [],
    ],
    ['SELECT (a + b) * -c.d, f(e)[1..] FROM ks.t', ['a', 'b', 'c', 'e'], []],
    ['SELECT json, distinct FROM ks.t', ['json', 'distinct'], []],
    ['SELECT JSON a, DISTINCT b FROM ks.t', 'syntax', []],
    ['SELECT JSON DISTINCT a FROM ks.t', ['a'], []],
    ['SELECT DISTINCT JSON a FROM ks.t', 'syntax', []],
    [
      'SELECT a FROM ks.t WHERE k = 1 AND (b, c) IN ((1, 2)) AND m[1] = 2',
      ['a'],
      ['k', 'b', 'c', 'm'],
    ],
    ['SELECT a FROM ks.t WHERE token(k, l) > 5 AND x IS NOT NULL', ['a'], ['k', 'l', 'x']],
    ["SELECT a FROM ks.t WHERE l CONTAINS KEY 1 AND n LIKE 'x' AND o != 2", ['a'], ['l', 'n', 'o']],
    ['SELECT a FROM ks.t ORDER BY b DESC, v ANN OF [1.0] LIMIT 3', ['a', 'b', 'v'], ['v']],
    [
      'SELECT a FROM ks.t GROUP BY b, floor(c) PER PARTITION LIMIT ? ALLOW FILTERING',
      ['a', 'b', 'c'],
      [],
    ],
    ["SELECT a FROM ks.t WHERE expr(i, 'x')", ['a'], null],
  ])('%s', (text, columns, restricted) => {
    if (columns === 'syntax') {
      expect(ruleOf(text)).toBe('syntax');
      return;
    }
    expect(read(text)).toMatchObject({ kind: 'SELECT', columns, restricted });
  });

  it('is not understood where Cassandra reads a slice as it pleases', () => {
    expect(ruleOf('SELECT json[1..2] FROM ks.t')).toBe('not_understood');
    expect(ruleOf('SELECT "json"[1..2] FROM ks.t')).toBeNull();
    expect(ruleOf('SELECT json[1] FROM ks.t')).toBeNull();
  });

  it.each([
    'SELECT FROM ks.t',
    'SELECT a FROM ks.t WHERE a',
    'SELECT a FROM ks.t WHERE a IS NULL',
    'SELECT a FROM ks.t WHERE a IN (1',
    'SELECT a FROM ks.t LIMIT x',
    'SELECT a FROM ks.t ALLOW',
    'SELECT a FROM ks.t ORDER b',
    'SELECT a FROM ks.t GROUP BY b.c;',
    'SELECT a FROM ks.t LIMIT 1 WHERE a = 1',
    'SELECT a FROM ks.t; SELECT b FROM ks.t',
  ])('%s is none', (text) => {
    expect(ruleOf(text)).toBe('syntax');
  });
});
