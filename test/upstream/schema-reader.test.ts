// The rows of system_schema to what the gate knows of a schema, with what older releases lack and what no release
// sends.
import { describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { readSchema } from '../../src/upstream/schema-reader.ts';
import { intCell, queriesOf, rowsAnswer, textsCell, type AnswerCell } from '../support/answers.ts';
import { errorMessage, voidMessage } from '../support/own-answers.ts';

type Tables = Readonly<Record<string, readonly (readonly AnswerCell[])[] | Frame>>;

/** Reads a schema of these tables, by `keyspace.table`; the others are empty. */
async function read(tables: Tables) {
  const texts: string[] = [];
  const queries = queriesOf((text) => {
    texts.push(text);
    const [, columns, table] = /^SELECT (.*) FROM (\S+)/.exec(text)!;
    const rows = tables[table!] ?? [];
    return 'length' in rows ? rowsAnswer(columns!.split(', '), rows) : rows;
  });
  return { rows: await readSchema(queries), texts };
}

const INT = 'int';

describe('a schema', () => {
  it('has each thing where system_schema has it', async () => {
    const { rows } = await read({
      'system_schema.views': [['shop', 'by_day', 'orders']],
      'system_schema.indexes': [['shop', 'i', 'orders']],
      'system_schema.keyspaces': [
        ['shop', textsCell(['class', 'NetworkTopologyStrategy', 'dc1', '3'], 2)],
        ['bare', null],
      ],
      'system_schema.functions': [['shop', 'f', textsCell([INT, 'text'])]],
      'system_schema.types': [['shop', 'address']],
      'system_schema.column_masks': [['shop', 'people', 'card']],
    });
    expect(rows).toEqual({
      views: [{ keyspace: 'shop', view: 'by_day', base: 'orders' }],
      indexes: [{ keyspace: 'shop', index: 'i', table: 'orders' }],
      keyspaces: [
        {
          keyspace: 'shop',
          replication: new Map([
            ['class', 'NetworkTopologyStrategy'],
            ['dc1', '3'],
          ]),
        },
        { keyspace: 'bare', replication: new Map() },
      ],
      functions: [{ keyspace: 'shop', name: 'f', argumentTypes: [INT, 'text'], aggregate: null }],
      types: [{ keyspace: 'shop', type: 'address' }],
      masks: [{ keyspace: 'shop', table: 'people', column: 'card' }],
      systemTables: [],
    });
  });

  it('has aggregates with what runs in them', async () => {
    const aggregate = (name: string, final: AnswerCell): AnswerCell[] => [
      ...['shop', name],
      textsCell([INT]),
      ...['add', 'bigint', final],
    ];
    const { rows } = await read({
      'system_schema.functions': [['shop', 'add', textsCell(['bigint', INT])]],
      'system_schema.aggregates': [aggregate('total', 'close'), aggregate('open', null)],
    });
    expect(rows.functions?.map(({ name, aggregate: runs }) => [name, runs])).toEqual([
      ['add', null],
      ['total', { stateFunction: 'add', stateType: 'bigint', finalFunction: 'close' }],
      ['open', { stateFunction: 'add', stateType: 'bigint', finalFunction: null }],
    ]);
  });

  it('has Cassandra’s own tables, virtual ones too, and those of no user', async () => {
    const { rows, texts } = await read({
      'system_schema.tables': [['system', 'local']],
      'system_virtual_schema.tables': [['system_views', 'clients']],
    });
    expect(rows.systemTables).toEqual([
      { keyspace: 'system', table: 'local' },
      { keyspace: 'system_views', table: 'clients' },
    ]);
    const [asked] = texts.filter((text) => text.includes('system_schema.tables'));
    expect(asked).toMatch(/ WHERE keyspace_name IN \('\w+'(, '\w+')*\)$/);
    expect(asked).toContain("'system'");
  });
});

describe('a table of the schema', () => {
  it('that a release lacks is empty', async () => {
    const { rows } = await read({
      'system_schema.views': [['shop', 'by_day', 'orders']],
      'system_schema.column_masks': errorMessage(CqlErrorCode.INVALID, 'unconfigured table'),
      'system_virtual_schema.tables': errorMessage(CqlErrorCode.INVALID),
    });
    expect([rows.masks, rows.systemTables, rows.views]).toEqual([[], [], [expect.anything()]]);
  });

  it.each<[string, Frame]>([
    ['is refused', errorMessage(CqlErrorCode.UNAUTHORIZED, 'no')],
    ['has no answer in time', errorMessage(CqlErrorCode.READ_TIMEOUT, 'no')],
    ['is no rows', voidMessage()],
  ])('that %s is not taken for empty', async (_what, answer) => {
    for (const table of ['column_masks', 'views', 'types']) {
      await expect(read({ [`system_schema.${table}`]: answer })).rejects.toMatchObject({
        name: 'UpstreamFault',
      });
    }
  });
});

describe('a list of texts', () => {
  const functionsOf = async (cell: Buffer | null) =>
    (await read({ 'system_schema.functions': [['shop', 'f', cell]] })).rows.functions?.[0]
      ?.argumentTypes;

  it('may be empty, or have empty texts', async () => {
    expect(await functionsOf(null)).toEqual([]);
    expect(await functionsOf(intCell(0))).toEqual([]);
    expect(await functionsOf(textsCell(['', 'a', '']))).toEqual(['', 'a', '']);
  });

  it('that ends too early is a fault, wherever that is: half a signature is another one', async () => {
    const whole = textsCell(['int', 'text']);
    for (let end = 5; end < whole.length; end++) {
      await expect(functionsOf(whole.subarray(0, end))).rejects.toThrow();
    }
  });

  it('with a length that is none is a fault', async () => {
    await expect(functionsOf(Buffer.concat([intCell(1), intCell(-1)]))).rejects.toMatchObject({
      name: 'UpstreamFault',
    });
    await expect(
      functionsOf(Buffer.concat([intCell(1), intCell(0x7fffffff), Buffer.from('int')])),
    ).rejects.toMatchObject({ name: 'UpstreamFault' });
  });
});
