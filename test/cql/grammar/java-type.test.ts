// Types written as strings, which name Java classes: which are let through, and what they touch.
import { describe, expect, it } from 'vitest';
import { analyse, DistinctChildren, isStatement } from '../../../src/cql/analyse.ts';
import { needsOf } from '../../../src/cql/needs.ts';
import { formatNeed } from '../../../src/cql/resource.ts';
import { EMPTY_SCHEMA, type Statement } from '../../../src/cql/statement.ts';
import { CQL } from '../../../src/limits/cql.ts';
import { decide, isPermit } from '../../../src/policy/decide.ts';
import { SchemaSnapshot } from '../../../src/upstream/schema.ts';
import { roleUnderPolicy } from '../../support/policy.ts';

function read(text: string): Statement {
  const found = analyse(text, null);
  if (!isStatement(found)) throw new Error(`${text}: ${found.reason}`);
  return found;
}

const PACKAGE = 'org.apache.cassandra.db.marshal.';
const hex = (name: string): string => Buffer.from(name).toString('hex');
const userType = (keyspace: string, name: string): string =>
  `${PACKAGE}UserType(${keyspace},${hex(name)},${hex('a')}:${PACKAGE}Int32Type)`;

/** A statement for each place of the grammar that takes a type. */
const PLACES: readonly [place: string, text: (type: string) => string][] = [
  ['a column', (type) => `CREATE TABLE ks.t (k int PRIMARY KEY, v ${type})`],
  ['an element', (type) => `CREATE TABLE ks.t (k int PRIMARY KEY, v map<text, list<${type}>>)`],
  ['a new column', (type) => `ALTER TABLE ks.t ADD (v ${type}, w int)`],
  ['a column that changes', (type) => `ALTER TABLE ks.t ALTER v TYPE ${type}`],
  ['a field', (type) => `CREATE TYPE ks.u (a ${type})`],
  ['a new field', (type) => `ALTER TYPE ks.u ADD b ${type}`],
  ['a hint in a value', (type) => `INSERT INTO ks.t (k, v) VALUES (1, (${type})?)`],
  ['a hint in a condition', (type) => `UPDATE ks.t SET v = 1 WHERE k = (${type})?`],
  ['a hint in a selection', (type) => `SELECT (${type})(1, 2) FROM ks.t`],
  ['a hint in a BATCH', (type) => `BEGIN BATCH DELETE FROM ks.t WHERE k = (${type})1 APPLY BATCH`],
  [
    'an argument',
    (type) =>
      `CREATE FUNCTION ks.f (a ${type}) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS ''`,
  ],
  [
    'a result',
    (type) =>
      `CREATE FUNCTION ks.f (a int) CALLED ON NULL INPUT RETURNS ${type} LANGUAGE java AS ''`,
  ],
  ['a state', (type) => `CREATE AGGREGATE ks.a (int) SFUNC f STYPE ${type}`],
  ['an overload', (type) => `DROP FUNCTION IF EXISTS ks.f(${type})`],
  ['an overload of a GRANT', (type) => `GRANT EXECUTE ON FUNCTION ks.f(${type}) TO r`],
];

const COLUMNS = PLACES.slice(0, 6);
const VALUES = PLACES.slice(6);

const KNOWN = [
  'Int32Type',
  `${PACKAGE}UTF8Type`,
  'LexicalUUIDType',
  'EmptyType',
  'Int32Type()',
  'Int32Type(reversed=true)',
  'ListType(Int32Type)',
  `${PACKAGE}MapType(${PACKAGE}UTF8Type,${PACKAGE}ListType(${PACKAGE}LongType))`,
  ' MapType ( UTF8Type , SetType( Int32Type ) ) ',
  'FrozenType(ListType(Int32Type))',
  'ReversedType(CompositeType(UTF8Type, Int32Type))',
  'TupleType(Int32Type,UTF8Type)',
  `${PACKAGE}VectorType(${PACKAGE}FloatType , 3)`,
  userType('ks', 'u'),
];

