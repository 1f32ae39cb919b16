// What of a statement may be recorded.
import { describe, expect, it } from 'vitest';
import { redact } from '../../src/audit/redact.ts';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { LEDGER } from '../../src/limits/audit.ts';

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

  it('keeps no literal behind the word password, of a schema statement either', () => {
    const text = "CREATE TABLE t (k int PRIMARY KEY, password text) WITH comment = 'secret'";
    expect(recorded(text)).toBe(text.replace("'secret'", '?'));
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
    expect(cut).toContain('(cut)');
  });
});

describe('what a long text does', () => {
  const schema = (text: string) => redact(text, analyse(text, null) as Statement).text!;

  it('is not hidden behind a long comment of a table', () => {
    for (const place of [0, 1, 2]) {
      const options = ['gc_grace_seconds = 0', `comment = '${'x'.repeat(100_000)}'`, 'cdc = true'];
      const turned = [...options.slice(place), ...options.slice(0, place)];
      const text = schema(`ALTER TABLE ks.t WITH ${turned.join(' AND ')}`);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8 * 1024);
      expect(text).toContain('gc_grace_seconds = 0');
      expect(text).toContain('cdc = true');
      expect(text).toMatch(/'x{60,}\.\.\.\(cut: 100002 bytes, sha256 [0-9a-f]{64}\)/);
    }
  });

  it('stays at both ends where it is long for many things', () => {
    const columns = Array.from({ length: 3_000 }, (_unused, i) => `column_${i} text`);
    const text = schema(
      `CREATE TABLE ks.t (k int PRIMARY KEY, ${columns.join(', ')}) WITH gc_grace_seconds = 0`,
    );
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8 * 1024);
    expect(text).toMatch(/^CREATE TABLE ks\.t \(k int.*\(cut\).*WITH gc_grace_seconds = 0$/);
  });

  it('is recorded whole up to the bound of a text, and cut from the next byte on', () => {
    const text = (bytes: number) => {
      return `SELECT ${'a,'.repeat(2_000)}${'b'.repeat(bytes - 4_000 - 'SELECT  FROM t'.length)} FROM t`;
    };
    const whole = text(LEDGER.textBytes);
    expect(Buffer.byteLength(whole)).toBe(LEDGER.textBytes);
    expect(redact(whole, null).text).toBe(whole);
    const more = redact(text(LEDGER.textBytes + 1), null).text!;
    expect(more).not.toBe(text(LEDGER.textBytes + 1));
    expect(Buffer.byteLength(more)).toBeLessThanOrEqual(LEDGER.textBytes);
  });

  it('keeps words up to their bound, and the beginning of longer ones', () => {
    const long = (word: string) =>
      redact(`SELECT ${word} FROM ${'t, '.repeat(4_000)}u`, null).text!;
    const [most, more] = [LEDGER.wordLength, LEDGER.wordLength + 1].map((length) =>
      'w'.repeat(length),
    );
    expect(long(most!)).toContain(`SELECT ${most!} FROM`);
    expect(long(more!)).toContain(
      `SELECT ${'w'.repeat(LEDGER.wordLength / 4)}...(cut: ${LEDGER.wordLength + 1} bytes, sha256 `,
    );
  });
});
