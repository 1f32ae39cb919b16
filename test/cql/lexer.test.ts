// Text to tokens, where Cassandra's lexer commits by what it sees first; and the digits of long numbers.
import { describe, expect, it } from 'vitest';
import { PARSING } from '../../src/limits/cql.ts';
import { isLexicalError, nameOf, tokenize } from '../../src/cql/lexer.ts';
import { Kind } from '../../src/cql/tokens.ts';

const NAMES = Object.entries(Kind);

/** Each token as kind and source text; or the reason. */
function lexed(text: string): string[] | string {
  const tokens = tokenize(text);
  if (isLexicalError(tokens)) return tokens.reason;
  return Array.from({ length: tokens.count - 1 }, (_unused, i) => {
    const kind = NAMES.find(([, code]) => code === tokens.kindAt(i))?.[0];
    return `${kind}:${text.slice(tokens.starts[i], tokens.ends[i])}`;
  });
}

describe('tokens', () => {
  it.each([
    ['SELECT a', ['RESERVED:SELECT', 'IDENT:a']],
    [
      'ttl key int ann true',
      ['SPECIAL:ttl', 'KEY:key', 'NATIVE_TYPE:int', 'UNRESERVED:ann', 'BOOLEAN:true'],
    ],
    ['"A""b" ""', ['QUOTED:"A""b"', 'EMPTY_QUOTED:""']],
    ["'it''s' $$a'b$$", ["STRING:'it''s'", "STRING:$$a'b$$"]],
    ['1 -2 3.5 4e-5 6.', ['INTEGER:1', 'INTEGER:-2', 'FLOAT:3.5', 'FLOAT:4e-5', 'FLOAT:6.']],
    ['a-1', ['IDENT:a', 'INTEGER:-1']],
    ['1..2', ['INTEGER:1', 'PUNCTUATION:..', 'INTEGER:2']],
    ['0xAb 0x', ['BLOB:0xAb', 'BLOB:0x']],
    ['12345678-1234-1234-1234-123456789abc', ['UUID:12345678-1234-1234-1234-123456789abc']],
    ['abcdef01-1234-1234-1234-123456789abc', ['UUID:abcdef01-1234-1234-1234-123456789abc']],
    ['1y2mo3us P1DT2H -P1D', ['DURATION:1y2mo3us', 'DURATION:P1DT2H', 'DURATION:-P1D']],
    ['-NaN -infinity', ['FLOAT:-NaN', 'FLOAT:-infinity']],
    ['expr(i', ['EXPR_OPEN:expr(', 'IDENT:i']],
    ['EXPR(i', ['IDENT:EXPR', 'PUNCTUATION:(', 'IDENT:i']],
    ['a<=b!=c', ['IDENT:a', 'PUNCTUATION:<=', 'IDENT:b', 'PUNCTUATION:!=', 'IDENT:c']],
    ['a /* x */ b -- y\nc // z\rd', ['IDENT:a', 'IDENT:b', 'IDENT:c', 'IDENT:d']],
  ])('of %j', (text, tokens) => {
    expect(lexed(text)).toEqual(tokens);
  });

  it.each([
    ["'a", true],
    ['"a', true],
    ['$$a', true],
    ['$a', true],
    ['a /* b', true],
    ['a -- b', true],
    ['a é', true],
    ['a !', true],
    ['"a\0"', false],
    ['1a', false],
    ['12345678-1', false],
    ['1e999', false],
    ['-nax', false],
  ])('of %j there are none: no CQL %s', (text, isNoCql) => {
    expect(tokenize(text)).toMatchObject({ isNoCql });
  });

  it('stand for names: words in lower case, quoted ones as they are', () => {
    const text = 'Orders "Or""ders" TTL';
    const tokens = tokenize(text);
    if (isLexicalError(tokens)) throw new Error(tokens.reason);
    expect([0, 1, 2].map((i) => nameOf(text, tokens, i))).toEqual(['orders', 'Or"ders', 'ttl']);
  });

  it('are told apart in texts longer than the arrays that are used again', () => {
    const long = tokenize('a '.repeat(20_000));
    const short = tokenize('b');
    expect(isLexicalError(long) || isLexicalError(short)).toBe(false);
    expect((long as { count: number }).count).toBe(20_001);
    expect((short as { count: number }).count).toBe(2);
  });
});

describe('the digits of numbers', () => {
  const squares = (text: string): number => {
    const tokens = tokenize(text);
    return isLexicalError(tokens) ? NaN : tokens.squaredDigits;
  };

  it('count in squares from 65 characters on', () => {
    expect(squares('7'.repeat(64))).toBe(0);
    expect(squares('7'.repeat(65))).toBe(65 ** 2);
    expect(squares(`${'7'.repeat(70)} ${'1'.repeat(80)}.5`)).toBe(70 ** 2 + 82 ** 2);
  });

  it('count for an exponent too where a double holds nothing of the number', () => {
    expect(squares('1e-300')).toBe(0);
    expect(squares('1e-400')).toBe((PARSING.exponentDigits * 400) ** 2);
  });
});
