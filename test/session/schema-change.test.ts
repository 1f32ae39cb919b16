// Which lane a schema statement goes to, and what its client is told where nodes differ.
import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/cql/analyse.ts';
import { STATEMENT_KINDS, type Statement, type StatementKind } from '../../src/cql/statement.ts';
import { responsePrefix, withWarning } from '../../src/protocol/body-prefix.ts';
import { encodeFrame, Frame, FrameFlag } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { Exchange } from '../../src/session/exchange.ts';
import { keyspaceOf, laneMode, withAgreement } from '../../src/session/schema-change.ts';

/** One of each kind that is of the schema; `@` is a name in the keyspace. */
const SCHEMA: Partial<Record<StatementKind, string>> = {
  TRUNCATE: 'TRUNCATE @t',
  'CREATE TABLE': 'CREATE TABLE @t (k int PRIMARY KEY)',
  'ALTER TABLE': 'ALTER TABLE @t ADD v int',
  'DROP TABLE': 'DROP TABLE IF EXISTS @t',
  'CREATE INDEX': 'CREATE INDEX i ON @t (v)',
  'DROP INDEX': 'DROP INDEX @i',
  'CREATE MATERIALIZED VIEW':
    'CREATE MATERIALIZED VIEW @v AS SELECT * FROM @t WHERE k IS NOT NULL PRIMARY KEY (k)',
  'ALTER MATERIALIZED VIEW': "ALTER MATERIALIZED VIEW @v WITH comment = ''",
  'DROP MATERIALIZED VIEW': 'DROP MATERIALIZED VIEW @v',
  'CREATE TYPE': 'CREATE TYPE @y (a int)',
  'ALTER TYPE': 'ALTER TYPE @y ADD b int',
  'DROP TYPE': 'DROP TYPE @y',
  'CREATE FUNCTION':
    "CREATE FUNCTION @f (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return a;'",
  'DROP FUNCTION': 'DROP FUNCTION @f',
  'CREATE AGGREGATE': 'CREATE AGGREGATE @g (int) SFUNC f STYPE int',
  'DROP AGGREGATE': 'DROP AGGREGATE @g',
  'CREATE TRIGGER': "CREATE TRIGGER r ON @t USING 'x'",
  'DROP TRIGGER': 'DROP TRIGGER r ON @t',
};

/** Of the keyspaces themselves. */
const KEYSPACES: Partial<Record<StatementKind, string>> = {
  'CREATE KEYSPACE': "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy'}",
  'ALTER KEYSPACE': 'ALTER KEYSPACE shop WITH durable_writes = true',
  'DROP KEYSPACE': 'DROP KEYSPACE shop',
};

function statementOf(text: string, keyspace: string | null): Statement {
  const statement = analyse(text, keyspace);
  if (!('kind' in statement)) throw new Error(`${text}: ${statement.reason}`);
  return statement;
}

const exchangeOf = (text: string, opcode: number): Exchange =>
  ({ request: { opcode, statement: statementOf(text, 'shop') } }) as unknown as Exchange;

describe('the lane of a schema statement', () => {
  it.each(Object.entries(SCHEMA))('%s is that of its keyspace, named or not', (kind, text) => {
    for (const [at, keyspace] of [
      ['', 'shop'],
      ['shop.', 'other'],
    ] as const) {
      const statement = statementOf(text.replaceAll('@', at), keyspace);
      expect(statement.kind).toBe(kind);
      expect(keyspaceOf(statement)).toBe('shop');
    }
  });

  it.each(Object.entries(KEYSPACES))('%s is that of the keyspace it names', (kind, text) => {
    const statement = statementOf(text, 'other');
    expect(statement.kind).toBe(kind);
    expect(keyspaceOf(statement)).toBe('shop');
  });

  it('is known for all kinds that there are', () => {
    const kinds = Object.entries(STATEMENT_KINDS).flatMap(([kind, family]) =>
      family === 'schema' ? [kind] : [],
    );
    expect(Object.keys({ ...SCHEMA, ...KEYSPACES }).sort()).toEqual(kinds.sort());
  });

  it('is entered alone, by TRUNCATE with others of its kind, and by nothing else', () => {
    const create = 'CREATE TABLE t (k int PRIMARY KEY)';
    expect(laneMode(exchangeOf(create, Opcode.QUERY))).toBe('exclusive');
    expect(laneMode(exchangeOf(create, Opcode.EXECUTE))).toBe('exclusive');
    expect(laneMode(exchangeOf(create, Opcode.PREPARE))).toBeNull();
    expect(laneMode(exchangeOf('TRUNCATE t', Opcode.QUERY))).toBe('shared');
    expect(laneMode(exchangeOf('TRUNCATE t', Opcode.PREPARE))).toBeNull();
    expect(laneMode(exchangeOf('CREATE ROLE r', Opcode.QUERY))).toBeNull();
    expect(laneMode(exchangeOf('SELECT * FROM t', Opcode.QUERY))).toBeNull();
  });
});

describe('the answer to a schema change', () => {
  const body = new Writer().writeInt(5).writeString('CREATED').toBuffer();
  const bytes = encodeFrame({ version: 4, opcode: Opcode.RESULT, streamId: 7, flags: 0, body });
  const response = new Frame(bytes, 0, bytes.length);
  const message = (frame: Frame): Buffer =>
    frame.buffer.subarray(responsePrefix(frame).messageStart, frame.end);

  it('is the node’s own where all nodes have the change', () => {
    expect(withAgreement(response, { agreed: true, version: 'v' })).toBe(response);
  });

  it('has a warning where not all have it, beside those of the node', () => {
    const told = withAgreement(withWarning(response, 'of the node'), {
      agreed: false,
      version: null,
    });
    expect(told.flags & FrameFlag.WARNING).not.toBe(0);
    expect(told.opcode).toBe(Opcode.RESULT);
    expect(responsePrefix(told).warnings).toEqual([
      'of the node',
      expect.stringMatching(/was made, but not all nodes.*do not repeat it/),
    ]);
    expect(message(told)).toEqual(body);
  });
});
