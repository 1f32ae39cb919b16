// A statement of each kind, with names that are looked up in the keyspace of whoever sends it, for tests that carry
// all of them out at a real node. In each keyspace stand the same objects, so that a statement that went to another
// one would succeed there, unnoticed but by what it left.
import type { Client } from 'cassandra-driver';
import type { StatementKind } from '../../src/cql/statement.ts';

export const REPLICATION = "{'class': 'SimpleStrategy', 'replication_factor': 1}";

export interface KindCase {
  readonly text: string;
  /** Brings back what was before, for the next way of sending it; names are written in full. */
  readonly undo?: readonly string[];
  /** It changes something that `fingerprint` shows. */
  readonly changes: boolean;
  /** Cassandra's own refusal of it here, whatever way it comes. */
  readonly refused?: RegExp;
}

const view = (keyspace: string, name: string, column: string): string =>
  `CREATE MATERIALIZED VIEW IF NOT EXISTS ${keyspace}.${name} AS SELECT k, ${column} FROM ${keyspace}.t WHERE k IS NOT NULL AND ${column} IS NOT NULL PRIMARY KEY (${column}, k)`;
const udf = (name: string): string =>
  `CREATE FUNCTION IF NOT EXISTS ${name} (x int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return x;'`;
const aggregate = (name: string): string =>
  `CREATE AGGREGATE IF NOT EXISTS ${name} (int) SFUNC plus STYPE int INITCOND 0`;

