// SELECTs over Cassandra's own tables that the gate answers or rewrites, up to a number of parts.
import { describe, expect, it } from 'vitest';
import { CQL } from '../../../src/limits/cql.ts';
import { many, read } from '../statements.ts';

describe('a SELECT that the gate looks into', () => {
  it('is simple with plain columns and equalities, and not otherwise', () => {
    const of = (tail: string) =>
      read(`SELECT a, b AS c FROM system.size_estimates ${tail}`).selection;
    expect(of('')).toMatchObject({
      columns: [{ name: 'a' }, { alias: 'c' }],
      where: [],
      limit: null,
    });
    expect(of('WHERE a = ? AND b IN (1, :n) LIMIT ? ALLOW FILTERING')).toMatchObject({
      where: [
        { column: 'a', terms: [{ type: 'marker', index: 0, name: null }] },
        {
          column: 'b',
          terms: [
            { type: 'literal', value: '1', quoted: false },
            { type: 'marker', index: 1, name: 'n' },
          ],
        },
      ],
      limit: { type: 'marker', index: 2 },
    });
    for (const tail of ['WHERE a > 1', 'WHERE token(a) = 1', 'ORDER BY a', 'WHERE a = f(1)']) {
      expect(of(tail)).toBeNull();
    }
  });

  it('has only its columns looked at where its rows are rewritten on their way', () => {
    const { selection } = read('SELECT a FROM system_traces.events WHERE a > 1 ORDER BY b');
    expect(selection).toEqual({ columns: [{ name: 'a', alias: null }], where: [], limit: null });
    expect(read('SELECT f(a) FROM system_traces.events').selection).toBeNull();
    expect(read('SELECT a FROM ks.t WHERE a = 1')).toMatchObject({
      selection: null,
      topology: null,
    });
  });

  it('has as many parts as are gone through, and one more is left to nobody', () => {
    const columns = (n: number) => `SELECT ${many(n, () => 'key')} FROM system.local`;
    // Of a selector each column that is read is a part too.
    expect(read(columns(CQL.selectionParts / 2)).topology).not.toBeNull();
    expect(read(columns(CQL.selectionParts / 2 + 1)).topology).toBeNull();
    const terms = (n: number) =>
      `SELECT a FROM system.size_estimates WHERE b IN (${many(n, () => '1')})`;
    expect(read(terms(CQL.selectionParts - 1)).selection).not.toBeNull();
    expect(read(terms(CQL.selectionParts)).selection).toBeNull();
  });
});
