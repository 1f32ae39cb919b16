// Types as CQL writes them, and where a parenthesis may open one.
import { describe, expect, it } from 'vitest';
import { Parser } from '../../../src/cql/grammar/parser.ts';
import { type, typeEnd } from '../../../src/cql/grammar/types.ts';
import { isLexicalError, tokenize } from '../../../src/cql/lexer.ts';
import { Kind } from '../../../src/cql/tokens.ts';
import { formatSignature } from '../../../src/cql/type.ts';
import { ruleOf } from '../statements.ts';

function parserOf(text: string): Parser {
  const tokens = tokenize(text);
  if (isLexicalError(tokens)) throw new Error(tokens.reason);
  return new Parser(text, tokens, null);
}

describe('a type', () => {
  it.each([
    ['int', 'int'],
    ['VarChar', 'text'],
    ['frozen<list<varchar>>', 'list<text>'],
    ['map<int, frozen<tuple<text, ks.u>>>', 'map<int,tuple<text,ks.u>>'],
    ['vector<float, 3>', 'vector<float,3>'],
    ['vector<vector<float, 3>, 2>', 'vector<vector<float,3>,2>'],
    ['"int"', '"int"'],
    ['int.u', 'int.u'],
    ['list', 'list'],
    ['ks.int', null],
    ['key', 'key'],
  ])('%s is %s', (text, written) => {
    const read = () => {
      const p = parserOf(text);
      const found = formatSignature([type(p)]);
      if (p.kind !== Kind.END) throw p.unexpected('the end');
      return found;
    };
    if (written === null) expect(read).toThrow();
    else expect(read()).toBe(written);
  });

  it.each([
    'frozen<int>',
    'frozen<ks.u, int>',
    'map<int>',
    'list<int, int>',
    'list<>',
    'vector<float>',
    'vector<float, x>',
    'foo<int>',
    'byte',
    'ttl',
    'list<int',
  ])('%s is none', (text) => {
    expect(ruleOf(`CREATE TYPE ks.u (a ${text})`)).toBe('syntax');
  });

  it.each([
    ['int)', 1],
    ['list<int>)', 4],
    ['vector<float, 3>)', 6],
    ['ks.u)', 3],
    ["'Int32Type')", 1],
    ['1)', -1],
    ['list<1)', -1],
    ['select)', -1],
  ])('that may begin at %s ends at token %i', (text, end) => {
    expect(typeEnd(parserOf(text), 0)).toBe(end);
  });
});