/** Of keyspace `ks`; roles are called after it too. */
export function kindCases(ks: string): { readonly [Kind in StatementKind]: KindCase } {
  return {
    SELECT: { text: 'SELECT own FROM t WHERE k = 1', changes: false },
    INSERT: {
      text: "INSERT INTO t (k, own) VALUES (2, 'new')",
      undo: [`DELETE FROM ${ks}.t WHERE k = 2`],
      changes: true,
    },
    UPDATE: {
      text: "UPDATE t SET own = 'new' WHERE k = 3",
      undo: [`DELETE FROM ${ks}.t WHERE k = 3`],
      changes: true,
    },
    DELETE: {
      text: 'DELETE FROM t WHERE k = 4',
      undo: [`INSERT INTO ${ks}.t (k, own) VALUES (4, 'old')`],
      changes: true,
    },
    BATCH: {
      text: "BEGIN BATCH INSERT INTO t (k, own) VALUES (5, 'new'); DELETE FROM t WHERE k = 6 APPLY BATCH",
      undo: [`DELETE FROM ${ks}.t WHERE k = 5`],
      changes: true,
    },
    USE: { text: `USE ${ks}`, changes: false },
    TRUNCATE: {
      text: 'TRUNCATE emptied',
      undo: [`INSERT INTO ${ks}.emptied (k) VALUES (1)`],
      changes: true,
    },
    'CREATE KEYSPACE': {
      text: `CREATE KEYSPACE ${ks}_new WITH replication = ${REPLICATION}`,
      undo: [`DROP KEYSPACE ${ks}_new`],
      changes: true,
    },
    'ALTER KEYSPACE': {
      text: `ALTER KEYSPACE ${ks} WITH durable_writes = false`,
      undo: [`ALTER KEYSPACE ${ks} WITH durable_writes = true`],
      changes: true,
    },
    'DROP KEYSPACE': {
      text: `DROP KEYSPACE ${ks}_old`,
      undo: [`CREATE KEYSPACE ${ks}_old WITH replication = ${REPLICATION}`],
      changes: true,
    },
    'CREATE TABLE': {
      text: 'CREATE TABLE made (k int PRIMARY KEY, ty ty)',
      undo: [`DROP TABLE ${ks}.made`],
      changes: true,
    },
    'ALTER TABLE': {
      text: "ALTER TABLE t WITH comment = 'altered'",
      undo: [`ALTER TABLE ${ks}.t WITH comment = ''`],
      changes: true,
    },
    'DROP TABLE': {
      text: 'DROP TABLE old',
      undo: [`CREATE TABLE ${ks}.old (k int PRIMARY KEY)`],
      changes: true,
    },
    'CREATE INDEX': {
      text: 'CREATE INDEX made_i ON t (v)',
      undo: [`DROP INDEX ${ks}.made_i`],
      changes: true,
    },
    'DROP INDEX': {
      text: 'DROP INDEX old_i',
      undo: [`CREATE INDEX old_i ON ${ks}.t (w)`],
      changes: true,
    },
    'CREATE MATERIALIZED VIEW': {
      text: 'CREATE MATERIALIZED VIEW made_mv AS SELECT k, v FROM t WHERE k IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k)',
      undo: [`DROP MATERIALIZED VIEW ${ks}.made_mv`],
      changes: true,
    },
    'ALTER MATERIALIZED VIEW': {
      text: "ALTER MATERIALIZED VIEW mv WITH comment = 'altered'",
      undo: [`ALTER MATERIALIZED VIEW ${ks}.mv WITH comment = ''`],
      changes: true,
    },
    'DROP MATERIALIZED VIEW': {
      text: 'DROP MATERIALIZED VIEW old_mv',
      undo: [view(ks, 'old_mv', 'w')],
      changes: true,
    },
    'CREATE TYPE': {
      text: 'CREATE TYPE made_ty (a int)',
      undo: [`DROP TYPE ${ks}.made_ty`],
      changes: true,
    },
    'ALTER TYPE': {
      text: 'ALTER TYPE ty RENAME a TO b',
      undo: [`ALTER TYPE ${ks}.ty RENAME b TO a`],
      changes: true,
    },
    'DROP TYPE': {
      text: 'DROP TYPE old_ty',
      undo: [`CREATE TYPE ${ks}.old_ty (a int)`],
      changes: true,
    },
    'CREATE FUNCTION': {
      text: udf('made_f').replace('IF NOT EXISTS ', ''),
      undo: [`DROP FUNCTION ${ks}.made_f`],
      changes: true,
    },
    'DROP FUNCTION': { text: 'DROP FUNCTION old_f', undo: [udf(`${ks}.old_f`)], changes: true },
    'CREATE AGGREGATE': {
      text: aggregate('made_ag').replace('IF NOT EXISTS ', ''),
      undo: [`DROP AGGREGATE ${ks}.made_ag`],
      changes: true,
    },
    'DROP AGGREGATE': {
      text: 'DROP AGGREGATE old_ag',
      undo: [aggregate(`${ks}.old_ag`)],
      changes: true,
    },
    'CREATE TRIGGER': {
      text: "CREATE TRIGGER tg ON t USING 'none.Such'",
      changes: false,
      refused: /Trigger class 'none.Such' couldn't be loaded/,
    },
    'DROP TRIGGER': {
      text: 'DROP TRIGGER tg ON t',
      changes: false,
      refused: new RegExp(`Trigger 'tg' on '${ks}.t' doesn't exist`),
    },
    GRANT: {
      text: `GRANT SELECT ON t TO ${ks}_guest`,
      undo: [`REVOKE SELECT ON ${ks}.t FROM ${ks}_guest`],
      changes: true,
    },
    REVOKE: {
      text: `REVOKE MODIFY ON t FROM ${ks}_guest`,
      undo: [`GRANT MODIFY ON ${ks}.t TO ${ks}_guest`],
      changes: true,
    },
    'GRANT ROLE': {
      text: `GRANT ${ks}_group TO ${ks}_guest`,
      undo: [`REVOKE ${ks}_group FROM ${ks}_guest`],
      changes: true,
    },
    'REVOKE ROLE': {
      text: `REVOKE ${ks}_old_group FROM ${ks}_guest`,
      undo: [`GRANT ${ks}_old_group TO ${ks}_guest`],
      changes: true,
    },
    'LIST PERMISSIONS': { text: `LIST ALL PERMISSIONS ON t OF ${ks}_guest`, changes: false },
    'CREATE ROLE': { text: `CREATE ROLE ${ks}_new`, undo: [`DROP ROLE ${ks}_new`], changes: true },
    'ALTER ROLE': {
      text: `ALTER ROLE ${ks}_guest WITH LOGIN = true`,
      undo: [`ALTER ROLE ${ks}_guest WITH LOGIN = false`],
      changes: true,
    },
    'DROP ROLE': { text: `DROP ROLE ${ks}_old`, undo: [`CREATE ROLE ${ks}_old`], changes: true },
    'LIST ROLES': { text: `LIST ROLES OF ${ks}_guest`, changes: false },
    'CREATE USER': {
      text: `CREATE USER ${ks}_user NOSUPERUSER`,
      undo: [`DROP USER ${ks}_user`],
      changes: true,
    },
    'ALTER USER': {
      text: `ALTER USER ${ks}_guest WITH HASHED PASSWORD '$2a$04$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu'`,
      undo: [`ALTER ROLE ${ks}_guest WITH HASHED PASSWORD = '${NO_HASH}'`],
      changes: true,
    },
    'DROP USER': { text: `DROP USER ${ks}_old`, undo: [`CREATE ROLE ${ks}_old`], changes: true },
    'LIST USERS': { text: 'LIST USERS', changes: false },
    'ADD IDENTITY': {
      text: `ADD IDENTITY '${ks}/new' TO ROLE '${ks}_guest'`,
      undo: [`DROP IDENTITY '${ks}/new'`],
      changes: true,
    },
    'DROP IDENTITY': {
      text: `DROP IDENTITY '${ks}/old'`,
      undo: [`ADD IDENTITY '${ks}/old' TO ROLE '${ks}_guest'`],
      changes: true,
    },
    DESCRIBE: { text: 'DESCRIBE TABLES', changes: false },
  };
}

