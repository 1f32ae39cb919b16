// What `deny` covers: a kind, and all that do the same by other words.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { EMPTY_SCHEMA, STATEMENT_KINDS, type StatementKind } from '../../src/cql/statement.ts';
import { decide, isPermit } from '../../src/policy/decide.ts';
import { deniedKinds, KIND_FAMILIES } from '../../src/policy/deny.ts';
import { roleUnderPolicy } from '../support/policy.ts';

const KINDS = Object.keys(STATEMENT_KINDS) as StatementKind[];

/** By kind, all ways to write the same. */
const SYNONYMS: [StatementKind, string][] = [
  ['DROP ROLE', 'DROP ROLE x'],
  ['DROP ROLE', 'DROP USER IF EXISTS x'],
  ['CREATE ROLE', 'CREATE ROLE x'],
  ['CREATE ROLE', 'CREATE USER x'],
  ['ALTER ROLE', "ALTER ROLE x WITH PASSWORD = 'p'"],
  ['ALTER ROLE', "ALTER USER x WITH PASSWORD 'p'"],
  ['LIST ROLES', 'LIST ROLES'],
  ['LIST ROLES', 'LIST USERS'],
  ['GRANT', 'GRANT SELECT ON ks.t TO x'],
  ['GRANT', 'GRANT y TO x'],
  ['REVOKE', 'REVOKE SELECT ON ks.t FROM x'],
  ['REVOKE', 'REVOKE y FROM x'],
  ['TRUNCATE', 'TRUNCATE ks.t'],
  ['TRUNCATE', 'TRUNCATE TABLE ks.t'],
  ['TRUNCATE', 'TRUNCATE COLUMNFAMILY ks.t'],
  ['DROP TABLE', 'DROP COLUMNFAMILY ks.t'],
  ['DESCRIBE', 'DESC KEYSPACE ks'],
  ['INSERT', 'BEGIN BATCH INSERT INTO ks.t (k) VALUES (1) APPLY BATCH'],
  ['BATCH', 'BEGIN UNLOGGED BATCH INSERT INTO ks.t (k) VALUES (1) APPLY BATCH'],
];

describe('deny', () => {
  it.each(SYNONYMS)('of %s refuses %s, by whichever name of its family', (kind, text) => {
    const statement = analyse(text, null);
    if (!isStatement(statement)) throw new Error(statement.reason);
    const family = KIND_FAMILIES.find((one) => one.includes(kind)) ?? [kind];
    for (const denied of family) {
      const decision = decide(roleUnderPolicy({ deny: [denied] }), statement, EMPTY_SCHEMA);
      expect(isPermit(decision) ? 'permit' : decision.reason).toBe('kind_denied');
    }
    const own = [...family, statement.kind, ...statement.children.map((child) => child.kind)];
    const others = KINDS.filter((one) => !own.includes(one));
    const decision = decide(roleUnderPolicy({ deny: others }), statement, EMPTY_SCHEMA);
    expect(isPermit(decision) ? 'permit' : decision.reason).not.toBe('kind_denied');
  });

  it('covers what is written, and the whole of each family', () => {
    expect([...deniedKinds(['TRUNCATE'])]).toEqual(['TRUNCATE']);
    expect(new Set(deniedKinds(['DROP USER', 'TRUNCATE']))).toEqual(
      new Set(['TRUNCATE', 'DROP ROLE', 'DROP USER']),
    );
    const all = KIND_FAMILIES.flat();
    expect(new Set(all).size).toBe(all.length);
  });
});
