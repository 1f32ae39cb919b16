// The cursor over a text: names and keyspaces, bind markers, hints at words of other products, and how much one text
// may name.
import { describe, expect, it } from 'vitest';
import { CQL } from '../../../src/limits/cql.ts';
import { Parser } from '../../../src/cql/grammar/parser.ts';
import { isLexicalError, tokenize } from '../../../src/cql/lexer.ts';
import { many, read, reasonOf, ruleOf } from '../statements.ts';

function parserOf(text: string, keyspace: string | null = null): Parser {
  const tokens = tokenize(text);
  if (isLexicalError(tokens)) throw new Error(tokens.reason);
  return new Parser(text, tokens, keyspace);
}

describe('a cursor', () => {
  it('reads names as Cassandra does: unquoted in lower case, quoted exactly', () => {
    const p = parserOf('Ks."Ta""b" t');
    expect(p.qualifiedName('a name')).toEqual({ keyspace: 'ks', name: 'Ta"b' });
    expect(p.qualifiedName('a name')).toEqual({ keyspace: null, name: 't' });
    expect(parserOf('t', 'cur').table()).toEqual({ keyspace: 'cur', table: 't' });
    expect(() => parserOf('t').table()).toThrow(/No keyspace has been specified/);
    expect(() => parserOf('select').name('a table')).toThrow(/expected a table, found 'select'/);
  });

  it('notes that a name was looked up in the keyspace of the session, and only then', () => {
    const own = parserOf('t', 'cur');
    own.table();
    expect(own.usesKeyspace).toBe(true);
    const full = parserOf('ks.t', 'cur');
    full.table();
    expect(full.usesKeyspace).toBe(false);
  });

  it('counts bind markers, with names and without', () => {
    const p = parserOf('? :a :"B" : 1');
    expect([p.acceptMarker(), p.acceptMarker(), p.acceptMarker()]).toEqual([true, true, true]);
    expect([p.acceptMarker(), p.markers]).toEqual([false, 3]);
  });

  it('reads a string with its doubled quotes, and between dollars as it is', () => {
    expect(parserOf("'it''s'").stringLiteral()).toBe("it's");
    expect(parserOf("$$it''s$$").stringLiteral()).toBe("it''s");
    expect(() => parserOf("'a\0b'").nameLiteral()).toThrow(/U\+0000/);
  });

  it('goes over tokens once more without counting them again', () => {
    const p = parserOf('a b', 'ks');
    p.charge(5, 'x');
    const tokens: number[] = [];
    const found = p.again(
      0,
      (token) => tokens.push(token),
      () => {
        p.readColumn(0);
        p.charge(7, 'x');
        p.advance();
        return 'found';
      },
    );
    expect([found, tokens, p.index, p.costUs, p.columns]).toEqual(['found', [0], 0, 5, []]);
  });

  it('tells where a text stops being CQL of 5.0', () => {
    expect(reasonOf('CREATE SCHEMA ks')).toMatch(/write KEYSPACE/);
    expect(reasonOf('SELECT a FROM ks.t WHERE a BETWEEN 1 AND 2')).toMatch(/later Cassandra/);
    expect(reasonOf('SELECT a FROM ks.t BYPASS CACHE')).toMatch(/ScyllaDB only/);
    expect(reasonOf('SELECT a FROM')).toMatch(/found the end/);
    expect(reasonOf(`SELECT a FROM ks.t ${'x'.repeat(99)}`)).not.toContain('x'.repeat(41));
  });
});

describe('a text', () => {
  it('nests as deep as it may, and no level deeper', () => {
    // A selection is a level, and what is selected another.
    const fields = (levels: number) => `SELECT a${'.f'.repeat(levels)} FROM ks.t`;
    expect(ruleOf(fields(CQL.nestingDepth - 2))).toBeNull();
    expect(ruleOf(fields(CQL.nestingDepth - 1))).toBe('too_costly');
    // A collection is two levels, and the constant within one.
    const lists = (levels: number) =>
      `INSERT INTO ks.t (a) VALUES (${'['.repeat(levels)}1${']'.repeat(levels)})`;
    expect(ruleOf(lists(CQL.nestingDepth / 2 - 1))).toBeNull();
    expect(ruleOf(lists(CQL.nestingDepth / 2))).toBe('too_costly');
  });

  it.each([
    ['functions', (n: number) => `INSERT INTO ks.t (a) VALUES ([${many(n, (i) => `f${i}(1)`)}])`],
    ['types', (n: number) => `INSERT INTO ks.t (a) VALUES ([${many(n, (i) => `(ks.u${i})?`)}])`],
    [
      'types in strings',
      (n: number) => `CREATE TYPE ks.u (${many(n, (i) => `c${i} 'Int32Type${' '.repeat(i)}'`)})`,
    ],
    [
      'statements',
      (n: number) =>
        `BEGIN BATCH ${many(n, (i) => `DELETE FROM ks.t${i} WHERE k=1`, ';')} APPLY BATCH`,
    ],
  ])('names as many %s as one may, and not one more', (what, text) => {
    const most = what === 'types in strings' ? CQL.namesPerText / 4 : CQL.namesPerText;
    expect(ruleOf(text(most))).toBeNull();
    if (most < CQL.namesPerText) return;
    expect(reasonOf(text(most + 1))).toContain(`more than ${CQL.namesPerText} different ${what}`);
  });

  it('names as many classes that are not Cassandra’s own as one may, and not one more', () => {
    const text = (n: number) => `CREATE TYPE ks.u (${many(n, (i) => `c${i} 'org.example.T${i}'`)})`;
    expect(read(text(CQL.classesPerText)).classes).toHaveLength(CQL.classesPerText);
    expect(ruleOf(text(CQL.classesPerText + 1))).toBe('too_costly');
  });

  it('has its columns kept by name up to a number, and all of them meant beyond it', () => {
    const selected = (n: number) => read(`SELECT ${many(n, (i) => `c${i}`)} FROM ks.t`).columns;
    expect(selected(CQL.columnsKept)).toHaveLength(CQL.columnsKept);
    expect(selected(CQL.columnsKept + 1)).toBeNull();
    const compared = (n: number) =>
      read(`SELECT a FROM ks.t WHERE ${many(n, (i) => `c${i}=1`, ' AND ')}`).restricted;
    expect(compared(CQL.columnsKept)).toHaveLength(CQL.columnsKept);
    expect(compared(CQL.columnsKept + 1)).toBeNull();
  });
});
