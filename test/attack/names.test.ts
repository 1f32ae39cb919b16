// Names that are chosen so that several of them, joined, give the text of others: what is decided or
// counted by names must not take one for the other. U+0000 is refused wherever a name may stand.
import { describe, expect, it } from 'vitest';
import { compoundKey } from '../../src/compound-key.ts';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { StatementCache } from '../../src/cql/statement-cache.ts';
import { EMPTY_SCHEMA, type Statement } from '../../src/cql/statement.ts';
import { AuthFault, ProtocolFault } from '../../src/errors.ts';
import { isOAuthBearer } from '../../src/identity/oauthbearer.ts';
import { decodePlain } from '../../src/identity/sasl-plain.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { decide, isPermit } from '../../src/policy/decide.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { decodeBatch } from '../../src/protocol/messages/batch.ts';
import { decodeExecute } from '../../src/protocol/messages/execute.ts';
import { decodePrepare } from '../../src/protocol/messages/prepare.ts';
import { decodeQuery } from '../../src/protocol/messages/query.ts';
import { decodeRegister } from '../../src/protocol/messages/register.ts';
import { decodeStartup } from '../../src/protocol/messages/startup.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { SchemaSnapshot } from '../../src/upstream/schema.ts';
import { roleUnderPolicy } from '../support/policy.ts';

const NUL = '\0';

function read(text: string, keyspace: string | null = null): Statement {
  const found = analyse(text, keyspace);
  if (!isStatement(found)) throw new Error(`${text}: ${found.reason}`);
  return found;
}

describe('names in texts', () => {
  it.each([
    `SELECT * FROM ks."a${NUL}b"`,
    `SELECT * FROM "k${NUL}s".t`,
    `SELECT "c${NUL}" FROM ks.t`,
    `SELECT a AS "${NUL}" FROM ks.t`,
    `SELECT ks."f${NUL}1"(a) FROM ks.t`,
    `INSERT INTO ks.t (k) VALUES (:"m${NUL}")`,
    `UPDATE ks.t SET v = ("ty${NUL}pe") 1 WHERE k = 1`,
    `BEGIN BATCH INSERT INTO ks.t (k) VALUES (secret."f${NUL}0"()) APPLY BATCH`,
    `USE "a${NUL}"`,
    `DESCRIBE "a${NUL}"`,
    `CREATE TYPE ks."${NUL}" (a int)`,
    `CREATE ROLE 'a${NUL}b'`,
    `DROP ROLE $$a${NUL}b$$`,
    `DROP USER 'a${NUL}b'`,
    `GRANT 'a${NUL}' TO b`,
    `GRANT SELECT ON "k${NUL}".t TO r`,
    `GRANT SELECT ON KEYSPACE ks TO 'r${NUL}'`,
    `LIST ROLES OF 'a${NUL}'`,
    `ADD IDENTITY 'i${NUL}' TO ROLE 'r'`,
    `DROP IDENTITY 'i${NUL}'`,
  ])('that hold U+0000 are refused: %j', (text) => {
    const found = analyse(text, 'ks');
    expect(isStatement(found)).toBe(false);
    // Cassandra takes them: it is no syntax error.
    expect(found).toMatchObject({
      rule: 'not_understood',
      reason: expect.stringContaining('U+0000'),
    });
  });

  it('may stand beside values that hold U+0000', () => {
    expect(read(`INSERT INTO ks.t (k) VALUES ('a${NUL}b')`).kind).toBe('INSERT');
  });

  it('do not hide a child of a BATCH behind another one', () => {
    const pairs: [string, string][] = [
      ['a."b.c"', '"a.b".c'],
      ['a."1:b"', '"a1:".b'],
      ['"3:a".b', '"3".":ab"'],
    ];
    for (const [one, other] of pairs) {
      const text = `BEGIN BATCH INSERT INTO ks.t (k) VALUES (${one}()); INSERT INTO ks.t (k) VALUES (${other}()); APPLY BATCH`;
      expect(read(text).functions).toHaveLength(2);
      const tables = `BEGIN BATCH INSERT INTO ${one} (k) VALUES (1); INSERT INTO ${other} (k) VALUES (1); APPLY BATCH`;
      expect(read(tables).tables).toHaveLength(2);
    }
  });

  it('tell children of a BATCH apart by what they call, cast to and compare with', () => {
    const child = (value: string, condition = ''): string =>
      `UPDATE ks.t SET v = ${value} WHERE k = 1 ${condition};`;
    const children = [
      child('a.f(1)'),
      child('a.f(1, 2)'),
      child('f(1)'),
      child('a.f(b.g(1))'),
      child('(a.f) 1'),
      child('(a."f,b.g") 1'),
      child('1', 'IF x = 1'),
      child('1', 'IF x = 1 AND y = 1'),
      child('1', 'IF "x"",""y" = 1'),
      child('1', 'IF EXISTS'),
    ];
    const text = `BEGIN BATCH ${children.join(' ')} ${children.join(' ')} APPLY BATCH`;
    expect(read(text).children).toHaveLength(children.length);
  });

  it('can not stand for no keyspace in the cache of statements', () => {
    const cache = new StatementCache({ maxBytes: 1_000_000 });
    for (const keyspace of [NUL, '', 'null', 'undefined', '-']) {
      for (let i = 0; i < 3; i++) cache.get('SELECT * FROM t', keyspace);
      const found = cache.get('SELECT * FROM t', null);
      expect(found).toMatchObject({ rule: 'no_keyspace' });
      expect(cache.get('SELECT * FROM t', keyspace)).toMatchObject({
        tables: [{ keyspace, table: 't' }],
      });
    }
  });
});

