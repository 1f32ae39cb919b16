// Names as CQL needs them written.
import { expect, it } from 'vitest';
import { quoteIfNeeded } from '../../src/cql/quote.ts';

it.each([
  ['ks', 'ks'],
  ['a_1', 'a_1'],
  ['Ks', '"Ks"'],
  ['1a', '"1a"'],
  ['_a', '"_a"'],
  ['a b', '"a b"'],
  ['a"b', '"a""b"'],
  ['', '""'],
  ['select', '"select"'],
  ['true', '"true"'],
  ['ttl', 'ttl'],
  ['int', 'int'],
  ['é', '"é"'],
])('the name %j is written %s', (name, written) => {
  expect(quoteIfNeeded(name)).toBe(written);
});

it('a name that would be read as a word where it stands is quoted', () => {
  expect([quoteIfNeeded('int'), quoteIfNeeded('int', true)]).toEqual(['int', '"int"']);
});
