// Types as Cassandra stores them: nearly CQL, but a user's type called `int` stands there without quotes.
import { describe, expect, it } from 'vitest';
import { storedSignature, storedTypes } from '../../src/cql/stored-type.ts';
import { formatSignature } from '../../src/cql/type.ts';

const types = (text: string, ...own: readonly string[]) =>
  formatSignature(storedTypes(text, (name) => own.includes(name)));

describe('a stored type', () => {
  it.each([
    ['', ''],
    ['  ', ''],
    ['int, text', 'int,text'],
    ['varchar', 'text'],
    ['frozen<list<text>>', 'list<text>'],
    ['map<int, frozen<set<addr>>>', 'map<int,set<addr>>'],
    ['tuple<int, bigint>', 'tuple<int,bigint>'],
    ['vector<float, 3>', 'vector<float,3>'],
    ['"Int"', '"Int"'],
    ['frozen<int>', '"int"'],
  ])('%j is %s', (text, written) => {
    expect(types(text)).toBe(written);
  });

  it('is not known where the keyspace has a type of that name itself', () => {
    expect(types('int')).toBe('int');
    expect(types('int', 'int')).toBe("'int'");
    expect(types('list<int>', 'int')).toBe("list<'int'>");
    expect(types('"int"', 'int')).toBe('"int"');
  });

  it.each([
    "'unclosed",
    'list<int',
    'list<int,',
    'vector<float>',
    'foo<int>',
    'int text',
    'int,',
    '1',
  ])('%j is not read, as a whole', (text) => {
    expect(types(text)).toBe(`'${text.replaceAll("'", "''")}'`);
  });

  it('stands alone in each text of a signature', () => {
    const never = () => false;
    expect(formatSignature(storedSignature(['int', 'frozen<list<text>>'], never))).toBe(
      'int,list<text>',
    );
    expect(formatSignature(storedSignature(['int, text', ''], never))).toBe("'int, text',''");
  });
});
