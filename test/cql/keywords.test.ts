// The words of CQL by class, and Cassandra's own functions.
import { describe, expect, it } from 'vitest';
import { isNativeFunction, isOverloadedFunction, KEYWORDS } from '../../src/cql/keywords.ts';
import { ruleOf } from './statements.ts';

describe('keywords', () => {
  it('are names of tables unless they are reserved', () => {
    for (const [word, wordClass] of KEYWORDS) {
      const rule = ruleOf(`SELECT a FROM ks.${word}`);
      expect([word, rule]).toEqual([word, wordClass === 'reserved' ? 'syntax' : null]);
    }
  });

  it('are names of types unless they are types or special words', () => {
    for (const [word, wordClass] of KEYWORDS) {
      const isName = wordClass === 'unreserved' || wordClass === 'key';
      // Of these a type could follow that is written in the same way.
      expect([word, ruleOf(`CREATE TYPE ks.${word} (a int)`)]).toEqual([
        word,
        isName ? null : 'syntax',
      ]);
    }
  });

  it('are each of one class only', () => {
    expect(KEYWORDS.get('ttl')).toBe('special');
    expect(KEYWORDS.get('key')).toBe('key');
    expect(KEYWORDS.get('int')).toBe('native type');
    expect(KEYWORDS.get('select')).toBe('reserved');
    expect(KEYWORDS.get('ann')).toBe('unreserved');
    expect(KEYWORDS.get('orders')).toBeUndefined();
  });
});

describe("Cassandra's own functions", () => {
  it.each([
    ['now', true, false],
    ['todate', true, true],
    ['to_timestamp', true, true],
    ['blobasint', true, false],
    ['int_as_blob', true, false],
    ['castastext', true, true],
    ['cast_as_int', true, true],
    ['sum', true, true],
    ['f', false, false],
    ['NOW', false, false],
    ['asblob', false, false],
    ['nowx', false, false],
  ])('%s: its own %s, overloaded %s', (name, isNative, isOverloaded) => {
    expect([isNativeFunction(name), isOverloadedFunction(name)]).toEqual([isNative, isOverloaded]);
  });
});
