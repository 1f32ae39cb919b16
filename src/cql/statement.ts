// What the analyser found in one CQL text: its kind, every resource it touches, the permissions
// that Cassandra would ask for, and a few flags the data path needs. Never its values.

import type { TextRefusal } from '../refusals.ts';
import type { Signature } from './type.ts';

/** Cassandra's permissions, in the order of its own enum (org.apache.cassandra.auth.Permission). */
export const PERMISSIONS = [
  'CREATE',
  'ALTER',
  'DROP',
  'SELECT',
  'MODIFY',
  'AUTHORIZE',
  'DESCRIBE',
  'EXECUTE',
  'UNMASK',
  'SELECT_MASKED',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** A resource as GRANT names it. Names are unquoted and exact: `"Ks"` is `Ks`, `KS` is `ks`. */
export type Resource =
  | { readonly type: 'ALL KEYSPACES' }
  | { readonly type: 'KEYSPACE'; readonly keyspace: string }
  | { readonly type: 'ALL TABLES IN KEYSPACE'; readonly keyspace: string }
  | { readonly type: 'TABLE'; readonly keyspace: string; readonly table: string }
  | { readonly type: 'ALL FUNCTIONS' }
  | { readonly type: 'ALL FUNCTIONS IN KEYSPACE'; readonly keyspace: string }
  | {
      readonly type: 'FUNCTION';
      readonly keyspace: string;
      readonly name: string;
      /** Its arguments' types; null where the text does not tell. */
      readonly signature: Signature | null;
    }
  | { readonly type: 'ALL ROLES' }
  | { readonly type: 'ROLE'; readonly role: string }
  | { readonly type: 'ALL MBEANS' }
  | { readonly type: 'MBEAN'; readonly pattern: string };

export interface Need {
  readonly permission: Permission;
  readonly resource: Resource;
}

/**
 * Statement families decide how a statement is audited and forwarded:
 * `read` and `write` are rows, `schema` is DDL (TRUNCATE too), `role` is roles, users, identities
 * and grants, `session` is USE, `describe` is DESCRIBE and LIST.
 */
export type StatementFamily = 'read' | 'write' | 'schema' | 'role' | 'session' | 'describe';

/** Kinds as a user would write them; the same words are used by `deny:` in the policy. */
export const STATEMENT_KINDS = {
  SELECT: 'read',
  INSERT: 'write',
  UPDATE: 'write',
  DELETE: 'write',
  BATCH: 'write',
  USE: 'session',
  TRUNCATE: 'schema',
  'CREATE KEYSPACE': 'schema',
  'ALTER KEYSPACE': 'schema',
  'DROP KEYSPACE': 'schema',
  'CREATE TABLE': 'schema',
  'ALTER TABLE': 'schema',
  'DROP TABLE': 'schema',
  'CREATE INDEX': 'schema',
  'DROP INDEX': 'schema',
  'CREATE MATERIALIZED VIEW': 'schema',
  'ALTER MATERIALIZED VIEW': 'schema',
  'DROP MATERIALIZED VIEW': 'schema',
  'CREATE TYPE': 'schema',
  'ALTER TYPE': 'schema',
  'DROP TYPE': 'schema',
  'CREATE FUNCTION': 'schema',
  'DROP FUNCTION': 'schema',
  'CREATE AGGREGATE': 'schema',
  'DROP AGGREGATE': 'schema',
  'CREATE TRIGGER': 'schema',
  'DROP TRIGGER': 'schema',
  GRANT: 'role',
  REVOKE: 'role',
  'GRANT ROLE': 'role',
  'REVOKE ROLE': 'role',
  'LIST PERMISSIONS': 'describe',
  'CREATE ROLE': 'role',
  'ALTER ROLE': 'role',
  'DROP ROLE': 'role',
  'LIST ROLES': 'describe',
  'CREATE USER': 'role',
  'ALTER USER': 'role',
  'DROP USER': 'role',
  'LIST USERS': 'describe',
  'ADD IDENTITY': 'role',
  'DROP IDENTITY': 'role',
  DESCRIBE: 'describe',
} as const satisfies Record<string, StatementFamily>;
export type StatementKind = keyof typeof STATEMENT_KINDS;

export interface TableName {
  readonly keyspace: string;
  readonly table: string;
}

/** A value that a SELECT over keyspace system compares a column with. */
export type SelectionTerm =
  /** Text of a string literal, or the source text of any other constant (`7000`, a uuid). */
  | { readonly type: 'literal'; readonly value: string; readonly quoted: boolean }
  /** `?` and `:name`, by position from 0 in the whole statement. */
  | { readonly type: 'marker'; readonly index: number; readonly name: string | null };

/** `column = term`, or `column IN (terms)`. */
export interface SimpleCondition {
  readonly column: string;
  readonly terms: readonly SelectionTerm[];
}

/**
 * A SELECT over keyspace system of plain columns with aliases, or `*`, and equality (or IN) conditions. Of one over
 * system_traces only the columns.
 */
export interface SimpleSelection {
  /** null is `*`. */
  readonly columns: readonly { readonly name: string; readonly alias: string | null }[] | null;
  readonly where: readonly SimpleCondition[];
  readonly limit: SelectionTerm | null;
}

/** One selector of a SELECT over system.local, peers or peers_v2. */
export interface TopologySelector {
  /** As it is written, without its alias. */
  readonly text: string;
  readonly alias: string | null;
  /** The column, where it is nothing but that. */
  readonly column: string | null;
  /** `*`, or a column, where it is nothing but a count of that. */
  readonly counts: string | null;
  /** Where in `text` columns stand whose values it is made of. */
  readonly reads: readonly {
    readonly name: string;
    readonly start: number;
    readonly end: number;
  }[];
}

/** A SELECT over system.local, peers or peers_v2 in those parts that the gate exchanges for others. */
export interface TopologySelect {
  readonly isJson: boolean;
  readonly isDistinct: boolean;
  /** null is `*`. */
  readonly selectors: readonly TopologySelector[] | null;
  /** Something in the selection is bound. */
  readonly bindsSelection: boolean;
  /** What stands behind the name of the table. */
  readonly tail: string;
  readonly groups: boolean;
  /** How rows are chosen, where that is by equality (or IN) alone, and up to how many. */
  readonly rows: Pick<SimpleSelection, 'where' | 'limit'> | null;
}

/**
 * What a DESCRIBE shows: something of all keyspaces (`cluster`), their names only (`names`), one keyspace or an
 * object in it (`keyspace`), or one of two keyspaces, the text does not tell which (`either`).
 */
export interface Describe {
  readonly form: 'cluster' | 'names' | 'keyspace' | 'either';
  readonly keyspaces: readonly string[];
}

/** What Cassandra keeps for superusers, or leaves unguarded; no grant gives these. */
export const CAPABILITIES = ['triggers', 'identities', 'superuser'] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** A call of a function, resolved to the keyspace it is looked up in. */
export interface FunctionCall {
  readonly keyspace: string;
  readonly name: string;
  readonly arity: number;
  /** Unqualified, and Cassandra has one of that name: perhaps the keyspace has none. */
  readonly mayBeNative: boolean;
}

export interface Statement {
  /** Set by who keeps it longer than its request: only then what is worked out for it is worth keeping. */
  isKept: boolean;
  /** How large its answers are expected to be, by role, where it is kept (in-flight.ts); null while none came. */
  answerBytes: number[] | null;
  readonly kind: StatementKind;
  readonly family: StatementFamily;
  /** What Cassandra would ask for, as far as the text alone tells; see `needsOf` in needs.ts. */
  readonly needs: readonly Need[];
  /** All tables and views named, resolved to their keyspace. */
  readonly tables: readonly TableName[];
  /** Functions named that may be user-defined, resolved to their keyspace. */
  readonly functions: readonly { readonly keyspace: string; readonly name: string }[];
  /** Of these the ones that are called, and calls that may be of a user's function or Cassandra's. */
  readonly calls: readonly FunctionCall[];
  /** User-defined types named, resolved. */
  readonly types: readonly { readonly keyspace: string; readonly name: string }[];
  /** Columns whose values come back: of a SELECT, or of a row that IF does not fit; null is all of them. */
  readonly columns: readonly string[] | null;
  /** Columns that WHERE or ANN compares, where an answer tells the outcome: of SELECT and LWT; null is perhaps all. */
  readonly restricted: readonly string[] | null;
  /** The keyspace the statement works in: of its table, of USE, of the keyspace DDL; else null. */
  readonly keyspace: string | null;
  /** Has IF conditions, IF EXISTS or IF NOT EXISTS on rows (a lightweight transaction). */
  readonly lwt: boolean;
  /**
   * Some unqualified name was resolved through the request's or the session's keyspace; of a DESCRIBE also that it
   * shows something else where there is none.
   */
  readonly usesKeyspace: boolean;
  /** Index or view whose base table only the schema knows. */
  readonly lookup: {
    readonly type: 'index' | 'view';
    readonly keyspace: string;
    readonly name: string;
  } | null;
  /** The function or aggregate that is made or dropped; no signature: all of that name. */
  readonly defines: {
    readonly keyspace: string;
    readonly name: string;
    readonly signature: Signature | null;
    readonly change: 'create' | 'replace' | 'drop';
  } | null;
  /** Only for SELECTs over keyspaces system and system_traces; null there means: not that simple. */
  readonly selection: SimpleSelection | null;
  /** Only for SELECTs over system.local, peers and peers_v2; null there means: too long to be gone into. */
  readonly topology: TopologySelect | null;
  /** The statements of a BATCH written as text; empty for all others. */
  readonly children: readonly Statement[];
  readonly describe: Describe | null;
  readonly capability: Capability | null;
  /** Cassandra roles that are made, changed, dropped, granted or granted to. */
  readonly roles: readonly string[];
  /** The identity that DROP IDENTITY drops. */
  readonly identity: string | null;
  /** Java classes named that are not Cassandra's own. */
  readonly classes: readonly string[];
  /** The texts of types that are written as strings: a node keeps each of them (session/java-types.ts). */
  readonly javaTypes: readonly string[];
  /** Of `types` those that stand in such strings, where nodes take them as they are written. */
  readonly javaUserTypes: readonly { readonly keyspace: string; readonly name: string }[];
  /** What its text costs the node that parses it, beyond reading it once: an estimate (cost.ts). */
  readonly costUs: number;
}

/** A text that is refused before anything is decided on it. */
export interface Unanalysable {
  readonly reason: string;
  readonly rule: TextRefusal;
  /** Offset in the text, in UTF-16 units, where it was noticed. */
  readonly position: number;
  /** The text does not even lex: nothing of it may be recorded but length and position. */
  readonly lexes: boolean;
}

/** A function or aggregate of the schema. */
export interface Overload {
  readonly signature: Signature;
  readonly arity: number;
  /** For an aggregate, the functions that run with it. */
  readonly runs: readonly { readonly name: string; readonly signature: Signature }[];
}

/** What the schema says that no text does. Implemented by src/upstream, empty in tests and `analyse`. */
export interface Schema {
  /** Grows with each change seen; decisions remembered for another version are not used. */
  readonly version: number;
  /** All of the cluster's schema was read: then what is not in it is not there. */
  readonly isWhole: boolean;
  /** The base table of a materialized view, or null when `name` is no known view. */
  baseOfView(keyspace: string, name: string): string | null;
  viewsOf(keyspace: string, table: string): readonly string[];
  tableOfIndex(keyspace: string, index: string): string | null;
  /** True where there may be one of that name. */
  hasKeyspace(keyspace: string): boolean;
  /** True where a keyspace of Cassandra's own is known to have no such table; of others nothing is told. */
  lacksSystemTable(keyspace: string, table: string): boolean;
  /** True where there may be a user-defined type of that name. */
  hasType(keyspace: string, name: string): boolean;
  /** User-defined functions and aggregates of a name; null where no schema is at hand. */
  overloads(keyspace: string, name: string): readonly Overload[] | null;
  /** Columns of a table or view that have a mask; null where there are none. */
  maskedColumns(keyspace: string, table: string): ReadonlySet<string> | null;
  /** Whether a Cassandra role's login sees what masks hide; true where that is not known. */
  unmasks(cassandraRole: string, keyspace: string, table: string): boolean;
}

export const EMPTY_SCHEMA: Schema = {
  version: 0,
  isWhole: false,
  baseOfView: () => null,
  viewsOf: () => [],
  tableOfIndex: () => null,
  hasKeyspace: () => true,
  lacksSystemTable: () => false,
  hasType: () => true,
  overloads: () => null,
  maskedColumns: () => null,
  unmasks: () => true,
};
