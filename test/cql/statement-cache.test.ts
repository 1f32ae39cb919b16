// Which statements are kept: those whose texts come again, as long as there is room.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { StatementCache } from '../../src/cql/statement-cache.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { LEDGER } from '../../src/limits/audit.ts';
import { CQL } from '../../src/limits/cql.ts';
import { MEMORY } from '../../src/limits/session.ts';
import { footprintOf, MAP_ENTRY_BYTES, stringBytes } from '../../src/memory/footprint.ts';

const SELECT = 'SELECT v FROM t WHERE k = 1';

function statementOf(cache: StatementCache, text: string, keyspace: string | null): Statement {
  const found = cache.get(text, keyspace);
  if (!isStatement(found)) throw new Error(found.reason);
  return found;
}

describe('the statement cache', () => {
  it('keeps a text when it comes for the second time, and says so', () => {
    const cache = new StatementCache({ maxBytes: 1_000_000 });
    const [first, second, third] = [1, 2, 3].map(() => statementOf(cache, SELECT, 'ks'));
    expect(first!.isKept).toBe(false);
    expect(second!.isKept).toBe(true);
    expect(third).toBe(second);
    expect(second).toEqual({ ...first, isKept: true });
  });

  it('keeps apart what a text means in each keyspace, and in none', () => {
    const cache = new StatementCache({ maxBytes: 1_000_000 });
    for (let i = 0; i < 3; i++) {
      expect(statementOf(cache, SELECT, 'a').tables).toEqual([{ keyspace: 'a', table: 't' }]);
      expect(statementOf(cache, SELECT, 'b').tables).toEqual([{ keyspace: 'b', table: 't' }]);
      expect(isStatement(cache.get(SELECT, null))).toBe(false);
    }
  });

  it('keeps texts that are not understood too', () => {
    const cache = new StatementCache({ maxBytes: 1_000_000 });
    cache.get('SELECT', null);
    expect(cache.get('SELECT', null)).toBe(cache.get('SELECT', null));
  });

  it('lets go of the older half when it is full, but for what is used', () => {
    const cache = new StatementCache({ maxBytes: 20_000 });
    const used = [1, 2].map(() => statementOf(cache, SELECT, 'ks'))[1]!;
    const unused = [1, 2].map(() => statementOf(cache, 'SELECT x FROM t', 'ks'))[1]!;
    for (let i = 0; i < 50; i++) {
      const text = `SELECT v FROM t WHERE k = ${1_000 + i}`;
      expect(statementOf(cache, text, 'ks').isKept).toBe(false);
      expect(statementOf(cache, text, 'ks').isKept).toBe(true);
      expect(statementOf(cache, SELECT, 'ks')).toBe(used);
    }
    expect(statementOf(cache, 'SELECT x FROM t', 'ks')).not.toBe(unused);
  });

  it('does not fill with texts that come once: what is used stays', () => {
    const cache = new StatementCache({ maxBytes: 20_000 });
    const used = [1, 2].map(() => statementOf(cache, SELECT, 'ks'))[1]!;
    for (let i = 0; i < 5_000; i++) {
      statementOf(cache, `SELECT v FROM t WHERE k = ${1_000_000 + i}`, 'ks');
    }
    expect(statementOf(cache, SELECT, 'ks')).toBe(used);
  });

  it('charges for a text what it and its statement take, and what will be recorded of it', () => {
    const charged = (text: string): number => {
      const cache = new StatementCache({ maxBytes: 10_000_000 });
      for (let times = 0; times < 2; times++) cache.get(text, 'ks');
      return cache.bytes;
    };
    const expected = (text: string, recorded: number): number =>
      MAP_ENTRY_BYTES + stringBytes(text) + footprintOf(analyse(text, 'ks')) + recorded;
    expect(charged(SELECT)).toBe(expected(SELECT, stringBytes(SELECT) + MEMORY.keptBytes));
    const long = SELECT.padEnd(LEDGER.textBytes + 1);
    expect(charged(long)).toBe(expected(long, LEDGER.textBytes + MEMORY.keptBytes));
    // Of what is not understood nothing is worked out later.
    expect(charged('SELECT')).toBe(expected('SELECT', 0));
  });

  it('keeps no statement that takes more than one may, however large it is itself', () => {
    const called = (count: number): string =>
      `SELECT ${Array.from({ length: count }, (_unused, i) => `f${i}(a)`).join(',')} FROM t`;
    const bytesOf = (count: number): number => {
      const cache = new StatementCache({ maxBytes: 8 * CQL.cachedStatementBytes });
      for (let times = 0; times < 2; times++) cache.get(called(count), 'ks');
      return cache.bytes;
    };
    let [most, more]: [number, number] = [1, CQL.namesPerText];
    while (more - most > 1) {
      const middle = Math.floor((most + more) / 2);
      if (bytesOf(middle) > 0) most = middle;
      else more = middle;
    }
    const each = bytesOf(most) - bytesOf(most - 1);
    expect(bytesOf(most)).toBeLessThanOrEqual(CQL.cachedStatementBytes);
    expect(bytesOf(most) + 2 * each).toBeGreaterThan(CQL.cachedStatementBytes);
  });

  it('remembers no more texts that came once than it has places for', () => {
    const isRememberedAmong = (texts: number): boolean => {
      const cache = new StatementCache({ maxBytes: 1_000_000 });
      cache.get(SELECT, 'ks');
      // What does not lex is analysed at once, and comes once only.
      for (let i = 0; i < texts; i++) cache.get(`"${i}`, 'ks');
      return statementOf(cache, SELECT, 'ks').isKept;
    };
    expect(isRememberedAmong(100)).toBe(true);
    // Each place is taken five times over.
    expect(isRememberedAmong(5 * CQL.textsSeen)).toBe(false);
  });
});
