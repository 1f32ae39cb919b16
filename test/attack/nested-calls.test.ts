// Calls around calls in a value: to find the function that is meant, Cassandra goes through the arguments again and
// again while it prepares the statement, so that a text of a hundred characters occupies a thread for days.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';

const insert = (term: string) => `INSERT INTO shop.t (a) VALUES (${term})`;
const nest = (open: string, close: string, depth: number, core = '1') =>
  open.repeat(depth) + core + close.repeat(depth);

describe('calls around calls', () => {
  it.each([
    ['of any type', insert(nest('mask_default(', ')', 12))],
    ['of any type, beside another argument', insert(nest('mask_replace(1, ', ')', 12))],
    ['to and from JSON', insert(nest('fromJson(toJson(', '))', 6))],
    ['of aggregates', insert(nest('max(', ')', 12))],
    ['of collections', insert(nest('collection_max([', '])', 12))],
    ['in keyspace system', insert(nest('system.mask_default(', ')', 12))],
    ['in WHERE', `SELECT a FROM shop.t WHERE a = ${nest('toJson(', ')', 12)}`],
    ['in an element', `SELECT m[${nest('mask_null(', ')', 12)}] FROM shop.t`],
    ['in SET', `UPDATE shop.t SET a[${nest('mask_null(', ')', 12)}] = 1 WHERE k = 1`],
    ['in IF', `UPDATE shop.t SET a = 1 WHERE k = 1 IF a = ${nest('mask_null(', ')', 12)}`],
    ['under CAST', insert(nest('CAST(toJson(', ') AS text)', 5))],
    ['under CAST, of one type each', insert(nest('CAST(intAsBlob(', ') AS int)', 8))],
    ['under a cast that is called', insert(nest('cast_as_text(mask_default(', '))', 4))],
    ['under minus', insert(nest('-mask_default(', ')', 6))],
    ['under overloads', insert(nest('abs(mask_default(', '))', 6))],
    ["of a user's function under overloads", insert(nest('abs(shop.f(', '))', 8))],
    ["of a user's function around others", insert(nest('shop.f(mask_default(', '))', 8))],
    ['with operators', insert(nest('mask_default(1 + ', ')', 3))],
    ['that convert times', insert(nest('toDate(toTimestamp(', '))', 40, "'2026-01-01'"))],
    ['of CAST alone', insert(nest('CAST(CAST(', ' AS timestamp) AS date)', 45, 'now()'))],
  ])('%s are too costly', (_what, text) => {
    expect(analyse(text, null)).toMatchObject({ rule: 'too_costly' });
    const batch = analyse(`BEGIN BATCH ${text}; APPLY BATCH`, null);
    if (!text.startsWith('SELECT')) expect(batch).toMatchObject({ rule: 'too_costly' });
  });

  it.each([
    ['a few', insert('toJson(CAST(toDate(toTimestamp(now())) AS text))')],
    ['dates and durations', `SELECT a FROM shop.t WHERE a > toTimestamp(now()) - 1d + 2h - 3m`],
    ['the sum of some', insert('shop.f(1) + shop.f(2) + shop.f(3)')],
    ["a user's own function", insert(nest('f(', ')', 95))],
    ['negative numbers', insert(`[${Array.from({ length: 10_000 }, () => '- 1').join()}]`)],
    [
      'many rows with ids and times of the node',
      `BEGIN BATCH ${"INSERT INTO shop.t (a, b, c, d) VALUES (uuid(), toTimestamp(now()), CAST(toTimestamp(now()) AS date), 'x');".repeat(1_000)} APPLY BATCH`,
    ],
  ])('%s are let through', (_what, text) => {
    expect(isStatement(analyse(text, null))).toBe(true);
  });
});