describe('names that are joined', () => {
  const parts = [
    '',
    '-',
    '0:',
    '1:',
    '1:a',
    'a',
    ':',
    '11',
    NUL,
    `a${NUL}`,
    null,
    'null',
    '\ud800',
  ];

  it('give a key of their own for each choice of parts', () => {
    const keys = new Map<string, string>();
    const note = (choice: readonly (string | null)[]): void => {
      const key = compoundKey(...choice);
      const shown = JSON.stringify(choice);
      expect(keys.get(key) ?? shown).toBe(shown);
      keys.set(key, shown);
    };
    note([]);
    for (const a of parts) {
      note([a]);
      for (const b of parts) {
        note([a, b]);
        for (const c of parts) note([a, b, c]);
      }
    }
    expect(keys.size).toBe(1 + 13 + 13 ** 2 + 13 ** 3);
  });

  it('are series of their own in a metric', () => {
    const metrics = new Metrics();
    metrics.counter('drivers_total', `a${NUL}b`, 'c').value += 1;
    metrics.counter('drivers_total', 'a', `b${NUL}c`).value += 10;
    expect([...metrics.counts('drivers_total')].map(({ series }) => series.value)).toEqual([1, 10]);
  });

  it('are no grant on what other names join to', () => {
    const { role, policy } = roleUnderPolicy({
      grants: [
        'SELECT ON TABLE "a"."b.c"',
        'SELECT ON TABLE "x.y".z',
        'EXECUTE ON FUNCTION "a"."b.c"(int)',
      ],
    });
    const permits = (text: string): boolean =>
      isPermit(decide({ role, policy }, read(text), EMPTY_SCHEMA));
    expect(permits('SELECT * FROM "a"."b.c"')).toBe(true);
    expect(permits('SELECT * FROM "a.b"."c"')).toBe(false);
    expect(permits('SELECT * FROM "x".""""')).toBe(false);
    expect(permits('SELECT * FROM x."y.z"')).toBe(false);
    expect(role.find('SELECT', { type: 'TABLE', keyspace: `a${NUL}b`, table: 'c' })).toBeNull();
    expect(role.find('SELECT', { type: 'TABLE', keyspace: '__proto__', table: 'x' })).toBeNull();
    expect(role.find('SELECT', { type: 'TABLE', keyspace: 'a', table: 'constructor' })).toBeNull();
  });

  it('are no view, index, function or mask of what other names join to', () => {
    const schema = new SchemaSnapshot(1, {
      views: [{ keyspace: 'a', view: `b${NUL}c`, base: `t${NUL}u` }],
      indexes: [{ keyspace: 'a', index: `b${NUL}c`, table: 't' }],
      functions: [{ keyspace: 'a', name: `b${NUL}c`, argumentTypes: [], aggregate: null }],
      masks: [{ keyspace: 'a', table: `b${NUL}c`, column: 'd' }],
    });
    expect(schema.baseOfView('a', `b${NUL}c`)).toBe(`t${NUL}u`);
    expect(schema.baseOfView(`a${NUL}b`, 'c')).toBeNull();
    expect(schema.viewsOf(`a${NUL}t`, 'u')).toEqual([]);
    expect(schema.tableOfIndex(`a${NUL}b`, 'c')).toBeNull();
    expect(schema.overloads(`a${NUL}b`, 'c')).toEqual([]);
    expect(schema.overloads('__proto__', 'toString')).toEqual([]);
    expect(schema.maskedColumns(`a${NUL}b`, 'c')).toBeNull();
  });
});

