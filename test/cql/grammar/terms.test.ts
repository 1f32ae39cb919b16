// Terms: where a parenthesis opens a hint, a tuple or a call, and decimals that would take a node long.
import { describe, expect, it } from 'vitest';
import { CQL } from '../../../src/limits/cql.ts';
import { read, ruleOf } from '../statements.ts';

const insert = (term: string) => `INSERT INTO ks.t (a) VALUES (${term})`;

describe('a term', () => {
  it.each([
    ['-Infinity', []],
    ['NaN', []],
    ['null', []],
    ["{'a': [1, 2], 'b': []}", []],
    ['{1, 2}', []],
    ['{}', []],
    ['{f: 1, g: (2, 3)}', []],
    ['-f(1)', ['f/1']],
    ['ks2.f(?, :x)', ['f/2']],
    ['token(1)', ['token/1']],
    ['count(1)', ['count/1']],
    ['(list<int>)[1]', []],
    ['(int)f()', ['f/0']],
    ['(1, f(2))', ['f/1']],
    ['CAST(f(1) AS text)', ['f/1']],
    ['1 - f(2) * g(3)', ['f/1', 'g/1']],
    ['1 % 2 / 3', []],
    ['f(f(1), f(2, 3))', ['f/1', 'f/2']],
    ['a + 1', null],
    ['ttl(1)', null],
    ['key(1)', null],
    ['select(1)', null],
    ['(int)', null],
    ['[1', null],
    ['{1: 2, 3}', null],
    ['{1, 2: 3}', null],
    ['CAST(1 AS u)', null],
    ['1 +', null],
    ['f(1,)', null],
  ])('%s', (text, calls) => {
    expect(ruleOf(insert(text))).toBe(calls === null ? 'syntax' : null);
    if (calls === null) return;
    const found = read(insert(text)).calls.map(({ name, arity }) => `${name}/${arity}`);
    expect(found.sort()).toEqual([...calls].sort());
  });

  it('may be a decimal that is written as a blob up to a scale, of either sign, and none beyond it', () => {
    const decimal = (scale: number) => {
      const head = (scale >>> 0).toString(16).padStart(8, '0');
      return ruleOf(insert(`blobAsDecimal(0x${head}01)`));
    };
    expect([decimal(CQL.decimalScale - 1), decimal(1 - CQL.decimalScale)]).toEqual([null, null]);
    expect([decimal(CQL.decimalScale), decimal(-CQL.decimalScale)]).toEqual([
      'too_costly',
      'too_costly',
    ]);
    // What is bound can be seen by nobody, and what is computed not before it is.
    expect(ruleOf(insert('blob_as_decimal(?)'))).toBeNull();
    expect(ruleOf(insert('blob_as_decimal(textAsBlob(?))'))).toBe('too_costly');
  });

  it('in JSON may hold such a decimal too', () => {
    const json = (exponent: number) => ruleOf(insert(`fromJson('1e-${exponent}') + 1`));
    expect(json(CQL.decimalScale)).toBeNull();
    expect(json(20_000)).toBe('too_costly');
  });
});
