// What a statement takes from the connection that carries it out, kind by kind. A connection of the gate is
// shared, so whatever a node reads from it must be what the statement was decided with.
//
// The state of a connection in Cassandra 5.0 is `ClientState`: the user and the STARTUP options, which all
// connections of a route have in common; the keyspace, which `setKeyspace` sets and nothing unsets; and the flag
// `issuedPreparedStatementsUseWarning`. These read the keyspace:
//   - what resolves names without a keyspace while the text is parsed (`QualifiedStatement`, and `prepare` of the
//     schema statements). A keyspace that the request names takes its place there (`cloneWithKeyspaceIfSet`).
//   - `AuthorizationStatement` (a table of GRANT, REVOKE and LIST PERMISSIONS) and `DescribeStatement`, while they
//     are carried out: always the connection's own, whatever keyspace the request names.
//   - PREPARE, whose id is a hash over keyspace and text unless it is of rows and all its names are written in full.
//   - EXECUTE, which compares it with the keyspace of the PREPARE and says both in a warning, once a connection.
// So most kinds need no connection in their keyspace: the request is made to name it (`isRequestEnough`), and only
// what is left needs one that is set to it.
// Beside answers, the rows of `system_views.clients` show the keyspace of every connection, to roles with a grant there.
import type { Statement, StatementKind } from './statement.ts';

/** The state of a connection that was never sent a USE. No name that a client can send is equal to it. */
export const NO_KEYSPACE: unique symbol = Symbol('no keyspace');

/** The keyspace that a connection must be in, that it must be in none, or null where any will do. */
export type WantedKeyspace = string | typeof NO_KEYSPACE | null;

interface ConnectionReads {
  /** When a name without keyspace, or a DESCRIBE, is resolved in the keyspace of the connection. */
  readonly keyspace: 'never' | 'parsed' | 'executed';
  /** What a prepared id is a hash of: the text alone where all names are written in full, or always both. */
  readonly id: 'text' | 'keyspace and text';
  /** What of the answer depends on the keyspace; ids apart, and the warning that no client is given. */
  readonly tells: readonly ('rows' | 'metadata' | 'error' | 'warning')[];
}

const ROWS: ConnectionReads = {
  keyspace: 'parsed',
  id: 'text',
  tells: ['rows', 'metadata', 'error', 'warning'],
};
const SCHEMA: ConnectionReads = {
  keyspace: 'parsed',
  id: 'keyspace and text',
  tells: ['error', 'warning'],
};
const PERMISSIONS: ConnectionReads = {
  keyspace: 'executed',
  id: 'keyspace and text',
  tells: ['error', 'warning'],
};
const IN_FULL: ConnectionReads = { keyspace: 'never', id: 'keyspace and text', tells: [] };

export const CONNECTION_READS: { readonly [Kind in StatementKind]: ConnectionReads } = {
  SELECT: ROWS,
  INSERT: ROWS,
  UPDATE: ROWS,
  DELETE: ROWS,
  BATCH: ROWS,
  TRUNCATE: ROWS,
  USE: IN_FULL,
  'CREATE KEYSPACE': IN_FULL,
  'ALTER KEYSPACE': IN_FULL,
  'DROP KEYSPACE': IN_FULL,
  'CREATE TABLE': SCHEMA,
  'ALTER TABLE': SCHEMA,
  'DROP TABLE': SCHEMA,
  'CREATE INDEX': SCHEMA,
  'DROP INDEX': SCHEMA,
  'CREATE MATERIALIZED VIEW': SCHEMA,
  'ALTER MATERIALIZED VIEW': SCHEMA,
  'DROP MATERIALIZED VIEW': SCHEMA,
  'CREATE TYPE': SCHEMA,
  'ALTER TYPE': SCHEMA,
  'DROP TYPE': SCHEMA,
  'CREATE FUNCTION': SCHEMA,
  'DROP FUNCTION': SCHEMA,
  'CREATE AGGREGATE': SCHEMA,
  'DROP AGGREGATE': SCHEMA,
  'CREATE TRIGGER': SCHEMA,
  'DROP TRIGGER': SCHEMA,
  GRANT: PERMISSIONS,
  REVOKE: PERMISSIONS,
  'LIST PERMISSIONS': { ...PERMISSIONS, tells: ['rows', 'error'] },
  'GRANT ROLE': IN_FULL,
  'REVOKE ROLE': IN_FULL,
  'CREATE ROLE': IN_FULL,
  'ALTER ROLE': IN_FULL,
  'DROP ROLE': IN_FULL,
  'LIST ROLES': IN_FULL,
  'CREATE USER': IN_FULL,
  'ALTER USER': IN_FULL,
  'DROP USER': IN_FULL,
  'LIST USERS': IN_FULL,
  'ADD IDENTITY': IN_FULL,
  'DROP IDENTITY': IN_FULL,
  // The columns too: DESCRIBE CLUSTER has one more where the connection is in a keyspace.
  DESCRIBE: { keyspace: 'executed', id: 'keyspace and text', tells: ['rows', 'metadata', 'error'] },
};

