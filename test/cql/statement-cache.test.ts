// Which statements are kept: those whose texts come again, as long as there is room.
import { describe, expect, it } from 'vitest';
import { isStatement } from '../../src/cql/analyse.ts';
import { StatementCache } from '../../src/cql/statement-cache.ts';
import type { Statement } from '../../src/cql/statement.ts';

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
});