describe.each(PLACES)('as the type of %s', (_place, text) => {
  it.each(KNOWN)("'%s' is let through: it is Cassandra's own", (type) => {
    expect(read(text(`'${type}'`)).classes).toEqual([]);
  });

  it.each([
    ['com.acme.Type', ['com.acme.Type']],
    ['Typo', [`${PACKAGE}Typo`]],
    ['int32type', [`${PACKAGE}int32type`]],
    ['org.apache.cassandra.db.Int32Type', ['org.apache.cassandra.db.Int32Type']],
    ['ListType(MapType(Int32Type, com.acme.Type))', ['com.acme.Type']],
    ['com.acme.Type(com.acme.Other, Int32Type)', ['com.acme.Type', 'com.acme.Other']],
    ['com.acme.Type(a=>com.acme.Other)', ['com.acme.Type', `${PACKAGE}a`, 'com.acme.Other']],
    ['com.acme.Type(reversed=true)', ['com.acme.Type']],
    ['TupleType(com.acme.A, com.acme.A)', ['com.acme.A']],
    [`UserType(ks,75,61:com.acme.Type)`, ['com.acme.Type']],
    ['PartitionerDefinedOrder(com.acme.P)', [`${PACKAGE}PartitionerDefinedOrder`, 'com.acme.P']],
  ])("'%s' names classes that need the role's leave", (type, classes) => {
    const statement = read(text(`'${type}'`));
    expect(statement.classes).toEqual(classes);
    const grants = [
      'ALL ON KEYSPACE ks',
      'ALL ON ALL FUNCTIONS IN KEYSPACE ks',
      'AUTHORIZE ON ALL FUNCTIONS',
    ];
    const decision = (listed: string[]) =>
      decide(roleUnderPolicy({ grants, classes: listed }), statement, EMPTY_SCHEMA);
    expect(isPermit(decision(classes))).toBe(true);
    for (const missing of classes) {
      const denied = decision(classes.filter((one) => one !== missing));
      expect(denied).toMatchObject({ reason: 'class_not_allowed' });
      expect(denied).toMatchObject({ message: expect.stringContaining(missing) as string });
    }
  });

  it.each([
    '',
    ' ',
    '(',
    ';',
    'Int32Type)',
    'Int32Type x',
    'Int32Type(Int32Type)',
    'ListType',
    'ListType()',
    'ListType(Int32Type',
    'ListType(Int32Type,Int32Type)',
    'MapType(Int32Type)',
    'TupleType(Int32Type Int32Type)',
    'TupleType(Int32Type,,Int32Type)',
    'UserType',
    'UserType(ks)',
    'UserType(ks,7)',
    'UserType(ks,zz)',
    'UserType(ks,ff)',
    'UserType(ks,7500)',
    'UserType(ks,75,61)',
    'UserType(ks,75,61:Int32Type,61:Int32Type)',
    'UserType(k.s,75)',
    'VectorType(FloatType)',
    'VectorType(FloatType,0)',
    'VectorType(FloatType,3 )',
    'VectorType(FloatType,99999999999)',
    'é',
  ])("'%s' is not understood", (type) => {
    expect(analyse(text(`'${type}'`), null)).toMatchObject({ rule: 'not_understood' });
  });

  it('a user type is touched, where the string says that it is', () => {
    const own = read(text(`'${userType('ks', 'u')}'`));
    expect(own.types).toContainEqual({ keyspace: 'ks', name: 'u' });
    const other = read(text(`'ListType(${userType('billing', 'Ü"')})'`));
    const names = [other, ...other.children].flatMap(({ types }) => types);
    expect(names).toContainEqual({ keyspace: 'billing', name: 'Ü"' });
  });

  it('is bounded in length and in depth', () => {
    const nested = (depth: number): string =>
      `'${'ListType('.repeat(depth)}Int32Type${')'.repeat(depth)}'`;
    expect(read(text(nested(CQL.javaTypeDepth - 1))).classes).toEqual([]);
    const long = `'${'Int32Type'.padEnd(CQL.javaTypeLength)}'`;
    expect(read(text(long)).classes).toEqual([]);
    for (const type of [
      nested(CQL.javaTypeDepth),
      nested(10_000),
      `'${'Int32Type'.padEnd(CQL.javaTypeLength + 1)}'`,
      `'Int32Type${' '.repeat(CQL.javaTypeLength)}'`,
    ]) {
      expect(analyse(text(type), null)).toMatchObject({ rule: 'too_costly' });
    }
  });
});