describe('names in protocol fields', () => {
  const frameOf = (opcode: number, writer: Writer): Frame => {
    const bytes = encodeFrame({ version: 5, opcode, streamId: 7, body: writer.toBuffer() });
    return new Frame(bytes, 0, bytes.length);
  };
  const text = (): Writer => new Writer().writeLongString('SELECT * FROM t');
  /** v5: consistency, flags and keyspace. */
  const inKeyspace = (writer: Writer, name: string): Writer =>
    writer.writeShort(1).writeInt(0x80).writeString(name);

  const fields: [string, (name: string) => unknown][] = [
    [
      'the keyspace of a QUERY',
      (name) => decodeQuery(frameOf(Opcode.QUERY, inKeyspace(text(), name)), 5),
    ],
    [
      'the name of a value',
      (name) => {
        const writer = text().writeShort(1).writeInt(0x41).writeShort(1).writeString(name);
        return decodeQuery(frameOf(Opcode.QUERY, writer.writeBytes(Buffer.alloc(4))), 5);
      },
    ],
    [
      'the keyspace of a PREPARE',
      (name) => decodePrepare(frameOf(Opcode.PREPARE, text().writeInt(1).writeString(name)), 5),
    ],
    [
      'the keyspace of an EXECUTE',
      (name) => {
        const ids = new Writer()
          .writeShortBytes(Buffer.alloc(16))
          .writeShortBytes(Buffer.alloc(16));
        return decodeExecute(frameOf(Opcode.EXECUTE, inKeyspace(ids, name)), 5);
      },
    ],
    [
      'the keyspace of a BATCH',
      (name) => {
        const none = new Writer().writeByte(0).writeShort(0);
        return decodeBatch(frameOf(Opcode.BATCH, inKeyspace(none, name)), 5);
      },
    ],
    [
      'a value of STARTUP',
      (name) =>
        decodeStartup(frameOf(Opcode.STARTUP, new Writer().writeStringMap(new Map([['A', name]])))),
    ],
    [
      'an option of STARTUP',
      (name) =>
        decodeStartup(frameOf(Opcode.STARTUP, new Writer().writeStringMap(new Map([[name, 'A']])))),
    ],
  ];

  it.each(fields)('are refused with U+0000: %s', (_field, decode) => {
    expect(() => decode('name')).not.toThrow();
    for (const name of [NUL, `a${NUL}`, `${NUL}a`, `a${NUL}b`]) {
      expect(() => decode(name)).toThrow(/U\+0000/);
    }
  });

  it('are refused with U+0000: an event to REGISTER', () => {
    const writer = new Writer().writeStringList([`SCHEMA_CHANGE${NUL}`]);
    expect(() => decodeRegister(frameOf(Opcode.REGISTER, writer))).toThrow(ProtocolFault);
  });

  it('are refused with U+0000: those of SASL', () => {
    for (const sasl of [`a${NUL}r${NUL}t${NUL}`, `${NUL}r${NUL}x${NUL}t`]) {
      expect(() => decodePlain(Buffer.from(sasl))).toThrow(AuthFault);
    }
    const bearer = Buffer.from(`n,a=r${NUL},\u0001auth=Bearer t\u0001\u0001`);
    expect(isOAuthBearer(bearer)).toBe(false);
    expect(() => decodePlain(bearer)).toThrow(AuthFault);
  });
});
