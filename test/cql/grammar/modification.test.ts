// INSERT, UPDATE, DELETE and BATCH as text: what they need, whether they are conditional, and what is none of them.
import { describe, expect, it } from 'vitest';
import { needsIn, read, ruleOf } from '../statements.ts';

describe('a modification', () => {
  it.each([
    ["INSERT INTO ks.t JSON '{}'", false],
    ["INSERT INTO ks.t JSON '{}' DEFAULT UNSET USING TTL 5", false],
    ['INSERT INTO ks.t JSON ? DEFAULT NULL IF NOT EXISTS', true],
    ['INSERT INTO ks.t (a, "") VALUES (1, 2) USING TTL ? AND TIMESTAMP 5', false],
    [
      'UPDATE ks.t USING TTL 5 SET a = a + 1, b += {1}, c -= [2], d[0] = 1, e.f = 2 WHERE k = 1',
      false,
    ],
    [
      'UPDATE ks.t SET a = [1] + a, b = b -1, exists = 3 WHERE k = 1 IF exists = 1 AND b IN (1)',
      true,
    ],
    ['UPDATE ks.t SET a = 1 WHERE k = 1 IF EXISTS', true],
    ['DELETE a, b[1], c.d FROM ks.t USING TIMESTAMP ? WHERE k IN ? IF a CONTAINS KEY 1', true],
    ['DELETE FROM ks.t WHERE (a, b) > (1, 2)', false],
    ['BEGIN UNLOGGED BATCH USING TIMESTAMP 1 DELETE FROM ks.t WHERE k = 1; APPLY BATCH', false],
    ['BEGIN BATCH INSERT INTO ks.t (k) VALUES (1) IF NOT EXISTS APPLY BATCH', true],
  ])('%s: conditional %s', (text, lwt) => {
    expect(read(text).lwt).toBe(lwt);
    const needs = lwt ? ['MODIFY ON TABLE ks.t', 'SELECT ON TABLE ks.t'] : ['MODIFY ON TABLE ks.t'];
    expect(needsIn(text)).toEqual(needs);
  });

  it.each([
    'INSERT INTO ks.t JSON 5',
    'INSERT INTO ks.t JSON ? DEFAULT 1',
    'INSERT INTO ks.t (a) VALUES (1) IF EXISTS',
    'INSERT INTO ks.t () VALUES ()',
    'UPDATE ks.t SET a = b + 1 WHERE k = 1',
    'UPDATE ks.t SET a = "" + 1 WHERE k = 1',
    'UPDATE ks.t SET a = 1',
    'UPDATE ks.t SET a = 1 WHERE k = 1 IF NOT EXISTS',
    'DELETE * FROM ks.t WHERE k = 1',
    'DELETE FROM ks.t USING TTL 1 WHERE k = 1',
    'BEGIN BATCH SELECT a FROM ks.t APPLY BATCH',
    'BEGIN BATCH DELETE FROM ks.t WHERE k = 1',
    'BEGIN LOGGED BATCH APPLY BATCH',
  ])('%s is none', (text) => {
    expect(ruleOf(text)).toBe('syntax');
  });

  it('tells the columns that come back where its condition does not hold', () => {
    expect(read('UPDATE ks.t SET a = 1 WHERE k = 1 IF b = 1 AND c[1] > 2').columns).toEqual([
      'b',
      'c',
    ]);
    expect(read('INSERT INTO ks.t (a) VALUES (1) IF NOT EXISTS').columns).toBeNull();
    expect(read('DELETE FROM ks.t WHERE k = 1 AND c > 2 IF EXISTS').restricted).toEqual(['k', 'c']);
    expect(read('UPDATE ks.t SET a = 1 WHERE k = 1').columns).toEqual([]);
  });
});