describe('a type whose values name classes', () => {
  const DYNAMIC = 'DynamicCompositeType(s => UTF8Type, i => Int32Type)';

  it.each(COLUMNS)('may be that of %s', (_place, text) => {
    expect(read(text(`'${DYNAMIC}'`)).classes).toEqual([]);
    expect(read(text(`'ListType(${PACKAGE}DynamicCompositeType)'`)).classes).toEqual([]);
    expect(read(text(`'DynamicCompositeType(s => com.acme.Type)'`)).classes).toEqual([
      'com.acme.Type',
    ]);
  });

  it.each(VALUES)("needs the role's leave as that of %s", (_place, text) => {
    const classes = [`${PACKAGE}DynamicCompositeType`];
    expect(read(text(`'${DYNAMIC}'`)).classes).toEqual(classes);
    expect(read(text(`'ReversedType(ListType(${DYNAMIC}))'`)).classes).toEqual(classes);
  });
});

describe('what types in strings touch', () => {
  it.each(PLACES.slice(0, -1))(
    'asks for SELECT in a foreign keyspace, as the type of %s',
    (_, text) => {
      const needs = read(text(`'${userType('billing', 'u')}'`)).needs.map(formatNeed);
      expect(needs).toContain('SELECT ON ALL TABLES IN KEYSPACE billing');
    },
  );

  it('stays with each child of a BATCH', () => {
    const child = (type: string): string => `DELETE FROM ks.t WHERE k = ('${type}')1`;
    const texts = [child('Int32Type'), child('com.acme.A'), child('com.acme.B')];
    const batch = read(`BEGIN BATCH ${texts.join(' ')} APPLY BATCH`);
    expect(batch.classes).toEqual(['com.acme.A', 'com.acme.B']);
    expect(batch.children.map(({ classes }) => classes)).toEqual([
      [],
      ['com.acme.A'],
      ['com.acme.B'],
    ]);
    const distinct = new DistinctChildren();
    for (const text of texts) distinct.add(read(text));
    expect(distinct.batch().classes).toEqual(['com.acme.A', 'com.acme.B']);
  });

  it('is the overload that CQL writes otherwise', () => {
    const overloads = [['int'], ['frozen<list<text>>'], ['vector<float, 3>'], ['u']];
    const schema = new SchemaSnapshot(1, {
      keyspaces: [{ keyspace: 'ks', replication: new Map() }],
      functions: overloads.map((argumentTypes) => ({
        keyspace: 'ks',
        name: 'f',
        argumentTypes,
        aggregate: null,
      })),
    });
    const needs = (type: string, verb = 'DROP FUNCTION'): string[] =>
      needsOf(read(`${verb} ks.f('${type}')`), schema).map(formatNeed);
    expect(needs('Int32Type')).toEqual(['DROP ON FUNCTION ks.f(int)']);
    expect(needs('ListType(UTF8Type)')).toEqual(['DROP ON FUNCTION ks.f(list<text>)']);
    expect(needs('FrozenType(ListType(UTF8Type))')).toEqual(['DROP ON FUNCTION ks.f(list<text>)']);
    expect(needs('VectorType(FloatType,3)')).toEqual(['DROP ON FUNCTION ks.f(vector<float,3>)']);
    expect(needs(userType('ks', 'u'))).toEqual(['DROP ON FUNCTION ks.f(u)']);
    // By its name alone it is the function's own type, to Cassandra.
    expect(needs(userType('billing', 'u'))).toEqual(
      ['SELECT ON ALL TABLES IN KEYSPACE billing', 'DROP ON FUNCTION ks.f(billing.u)'].reverse(),
    );
    // Two classes that CQL has one word for: the grant on the word's overload does not do.
    expect(needs('DateType')).toEqual(["DROP ON FUNCTION ks.f('DateType')"]);
    expect(needs('Int32Type(reversed=true)')).toEqual([
      "DROP ON FUNCTION ks.f('Int32Type(reversed=true)')",
    ]);
    const replace = read(
      "CREATE OR REPLACE FUNCTION ks.f(a 'DateType') CALLED ON NULL INPUT RETURNS int LANGUAGE java AS ''",
    );
    expect(needsOf(replace, schema).map(formatNeed)).toEqual([
      'CREATE ON ALL FUNCTIONS IN KEYSPACE ks',
      "ALTER ON FUNCTION ks.f('DateType')",
    ]);
  });

  it('can not be frozen once more', () => {
    const text = "CREATE TABLE ks.t (k int PRIMARY KEY, v frozen<'ListType(Int32Type)'>)";
    expect(analyse(text, null)).toMatchObject({ rule: 'syntax' });
  });
});
