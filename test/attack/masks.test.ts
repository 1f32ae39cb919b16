// Columns with a mask: every way in which the value behind it decides what a role gets to see.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { decide, isPermit } from '../../src/policy/decide.ts';
import { SchemaSnapshot } from '../../src/upstream/schema.ts';
import { roleUnderPolicy } from '../support/policy.ts';

const ROWS = { masks: [{ keyspace: 'ks', table: 't', column: 'card' }] };
/** Its login does not see through masks: Cassandra hides what it hides by itself. */
const BLIND = new SchemaSnapshot(1, ROWS, () => false);
const ALL = 'SELECT, MODIFY ON KEYSPACE ks';

function missing(text: string, more: readonly string[] = []): string {
  const statement = analyse(text, null);
  if (!isStatement(statement)) throw new Error(`${text}: ${statement.reason}`);
  const decision = decide(roleUnderPolicy({ grants: [ALL, ...more] }), statement, BLIND);
  return isPermit(decision) ? 'permit' : decision.missing.join();
}

describe('a masked column', () => {
  it.each([
    'SELECT k FROM ks.t ORDER BY card ANN OF [0.1, 0.2] LIMIT 1',
    'SELECT k FROM ks.t ORDER BY card ANN OF ? LIMIT 1',
    'SELECT k FROM ks.t ORDER BY "card" ANN OF :v LIMIT 1',
    "SELECT k FROM ks.t WHERE k = 1 AND card LIKE '4%'",
    'SELECT k FROM ks.t WHERE card CONTAINS 1 ALLOW FILTERING',
    'SELECT k FROM ks.t WHERE card CONTAINS KEY 1 ALLOW FILTERING',
    "SELECT k FROM ks.t WHERE card['a'] = 1 ALLOW FILTERING",
    'SELECT k FROM ks.t WHERE (k, card) > (1, 2)',
    'SELECT k FROM ks.t WHERE ((card = 1)) ALLOW FILTERING',
    'SELECT k FROM ks.t WHERE token(card) > 1',
    'SELECT k FROM ks.t WHERE card IS NOT NULL',
    'SELECT count(*) FROM ks.t WHERE card IN (1, 2) ALLOW FILTERING',
    "SELECT k FROM ks.t WHERE expr(an_index, '4%')",
    'UPDATE ks.t SET a = 1 WHERE k = 1 AND card = 2 IF EXISTS',
    'UPDATE ks.t SET a = 1 WHERE (k, card) = (1, 2) IF a = 3',
    'DELETE FROM ks.t WHERE k = 1 AND card = 2 IF EXISTS',
    'BEGIN BATCH DELETE FROM ks.t WHERE k = 1 IF a = 2; DELETE FROM ks.t WHERE k = 1 AND card = 2 IF a = 2 APPLY BATCH',
  ])('is compared with by %s', (text) => {
    expect(missing(text)).toBe('SELECT_MASKED ON TABLE ks.t');
    expect(missing(text, ['SELECT_MASKED ON TABLE ks.t'])).toBe('permit');
    expect(missing(text, ['UNMASK ON TABLE ks.t'])).toBe('permit');
  });

  it.each([
    "INSERT INTO ks.t (k, card) VALUES (1, '?') IF NOT EXISTS",
    "INSERT INTO ks.t JSON '{}' IF NOT EXISTS",
    'UPDATE ks.t SET a = 1 WHERE k = 1 IF card = 2',
    'UPDATE ks.t SET a = 1 WHERE k = 1 IF a = 1 AND card.x IN (2)',
    "DELETE FROM ks.t WHERE k = 1 IF card['a'] != 2",
    'BEGIN BATCH INSERT INTO ks.t (k) VALUES (1); INSERT INTO ks.t (k) VALUES (1) IF NOT EXISTS APPLY BATCH',
    'BEGIN BATCH UPDATE ks.t SET a = 1 WHERE k = 1 IF EXISTS; UPDATE ks.t SET a = 1 WHERE k = 2 IF EXISTS APPLY BATCH',
    'BEGIN BATCH UPDATE ks.t SET a = 1 WHERE k = 1 IF a = 2; DELETE FROM ks.t WHERE k = 2 IF EXISTS APPLY BATCH',
  ])('comes back unmasked in the answer of %s', (text) => {
    expect(missing(text)).toBe('UNMASK ON TABLE ks.t');
    expect(missing(text, ['SELECT_MASKED ON TABLE ks.t'])).toBe('UNMASK ON TABLE ks.t');
    expect(missing(text, ['UNMASK ON TABLE ks.t'])).toBe('permit');
  });

  it.each([
    'SELECT card FROM ks.t',
    'SELECT k FROM ks.t ORDER BY embedding ANN OF [1] LIMIT 1',
    'SELECT k FROM ks.t ORDER BY ann DESC',
    'INSERT INTO ks.t (k, card) VALUES (1, 2)',
    'INSERT INTO ks.other (k) VALUES (1) IF NOT EXISTS',
    'UPDATE ks.t SET card = 1 WHERE k = 1 IF EXISTS',
    'UPDATE ks.t SET card = 1 WHERE k = 1 IF a = 1',
    'BEGIN BATCH UPDATE ks.t SET card = 1 WHERE k = 1 IF a = 1; DELETE FROM ks.t WHERE k = 2 APPLY BATCH',
  ])('is hidden by Cassandra, or does not show, in %s', (text) => {
    expect(missing(text)).toBe('permit');
  });
});

describe('units of durations', () => {
  it.each(['1us', '1\u00b5s', '2Y3mo1W4D5h6M7S8Ms9US10\u00b5S11nS'])(
    'take %s, as Cassandra does',
    (text) => {
      expect(isStatement(analyse(`SELECT ${text} FROM ks.t`, null))).toBe(true);
    },
  );

  it.each(['1\u03bcs', '1\u039cs', '1\u03bcS', '5d1\u03bcs', '1m\u017f'])('refuse %s', (text) => {
    expect(isStatement(analyse(`SELECT ${text} FROM ks.t`, null))).toBe(false);
  });
});
