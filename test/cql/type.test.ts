// Types as data: which signatures are the same, which are not known for sure, and how they are written.
import { describe, expect, it } from 'vitest';
import {
  formatSignature,
  isOfOtherKeyspace,
  isSameSignature,
  isUnread,
  NATIVE_TYPES,
  type CqlType,
} from '../../src/cql/type.ts';

const INT: CqlType = { kind: 'native', name: 'int' };
const TEXT: CqlType = { kind: 'native', name: 'text' };
const USER: CqlType = { kind: 'user', keyspace: null, name: 'u' };
const FOREIGN: CqlType = { kind: 'user', keyspace: 'other', name: 'u' };
const UNREAD: CqlType = { kind: 'unread', text: "it's" };
const DISTINCT: readonly CqlType[] = [
  INT,
  TEXT,
  USER,
  FOREIGN,
  { kind: 'user', keyspace: null, name: 'int' },
  { kind: 'list', of: [INT] },
  { kind: 'set', of: [INT] },
  { kind: 'list', of: [TEXT] },
  { kind: 'tuple', of: [INT, TEXT] },
  { kind: 'tuple', of: [TEXT, INT] },
  { kind: 'tuple', of: [INT] },
  { kind: 'vector', of: [INT], dimension: 2 },
  { kind: 'vector', of: [INT], dimension: 3 },
];

describe('signatures', () => {
  it('are the same where each type is, and nothing is the same as what is not known', () => {
    for (const [i, a] of DISTINCT.entries()) {
      for (const [j, b] of DISTINCT.entries()) {
        expect([formatSignature([a]), formatSignature([b]), isSameSignature([a], [b])]).toEqual([
          formatSignature([a]),
          formatSignature([b]),
          i === j,
        ]);
      }
    }
    expect(isSameSignature([UNREAD], [UNREAD])).toBe(false);
    expect(isSameSignature([INT], [INT, INT])).toBe(false);
    expect(isSameSignature([], [])).toBe(true);
  });

  it('are written apart, each in its own way', () => {
    expect(new Set(DISTINCT.map((type) => formatSignature([type]))).size).toBe(DISTINCT.length);
    expect(formatSignature([INT, UNREAD])).toBe("int,'it''s'");
    expect(NATIVE_TYPES.get('varchar')).toEqual(TEXT);
  });

  it('are not known for sure where a type within is not', () => {
    expect(isUnread([INT, { kind: 'list', of: [{ kind: 'set', of: [UNREAD] }] }])).toBe(true);
    expect(isUnread(DISTINCT)).toBe(false);
    expect(isOfOtherKeyspace([{ kind: 'list', of: [FOREIGN] }])).toBe(true);
    expect(isOfOtherKeyspace([USER, { kind: 'list', of: [USER] }])).toBe(false);
  });
});
