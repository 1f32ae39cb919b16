// What of a statement may be recorded.
import { describe, expect, it } from 'vitest';
import { redact } from '../../src/audit/redact.ts';
import { analyse, isStatement } from '../../src/cql/analyse.ts';

function recorded(text: string): string | null {
  const found = analyse(text, 'ks');
  return redact(text, isStatement(found) ? found : null).text;
}

describe('redaction', () => {
  it.each([
    ["INSERT INTO t (k, v) VALUES (1, 'secret')", 'INSERT INTO t (k, v) VALUES (?, ?)'],
    [
      'SELECT * FROM t WHERE k = 0xdead AND u = 12345678-1234-1234-1234-123456789012',
      'SELECT * FROM t WHERE k = ? AND u = ?',
    ],
    [
      "UPDATE t SET v = $$it's$$ WHERE k = -1.5e3 AND b = true",
      'UPDATE t SET v = ? WHERE k = ? AND b = ?',
    ],
    [
      "CREATE ROLE r WITH PASSWORD = 'secret' AND LOGIN = true",
      'CREATE ROLE r WITH PASSWORD = ? AND LOGIN = ?',
    ],
    ['SELECT /* secret */ a -- secret\nFROM t', 'SELECT a FROM t'],
    ["NO SUCH THING 'secret' 42", 'NO SUCH THING ? ?'],
    [
      "CREATE TABLE t (k int PRIMARY KEY) WITH comment = 'kept'",
      "CREATE TABLE t (k int PRIMARY KEY) WITH comment = 'kept'",
    ],
    ['TRUNCATE t', 'TRUNCATE t'],
  ])('of %s', (text, expected) => {
    expect(recorded(text)).toBe(expected);
  });

  it('keeps nothing of a text that does not lex', () => {
    expect(redact("SELECT 'secret", null)).toEqual({ text: null, sha256: null, fingerprint: null });
  });

  it('hashes what is recorded, so that no literal can be guessed from it', () => {
    const a = redact("INSERT INTO t (k) VALUES ('one')", null);
    const b = redact("INSERT INTO t (k) VALUES ('two')", null);
    expect(a).toEqual(b);
  });

  it('cuts long texts, and says so', () => {
    const text = `SELECT ${'a, '.repeat(10_000)}b FROM t`;
    const cut = redact(text, null).text!;
    expect(Buffer.byteLength(cut)).toBeLessThan(8 * 1024 + 32);
    expect(cut.endsWith('(cut)')).toBe(true);
  });
});
