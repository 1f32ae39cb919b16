// Types that are written as strings: which ones a statement may name, and how many a role may have in all.
import { beforeEach, describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { CQL } from '../../src/limits/cql.ts';
import { Role } from '../../src/policy/role.ts';
import { javaTypesRefusal } from '../../src/session/java-types.ts';
import { SchemaSnapshot } from '../../src/upstream/schema.ts';

const roleOf = (name: string): Role =>
  new Role({
    name,
    cassandraRole: name,
    grants: [],
    deny: [],
    capabilities: [],
    classes: [],
    asCassandra: [],
  });

const SCHEMA = new SchemaSnapshot(1, {
  keyspaces: [{ keyspace: 'shop', replication: new Map() }],
  types: [
    { keyspace: 'shop', type: 'address' },
    { keyspace: 'other', type: 'address' },
  ],
});

function statementOf(text: string): Statement {
  const result = analyse(text, 'shop');
  if (!isStatement(result)) throw new Error(result.reason);
  return result;
}

/** As Cassandra writes a user type: keyspace, name in hex, fields. */
const userType = (keyspace: string, name: string): string =>
  `UserType(${keyspace},${Buffer.from(name).toString('hex')},61:Int32Type)`;
const table = (type: string): Statement =>
  statementOf(`CREATE TABLE shop.t (k int PRIMARY KEY, v '${type}')`);

let role: Role;
beforeEach(() => {
  role = roleOf('job');
});

const refusal = (statement: Statement, of = role): string | null =>
  javaTypesRefusal(of, statement, SCHEMA);

describe('a user type in a string of a schema statement', () => {
  it('may be named where there is one', () => {
    expect(refusal(table(userType('shop', 'address')))).toBeNull();
  });

  it('is refused where there is none, within others too: a node would not start again', () => {
    const missing = userType('shop', 'nowhere');
    for (const type of [missing, `ListType(${missing})`, `FrozenType(SetType(${missing}))`]) {
      expect(refusal(table(type))).toBe('Unknown type shop.nowhere');
    }
  });

  it('is refused in another keyspace, though there is one', () => {
    expect(refusal(table(userType('other', 'address')))).toContain(
      'keyspace shop cannot refer to a user type in keyspace other',
    );
  });

  it('is taken for there while the schema is not known', () => {
    const unknown = new SchemaSnapshot(0, null);
    expect(javaTypesRefusal(role, table(userType('shop', 'nowhere')), unknown)).toBeNull();
  });

  it('is not looked for in statements that keep nothing of it', () => {
    const insert = statementOf(
      `INSERT INTO shop.t (k) VALUES (('${userType('other', 'nowhere')}')1)`,
    );
    expect(insert.javaUserTypes).toHaveLength(1);
    expect(refusal(insert)).toBeNull();
  });
});

describe('the share of a role', () => {
  /** A statement whose one type takes exactly so much of the share. */
  const taking = (characters: number, n: number): Statement => {
    const length = characters - CQL.javaTypeOverhead;
    const name = `Int32Type${' '.repeat(n)}`;
    return { ...table('Int32Type'), javaTypes: [name.padEnd(length, '.')] };
  };
  const EACH = 8_192;
  const COUNT = CQL.javaTypesPerRole / EACH;

  /** All of its share, in types that differ. */
  const fill = (count = COUNT): void => {
    for (let n = 0; n < count; n++) expect(refusal(taking(EACH, n))).toBeNull();
  };

  it('is full to the last character, and not a character more', () => {
    fill();
    expect(refusal(taking(CQL.javaTypeOverhead + 20, 5))).toContain('too many different types');
  });

  it('has no room for one that is a character too long', () => {
    fill(COUNT - 1);
    expect(refusal(taking(EACH + 1, 999))).toContain(`role ${role.name}`);
    expect(refusal(taking(EACH, 999))).toBeNull();
  });

  it('is not used up again by what nodes have already', () => {
    fill();
    for (let n = 0; n < COUNT; n++) expect(refusal(taking(EACH, n))).toBeNull();
  });

  it('is used up by each type of a statement, whatever its family', () => {
    const insert = { ...statementOf('INSERT INTO shop.t (k) VALUES (1)') };
    const types = Array.from({ length: COUNT + 1 }, (_unused, n) => taking(EACH, n).javaTypes[0]!);
    expect(refusal({ ...insert, javaTypes: types })).toContain('too many different types');
  });

  it('is its own: another role, or the same of a policy that was loaded anew, has all of it', () => {
    fill();
    const more = taking(EACH, 999);
    expect(refusal(more)).not.toBeNull();
    expect(refusal(more, roleOf('other'))).toBeNull();
    expect(refusal(more, roleOf('job'))).toBeNull();
  });

  it('is not charged for what is refused', () => {
    fill(COUNT - 1);
    const missing = { ...table(userType('shop', 'nowhere')), javaTypes: ['x'.repeat(EACH)] };
    expect(refusal(missing)).toBe('Unknown type shop.nowhere');
    expect(refusal(taking(EACH, 999))).toBeNull();
  });
});
