// What each kind of statement takes from its connection, and so which connection it may go to.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import {
  CONNECTION_READS,
  idDependsOnKeyspace,
  isAboutConnection,
  isInState,
  isRequestEnough,
  NO_KEYSPACE,
  preparedIn,
  wantedByExecute,
  wantedByPrepare,
  wantedByText,
} from '../../src/cql/connection-state.ts';
import { STATEMENT_KINDS, type Statement, type StatementKind } from '../../src/cql/statement.ts';
import { kindCases } from '../support/statement-kinds.ts';

const KINDS = Object.keys(STATEMENT_KINDS) as StatementKind[];
const CASES = kindCases('own');

function statement(text: string, keyspace: string | null): Statement {
  const result = analyse(text, keyspace);
  if (!isStatement(result)) throw new Error(`${text}: ${result.reason}`);
  return result;
}

describe.each(KINDS)('%s', (kind) => {
  const unqualified = statement(CASES[kind].text, 'own');
  const reads = CONNECTION_READS[kind];
  const readsAtAll = reads.keyspace !== 'never';

  it('is what the table says that it is', () => {
    expect(unqualified.kind).toBe(kind);
    expect(unqualified.usesKeyspace).toBe(readsAtAll);
  });

  it('goes to a connection in the keyspace of its session, if it reads that', () => {
    expect(wantedByText(unqualified, 'own', null)).toBe(readsAtAll ? 'own' : null);
  });

  it("is carried out in the request's keyspace, which is enough unless it is read there", () => {
    const wanted = wantedByText(unqualified, 'other', 'own');
    expect(wanted).toBe(readsAtAll ? 'own' : null);
    expect(isRequestEnough(unqualified, wanted)).toBe(reads.keyspace === 'parsed');
    expect(isRequestEnough(unqualified, NO_KEYSPACE)).toBe(false);
    expect(isRequestEnough(unqualified, null)).toBe(false);
  });

  it('is prepared in the state that its id is of', () => {
    const inNone = reads.id === 'keyspace and text' ? NO_KEYSPACE : null;
    expect(wantedByPrepare(unqualified, 'own', null)).toBe(readsAtAll ? 'own' : inNone);
    expect(wantedByPrepare(unqualified, 'other', 'own')).toBe(readsAtAll ? 'own' : null);
    expect(preparedIn(unqualified, 'other', 'own')).toBe(
      idDependsOnKeyspace(unqualified) ? 'own' : null,
    );
  });

  it('is executed where it was prepared, if it reads the keyspace then', () => {
    const isReadThen = reads.keyspace === 'executed';
    expect(wantedByExecute(unqualified, 'own')).toBe(isReadThen ? 'own' : null);
  });
});

describe('a text in which not all names are written in full', () => {
  const VIEW = 'AS SELECT k FROM own.t WHERE k IS NOT NULL PRIMARY KEY (k)';

  it('reads the keyspace for a view whose table has one, as Cassandra does', () => {
    const found = statement(`CREATE MATERIALIZED VIEW v ${VIEW}`, 'own');
    expect(wantedByText(found, 'own', null)).toBe('own');
    expect(statement(`CREATE MATERIALIZED VIEW own.v ${VIEW}`, 'x').usesKeyspace).toBe(false);
    const elsewhere = statement(`CREATE MATERIALIZED VIEW v ${VIEW}`, 'other');
    expect(elsewhere.usesKeyspace).toBe(true);
    expect(elsewhere.tables).toContainEqual({ keyspace: 'other', table: 'v' });
    expect(analyse(`CREATE MATERIALIZED VIEW v ${VIEW}`, null)).toMatchObject({
      rule: 'no_keyspace',
    });
  });

  it('looks up the types of a function that is granted in the keyspace of the function', () => {
    const text = 'GRANT EXECUTE ON FUNCTION own.f(ty) TO r';
    for (const keyspace of [null, 'other']) {
      const found = statement(text, keyspace);
      expect(found.types).toEqual([{ keyspace: 'own', name: 'ty' }]);
      expect(found.usesKeyspace).toBe(false);
    }
  });
});

describe('no keyspace', () => {
  it.each(['TABLES', 'TYPES', 'FUNCTIONS', 'AGGREGATES', 'CLUSTER', 'something'])(
    'is the state that DESCRIBE %s of a session without one is carried out in',
    (what) => {
      const found = statement(`DESCRIBE ${what}`, null);
      expect(wantedByText(found, null, null)).toBe(NO_KEYSPACE);
      expect(wantedByPrepare(found, null, null)).toBe(NO_KEYSPACE);
      expect(wantedByExecute(found, null)).toBe(NO_KEYSPACE);
    },
  );

  it.each(['KEYSPACES', 'SCHEMA', 'FULL SCHEMA', 'KEYSPACE ks', 'TABLE ks.t', 'ks.t', 'TYPE ks.u'])(
    'is not asked for by DESCRIBE %s, which means the same everywhere',
    (what) => {
      const found = statement(`DESCRIBE ${what}`, null);
      expect(wantedByText(found, null, null)).toBeNull();
      expect(wantedByExecute(found, null)).toBeNull();
    },
  );

  it('is the state that ids are made in that are of a keyspace though it is not read', () => {
    for (const text of ['LIST ROLES', 'CREATE TABLE ks.t (k int PRIMARY KEY)', 'USE ks']) {
      expect(wantedByPrepare(statement(text, null), null, null)).toBe(NO_KEYSPACE);
    }
    expect(wantedByPrepare(statement('SELECT k FROM ks.t', null), null, null)).toBeNull();
  });

  it('is asked of the role that sees all where a list has no keyspace', () => {
    expect(statement('DESCRIBE TABLES', null).describe?.form).toBe('cluster');
    expect(statement('DESCRIBE TABLES', 'ks').describe).toEqual({
      form: 'keyspace',
      keyspaces: ['ks'],
    });
  });

  it('is no name', () => {
    expect(isInState(null, NO_KEYSPACE)).toBe(true);
    expect(isInState('', NO_KEYSPACE)).toBe(false);
    expect(isInState('\0', NO_KEYSPACE)).toBe(false);
    expect(isInState(null, 'a')).toBe(false);
    expect(isInState('a', 'a')).toBe(true);
    expect(isInState('b', 'a')).toBe(false);
    expect(isInState('b', null)).toBe(true);
  });
});

it('knows the warning of a node about its own connection, and no other', () => {
  const warning =
    '`USE <keyspace>` with prepared statements is considered to be an anti-pattern due to ambiguity in non-qualified table names. Keyspace used: b, statement keyspace: a, statement id: 00';
  expect(isAboutConnection(warning)).toBe(true);
  expect(isAboutConnection('Aggregation query used without partition key')).toBe(false);
  expect(isAboutConnection("Role 'r' was already granted SELECT on <table a.t>")).toBe(false);
});