type Reading = Pick<Statement, 'kind' | 'usesKeyspace'>;

/**
 * For a QUERY, and for a text in a BATCH. Where `isRequestEnough`, any connection will do whose node takes the
 * keyspace from the request.
 */
export function wantedByText(
  { usesKeyspace }: Reading,
  ofSession: string | null,
  ofRequest: string | null,
): WantedKeyspace {
  return usesKeyspace ? (ofRequest ?? ofSession ?? NO_KEYSPACE) : null;
}

/**
 * Whether a keyspace that the request names takes the place of the connection's. Never of a kind that is read where it
 * is carried out; nor is there a way to name none.
 */
export function isRequestEnough(
  { kind }: Pick<Statement, 'kind'>,
  wanted: WantedKeyspace,
): boolean {
  return typeof wanted === 'string' && CONNECTION_READS[kind].keyspace === 'parsed';
}

/** Whether a release of Cassandra takes it from QUERY and BATCH, in v4 too: since 4.0 (CASSANDRA-10145). */
export function takesRequestKeyspace(releaseVersion: string): boolean {
  return /^(4\.[01]|5\.0)(\.\d+)?(-.*)?$/.test(releaseVersion);
}

/**
 * For a PREPARE. One that names everything needs no keyspace, so the session's is not asked for: that may be gone,
 * which must not decide the answer. Where its id would depend on a keyspace all the same it is prepared in none, or
 * the id would hide the keyspace of another session.
 */
export function wantedByPrepare(
  statement: Reading,
  ofSession: string | null,
  ofRequest: string | null,
): WantedKeyspace {
  if (statement.usesKeyspace) return ofRequest ?? ofSession ?? NO_KEYSPACE;
  // A keyspace that the request names is in the id, wherever the connection is.
  return idDependsOnKeyspace(statement) && ofRequest === null ? NO_KEYSPACE : null;
}

/**
 * The keyspace that the id of a prepared statement is made with; null for none. `ofConnection` is where it was
 * prepared, which counts unless the request named a keyspace.
 */
export function preparedIn(
  statement: Reading,
  ofConnection: string | null,
  ofRequest: string | null,
): string | null {
  return idDependsOnKeyspace(statement) ? (ofRequest ?? ofConnection) : null;
}

/**
 * Whether a statement that reads the keyspace of its connection is answered in no keyspace as in one that is gone:
 * DESCRIBE of a name, which is a keyspace's before it is anything else, and DESCRIBE CLUSTER.
 */
export function meansTheSameInNone({ describe }: Pick<Statement, 'describe'>): boolean {
  return describe?.form === 'either' || describe?.form === 'cluster';
}

/** For an EXECUTE: what was resolved when it was prepared stays so, the rest is read where it is carried out. */
export function wantedByExecute(
  { kind, usesKeyspace }: Reading,
  preparedIn: string | null,
): WantedKeyspace {
  if (!usesKeyspace || CONNECTION_READS[kind].keyspace !== 'executed') return null;
  return preparedIn ?? NO_KEYSPACE;
}

/** To prepare a registered statement again, so that it gets the same id. */
export function wantedToPrepareAgain(
  statement: Reading,
  preparedIn: string | null,
): WantedKeyspace {
  return idDependsOnKeyspace(statement) ? (preparedIn ?? NO_KEYSPACE) : null;
}

/** Whether the id of a prepared statement depends on the keyspace it is prepared in (CASSANDRA-15252). */
export function idDependsOnKeyspace({ kind, usesKeyspace }: Reading): boolean {
  return usesKeyspace || CONNECTION_READS[kind].id === 'keyspace and text';
}

/** Whether a connection in `keyspace`, null for none, is in the state that is wanted. */
export function isInState(keyspace: string | null, wanted: WantedKeyspace): boolean {
  return wanted === null || keyspace === (wanted === NO_KEYSPACE ? null : wanted);
}

/** How a node begins the warning of `warnAboutUseWithPreparedStatements`, which ends with the keyspace's name. */
const USE_WARNING = '`USE <keyspace>` with prepared statements is considered to be an anti-pattern';

/**
 * Whether a node's warning is about the state of the connection: of one that is shared, it would tell a client
 * where somebody else works.
 */
export function isAboutConnection(warning: string): boolean {
  return warning.startsWith(USE_WARNING);
}
