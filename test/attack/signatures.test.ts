// Types that are named so that a signature, written as text, is another one's: a grant on one overload
// must not be one on the other.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { formatResource } from '../../src/cql/resource.ts';
import type { Resource, Statement } from '../../src/cql/statement.ts';
import { formatSignature, isSameSignature, type CqlType } from '../../src/cql/type.ts';
import { decide, isPermit } from '../../src/policy/decide.ts';
import { parseGrant } from '../../src/policy/grant.ts';
import { SchemaSnapshot } from '../../src/upstream/schema.ts';
import { roleUnderPolicy } from '../support/policy.ts';

function read(text: string): Statement {
  const found = analyse(text, null);
  if (!isStatement(found)) throw new Error(`${text}: ${found.reason}`);
  return found;
}

/** What a role with the grants lacks; `permit` for nothing. */
function decided(grants: readonly string[], text: string, schema: SchemaSnapshot): string {
  const decision = decide(roleUnderPolicy({ grants }), read(text), schema);
  return isPermit(decision) ? 'permit' : decision.missing.join();
}

const fn = (...argumentTypes: string[]) => ({
  keyspace: 'ks',
  name: 'f',
  argumentTypes,
  aggregate: null,
});

describe('a grant on one overload', () => {
  const schema = new SchemaSnapshot(1, { functions: [fn('int')] });

  it.each([
    ['int', '"int"'],
    ['"int"', 'int'],
    ['int,text', '"int,text"'],
    ['"int,text"', 'int,text'],
    ['"a,b",c', 'a,"b,c"'],
    ['list<int>', '"list<int>"'],
    ['"Int"', '"int"'],
    ['t', '"T"'],
    ['ks2.t', 't'],
    ['"ks2.t"', 'ks2.t'],
    ['list<t>', 'set<t>'],
    ['map<int,text>', 'map<text,int>'],
    ['tuple<int,text>', 'tuple<int>'],
    ['tuple<int,text>', 'int,text'],
    ['vector<float,3>', 'vector<float,33>'],
    ['vector<float,3>', '"vector<float,3>"'],
    ['', '""""'],
    ['text', 'ascii'],
    ['"text"', 'varchar'],
  ])('on f(%s) is none on f(%s)', (granted, asked) => {
    const grants = [`DROP ON FUNCTION ks.f(${granted})`, 'SELECT ON KEYSPACE ks2'];
    const text = (types: string): string => `DROP FUNCTION ks.f(${types})`;
    expect(decided(grants, text(granted), schema)).toBe('permit');
    expect(decided(grants, text(asked), schema)).toMatch(/^DROP ON FUNCTION ks\.f\(/);
  });

  it.each([
    ['varchar', 'text'],
    ['INT', 'int'],
    ['ks.t', 't'],
    ['"t"', 'T'],
    ['list<frozen<t>>', 'frozen<list<t>>'],
    ['vector<float, 3>', 'VECTOR<FLOAT, 03>'],
    ['map<text, frozen<set<int>>>', 'map<varchar,set<int>>'],
  ])('on f(%s) is one on f(%s), which Cassandra takes for the same', (granted, asked) => {
    const grants = [`DROP ON FUNCTION ks.f(${granted})`];
    expect(decided(grants, `DROP FUNCTION ks.f(${asked})`, schema)).toBe('permit');
  });

  it("is told apart from others in the cluster's own schema", () => {
    const there = new SchemaSnapshot(1, {
      functions: [fn('"int,text"', 'frozen<"Int">'), fn('int', 'text')],
    });
    const call = 'SELECT ks.f(a, b) FROM ks.t';
    const execute = (types: string): string => `EXECUTE ON FUNCTION ks.f(${types})`;
    const grants = ['SELECT ON KEYSPACE ks', execute('int,text')];
    expect(decided(grants, call, there)).toBe(execute('"int,text","Int"'));
    expect(decided([...grants, execute('"int,text","Int"')], call, there)).toBe('permit');
  });

  it('gives nothing where Cassandra writes a user\'s type "int" as its own', () => {
    const types = [{ keyspace: 'ks', type: 'int' }];
    const call = 'SELECT ks.f(a) FROM ks.t';
    const grants = [
      'SELECT ON KEYSPACE ks',
      'EXECUTE ON FUNCTION ks.f(int)',
      'EXECUTE ON FUNCTION ks.f("int")',
    ];
    for (const written of ['int', 'vector<int, 3>', 'list<int>', 'not < a > type', '"a\0b"']) {
      const there = new SchemaSnapshot(1, { functions: [fn(written)], types });
      expect(decided(grants, call, there)).not.toBe('permit');
      const wide = [...grants, 'EXECUTE ON ALL FUNCTIONS IN KEYSPACE ks'];
      expect(decided(wide, call, there)).toBe('permit');
    }
    // Frozen it can only be the user's; and the other keyspaces have no such type.
    const frozen = new SchemaSnapshot(1, { functions: [fn('frozen<int>')], types });
    expect(decided(grants.slice(0, 2), call, frozen)).toBe('EXECUTE ON FUNCTION ks.f("int")');
    expect(decided(grants, call, frozen)).toBe('permit');
    const elsewhere = [{ keyspace: 'other', type: 'int' }];
    const plain = new SchemaSnapshot(1, { functions: [fn('int')], types: elsewhere });
    expect(decided(grants.slice(0, 2), call, plain)).toBe('permit');
  });

  it('to replace what may be there under a type that is not known asks for both', () => {
    const types = [{ keyspace: 'ks', type: 'int' }];
    const there = new SchemaSnapshot(1, { functions: [fn('int')], types });
    const text =
      'CREATE OR REPLACE FUNCTION ks.f(a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$1$$';
    expect(decided(['CREATE ON ALL FUNCTIONS IN KEYSPACE ks'], text, there)).toBe(
      'ALTER ON FUNCTION ks.f(int)',
    );
  });
});

describe('what is written as text', () => {
  const names = ['a', 'A', '"', 'a"b', 'a,b', 'a.b', ' ', 'int', 'text', 'list<int>', 'ttl', 'key'];
  const more = [
    'token',
    'count',
    'json',
    'expr',
    'byte',
    'true',
    'select',
    'role',
    'all',
    'a)b',
    "'",
  ];
  const hostile = [
    ...names,
    ...more,
    'frozen',
    'map',
    '(',
    '*',
    '/*',
    '--',
    'null',
    'é',
    '0a',
    '_',
  ];
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const name = (): string => hostile[random(hostile.length)]!;

  function type(depth: number): CqlType {
    switch (depth > 2 ? random(2) : random(6)) {
      case 0:
        return { kind: 'native', name: ['int', 'text', 'duration', 'timeuuid'][random(4)]! };
      case 1:
        return { kind: 'user', keyspace: random(3) === 0 ? name() : null, name: name() };
      case 2:
        return { kind: 'vector', of: [type(depth + 1)], dimension: 1 + random(2000) };
      case 3:
        return { kind: 'map', of: [type(depth + 1), type(depth + 1)] };
      case 4:
        return { kind: random(2) === 0 ? 'list' : 'set', of: [type(depth + 1)] };
      default:
        return { kind: 'tuple', of: Array.from({ length: 1 + random(3) }, () => type(depth + 1)) };
    }
  }

  function resource(): Resource {
    const keyspace = name();
    const signature = Array.from({ length: random(4) }, () => own(type(0), keyspace));
    const all: readonly Resource[] = [
      { type: 'KEYSPACE', keyspace },
      { type: 'ALL TABLES IN KEYSPACE', keyspace },
      { type: 'ALL FUNCTIONS IN KEYSPACE', keyspace },
      { type: 'TABLE', keyspace, table: name() },
      { type: 'ROLE', role: random(20) === 0 ? '' : name() },
      { type: 'FUNCTION', keyspace, name: name(), signature },
      { type: 'FUNCTION', keyspace, name: name(), signature },
    ];
    return all[random(all.length)]!;
  }

  /** Types of the function's own keyspace are kept without it. */
  function own(of: CqlType, keyspace: string): CqlType {
    if (of.kind === 'user') return of.keyspace === keyspace ? { ...of, keyspace: null } : of;
    return 'of' in of ? { ...of, of: of.of.map((one) => own(one, keyspace)) } : of;
  }

  it('is read back as the same resource', () => {
    for (let i = 0; i < 5_000; i++) {
      const written = resource();
      const text = formatResource(written);
      const permission = written.type === 'ROLE' ? 'ALTER' : 'DROP';
      const grant = parseGrant(`${permission} ON ${text}`);
      if ('problem' in grant) throw new Error(`${text}: ${grant.problem}`);
      expect(grant.resource, text).toEqual(written);
    }
  });

  it('is the same only for the same types', () => {
    const seen = new Map<string, readonly CqlType[]>();
    for (let i = 0; i < 5_000; i++) {
      const types = Array.from({ length: random(3) }, () => type(1));
      const text = formatSignature(types);
      expect(isSameSignature(types, structuredClone(types))).toBe(true);
      const before = seen.get(text);
      if (before !== undefined) expect(isSameSignature(before, types), text).toBe(true);
      seen.set(text, types);
    }
  });
});
