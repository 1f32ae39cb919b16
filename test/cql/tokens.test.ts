// Kinds of tokens: which may be names, of what.
import { describe, expect, it } from 'vitest';
import { isConstant, isName, isTypeName, Kind, Tokens } from '../../src/cql/tokens.ts';

const NAMES = Object.entries(Kind);

describe('tokens', () => {
  it('may be names, or names of types, by their kinds', () => {
    const names = NAMES.filter(([, kind]) => isName(kind)).map(([name]) => name);
    expect(names).toEqual(['QUOTED', 'IDENT', 'UNRESERVED', 'KEY', 'NATIVE_TYPE', 'SPECIAL']);
    const types = NAMES.filter(([, kind]) => isTypeName(kind)).map(([name]) => name);
    expect(types).toEqual(['QUOTED', 'IDENT', 'UNRESERVED', 'KEY']);
  });

  it('are constants from strings on', () => {
    const constants = NAMES.filter(([, kind]) => isConstant(kind)).map(([name]) => name);
    expect(constants).toEqual([
      'STRING',
      'INTEGER',
      'FLOAT',
      'BLOB',
      'UUID',
      'DURATION',
      'BOOLEAN',
    ]);
  });

  it('keep where they stand in the text', () => {
    const tokens = new Tokens(4);
    tokens.push(Kind.IDENT, 3, 7);
    tokens.push(Kind.END, 9, 9);
    expect([tokens.count, tokens.kindAt(0), tokens.kindAt(1)]).toEqual([2, Kind.IDENT, Kind.END]);
    expect([tokens.starts[0], tokens.ends[0], tokens.wordAt(0)]).toEqual([3, 7, '']);
  });
});
