// Functions, aggregates and triggers: which overloads they define, and what their making needs.
import { describe, expect, it } from 'vitest';
import { needsIn, read, ruleOf } from '../statements.ts';

const BODY = 'CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$ return a; $$';

describe('a function', () => {
  it('is defined by its name and the types of its arguments', () => {
    expect(
      read(`CREATE FUNCTION IF NOT EXISTS f (a int, b frozen<ks.u>) ${BODY}`, 'ks').defines,
    ).toEqual({
      keyspace: 'ks',
      name: 'f',
      signature: [
        { kind: 'native', name: 'int' },
        { kind: 'user', keyspace: null, name: 'u' },
      ],
      change: 'create',
    });
    expect(read(`CREATE OR REPLACE FUNCTION ks.f () ${BODY}`).defines?.change).toBe('replace');
    expect(read('DROP FUNCTION ks.f').defines).toMatchObject({ signature: null, change: 'drop' });
    expect(read('DROP AGGREGATE IF EXISTS ks.a ()').defines).toMatchObject({ signature: [] });
  });

  it('that is replaced needs ALTER on what is there beside CREATE', () => {
    expect(needsIn(`CREATE OR REPLACE FUNCTION ks.f (a text) ${BODY}`)).toEqual([
      'CREATE ON ALL FUNCTIONS IN KEYSPACE ks',
      'ALTER ON FUNCTION ks.f(text)',
    ]);
  });

  it('of an aggregate is run with its state, and needs EXECUTE', () => {
    const text = 'CREATE AGGREGATE ks.a (int) SFUNC s STYPE list<int> FINALFUNC g INITCOND []';
    expect(needsIn(text)).toEqual([
      'CREATE ON ALL FUNCTIONS IN KEYSPACE ks',
      'EXECUTE ON FUNCTION ks.s(list<int>,int)',
      'EXECUTE ON FUNCTION ks.g(list<int>)',
    ]);
    expect(read(text).functions.map(({ name }) => name)).toEqual(['a', 's', 'g']);
  });

  it.each([
    `CREATE FUNCTION ks.f (int) ${BODY}`,
    `CREATE FUNCTION ks.ttl (a int) ${BODY}`,
    'CREATE FUNCTION ks.f (a int) RETURNS int LANGUAGE java AS $$ $$',
    'CREATE FUNCTION ks.f (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS x',
    'CREATE AGGREGATE ks.a (int) STYPE int SFUNC s',
    'CREATE AGGREGATE ks.a (int) SFUNC ks.s STYPE int',
    'DROP FUNCTION ks.f(a int)',
  ])('%s is none', (text) => {
    expect(ruleOf(text)).toBe('syntax');
  });
});

describe('a trigger', () => {
  it('needs ALTER on its table, and the capability', () => {
    for (const text of [
      "CREATE TRIGGER IF NOT EXISTS x ON ks.t USING 'c'",
      'DROP TRIGGER IF EXISTS x ON ks.t',
    ]) {
      expect(needsIn(text)).toEqual(['ALTER ON TABLE ks.t']);
      expect(read(text).capability).toBe('triggers');
    }
    expect(ruleOf('CREATE TRIGGER x ON ks.t')).toBe('syntax');
    expect(ruleOf('CREATE TRIGGER x ON ks.t USING c')).toBe('syntax');
  });
});
