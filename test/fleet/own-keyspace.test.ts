// The statements that make the gate's own keyspace: as CQL needs names and texts written, and such that they may
// be run again.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { ownKeyspaceStatements } from '../../src/fleet/own-keyspace.ts';

const REPLICATION = { class: 'NetworkTopologyStrategy', dc1: 3, "d'c": 2 };

describe.each([
  ['cqlgate', 'cqlgate'],
  ['Gate"s', '"Gate""s"'],
  ['select', '"select"'],
])('the keyspace %s', (name, written) => {
  const statements = ownKeyspaceStatements({ name, replication: REPLICATION });

  it('is made before its tables, each where there is none yet', () => {
    const kinds = statements.map((text) => {
      const found = analyse(text, null);
      if (!isStatement(found)) throw new Error(`${text}: ${found.reason}`);
      return `${found.kind} ${found.keyspace} ${found.lwt || text.includes('IF NOT EXISTS')}`;
    });
    expect(kinds).toEqual([
      `CREATE KEYSPACE ${name} true`,
      `CREATE TABLE ${name} true`,
      `CREATE TABLE ${name} true`,
    ]);
  });

  it('is written as CQL needs it, everywhere', () => {
    const [keyspace, ...tables] = statements;
    expect(keyspace).toContain(`EXISTS ${written} WITH`);
    expect(tables[0]).toContain(`EXISTS ${written}.locks (`);
    expect(tables[1]).toContain(`EXISTS ${written}.revocations (`);
  });

  it('has the replication that was asked for, with quotes in names doubled', () => {
    expect(statements[0]).toContain(
      `replication = {'class': 'NetworkTopologyStrategy', 'dc1': '3', 'd''c': '2'}`,
    );
  });
});