const NO_HASH = '$2a$04$zyxwvutsrqponmlkjihgfeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee';

/** What the statements work on. */
export async function makeKeyspace(superuser: Client, ks: string): Promise<void> {
  for (const text of [
    ...['', '_old', '_new'].map((which) => `DROP KEYSPACE IF EXISTS ${ks}${which}`),
    ...['', '_old'].map(
      (which) => `CREATE KEYSPACE ${ks}${which} WITH replication = ${REPLICATION}`,
    ),
    `CREATE TABLE ${ks}.t (k int PRIMARY KEY, own text, v int, w int)`,
    `CREATE TABLE ${ks}.emptied (k int PRIMARY KEY)`,
    `CREATE TABLE ${ks}.old (k int PRIMARY KEY)`,
    `CREATE INDEX old_i ON ${ks}.t (w)`,
    view(ks, 'mv', 'own'),
    view(ks, 'old_mv', 'w'),
    `CREATE TYPE ${ks}.ty (a int)`,
    `CREATE TYPE ${ks}.old_ty (a int)`,
    `CREATE FUNCTION ${ks}.plus (a int, b int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return a;'`,
    udf(`${ks}.old_f`),
    aggregate(`${ks}.old_ag`),
    `INSERT INTO ${ks}.t (k, own) VALUES (1, '${ks}')`,
    `INSERT INTO ${ks}.t (k, own) VALUES (4, 'old')`,
    `INSERT INTO ${ks}.emptied (k) VALUES (1)`,
    ...['guest', 'group', 'old_group', 'old', 'new', 'user'].map(
      (role) => `DROP ROLE IF EXISTS ${ks}_${role}`,
    ),
    ...['group', 'old_group', 'old'].map((role) => `CREATE ROLE ${ks}_${role}`),
    `CREATE ROLE ${ks}_guest WITH HASHED PASSWORD = '${NO_HASH}'`,
    `GRANT MODIFY ON ${ks}.t TO ${ks}_guest`,
    `GRANT ${ks}_old_group TO ${ks}_guest`,
    ...['new', 'old'].map((identity) => `DROP IDENTITY IF EXISTS '${ks}/${identity}'`),
    `ADD IDENTITY '${ks}/old' TO ROLE '${ks}_guest'`,
  ]) {
    await superuser.execute(text);
  }
}

/** Everything that the statements could change, of one keyspace and the names that begin with it. */
export async function fingerprint(superuser: Client, ks: string): Promise<string> {
  const tables = 'tables columns indexes views types functions aggregates triggers'.split(' ');
  const answers = await Promise.all([
    ...tables.map(async (table) =>
      superuser.execute(`SELECT * FROM system_schema.${table} WHERE keyspace_name = '${ks}'`),
    ),
    superuser.execute(`SELECT k, own FROM ${ks}.t`),
    superuser.execute(`SELECT k FROM ${ks}.emptied`),
  ]);
  const own = await Promise.all(
    ['system_schema.keyspaces', 'system_auth.roles', 'system_auth.role_permissions'].map(
      async (table) => superuser.execute(`SELECT JSON * FROM ${table}`),
    ),
  );
  const identities = await superuser.execute('SELECT JSON * FROM system_auth.identity_to_role');
  // Ids and times differ from one making to the next; that is a change too, and told apart by nobody.
  return JSON.stringify([
    ...answers.map(({ rows }) => rows),
    ...[...own, identities].map(({ rows }) =>
      rows
        .map((row) => String(row.get(0)))
        .filter((json) => json.includes(ks))
        .sort(),
    ),
  ]);
}
