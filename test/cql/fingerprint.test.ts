// Texts of one shape have one fingerprint, others have others.
import { describe, expect, it } from 'vitest';
import { fingerprint } from '../../src/cql/fingerprint.ts';

describe('fingerprint', () => {
  it.each([
    'SELECT * FROM ks.t WHERE k = 1 AND n IN (1, 2)',
    "select *  from KS.T where K = 'x' and n in (?)",
    'SELECT * FROM ks.t /* 7 */ WHERE k = :key AND n IN (1.5, 0xff, ?, true)',
  ])('is the same for %s', (text) => {
    expect(fingerprint(text)).toBe(fingerprint('SELECT * FROM ks.t WHERE k = ? AND n IN (?)'));
  });

  it('tells apart what differs in more than values', () => {
    const texts = [
      'SELECT * FROM ks.t WHERE k = ?',
      'SELECT * FROM ks.t WHERE k > ?',
      'SELECT * FROM ks."T" WHERE k = ?',
      'SELECT * FROM ks.t WHERE "k" = ?',
      'SELECT * FROM kst WHERE k = ?',
      'SELECT a, b FROM ks.t WHERE k = ?',
      'SELECT ab FROM ks.t WHERE k = ?',
      'INSERT INTO t (a, b) VALUES (?, f(?), ?)',
      'INSERT INTO t (a, b) VALUES (?, f(?))',
      'INSERT INTO t (a, b) VALUES (f(?), ?)',
    ];
    expect(new Set(texts.map(fingerprint)).size).toBe(texts.length);
  });

  it('is that of the text, not of its values', () => {
    expect(fingerprint("UPDATE t SET p = 'secret' WHERE k = 1")).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprint("SELECT 'open")).toBeNull();
  });
});
