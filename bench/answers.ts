// What a Cassandra node answers, built by hand, for runs without a real one: login, the system
// tables that the gate's control connection reads, and one prepared SELECT with one row.
import { createHash } from 'node:crypto';
import {
  bytes,
  ErrorCode,
  errorBody,
  int,
  Kind,
  MetadataFlag,
  Opcode,
  QueryFlag,
  short,
  shortBytes,
  string,
} from './frames.ts';
import type { Response } from './raw-connection.ts';
import { KEYSPACE, TABLES as SIZES, type Table as Sized } from './workload.ts';

/** Type codes of the specification, section 4.2.5.2, and how a text becomes a cell of that type. */
const TYPES = {
  varchar: { option: short(0x0d), cell: (text: string) => Buffer.from(text) },
  int: { option: short(0x09), cell: (text: string) => int(Number(text)) },
  uuid: {
    option: short(0x0c),
    cell: (text: string) => Buffer.from(text.replaceAll('-', ''), 'hex'),
  },
  inet: { option: short(0x10), cell: (text: string) => Buffer.from(text.split('.').map(Number)) },
  'set<varchar>': {
    option: Buffer.concat([short(0x22), short(0x0d)]),
    cell: (text: string) => Buffer.concat([int(1), bytes(Buffer.from(text))]),
  },
  'map<varchar, varchar>': {
    option: Buffer.concat([short(0x21), short(0x0d), short(0x0d)]),
    cell: (text: string) => {
      const entries = Object.entries(JSON.parse(text) as Record<string, string>).flat();
      return Buffer.concat([
        int(entries.length / 2),
        ...entries.map((one) => bytes(Buffer.from(one))),
      ]);
    },
  },
} as const;

interface SystemTable {
  readonly keyspace: string;
  readonly table: string;
  readonly columns: Readonly<Record<string, keyof typeof TYPES>>;
  readonly rows: readonly Readonly<Record<string, string>>[];
}

const HOST_ID = '6f1d2c3b-4a59-4867-8b7a-0c1d2e3f4a5b';
const SCHEMA_VERSION = '2207c2a9-f598-3971-986b-2926e09e239d';

const SYSTEM_TABLES: readonly SystemTable[] = [
  {
    keyspace: 'system',
    table: 'local',
    columns: {
      key: 'varchar',
      bootstrapped: 'varchar',
      broadcast_address: 'inet',
      broadcast_port: 'int',
      cluster_name: 'varchar',
      cql_version: 'varchar',
      data_center: 'varchar',
      host_id: 'uuid',
      listen_address: 'inet',
      listen_port: 'int',
      native_protocol_version: 'varchar',
      partitioner: 'varchar',
      rack: 'varchar',
      release_version: 'varchar',
      rpc_address: 'inet',
      rpc_port: 'int',
      schema_version: 'uuid',
      tokens: 'set<varchar>',
    },
    rows: [
      {
        key: 'local',
        bootstrapped: 'COMPLETED',
        broadcast_address: '127.0.0.1',
        broadcast_port: '7000',
        cluster_name: 'bench',
        cql_version: '3.4.7',
        data_center: 'datacenter1',
        host_id: HOST_ID,
        listen_address: '127.0.0.1',
        listen_port: '7000',
        native_protocol_version: '5',
        partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
        rack: 'rack1',
        release_version: '5.0.9',
        rpc_address: '127.0.0.1',
        rpc_port: '9042',
        schema_version: SCHEMA_VERSION,
        tokens: '0',
      },
    ],
  },
  {
    keyspace: 'system',
    table: 'peers',
    columns: { peer: 'inet', data_center: 'varchar', host_id: 'uuid', rpc_address: 'inet' },
    rows: [],
  },
  {
    keyspace: 'system',
    table: 'peers_v2',
    columns: { peer: 'inet', peer_port: 'int', data_center: 'varchar', host_id: 'uuid' },
    rows: [],
  },
  {
    keyspace: 'system_schema',
    table: 'keyspaces',
    columns: { keyspace_name: 'varchar', replication: 'map<varchar, varchar>' },
    rows: [
      {
        keyspace_name: KEYSPACE,
        replication: JSON.stringify({ class: 'SimpleStrategy', replication_factor: '1' }),
      },
    ],
  },
  {
    keyspace: 'system_schema',
    table: 'tables',
    columns: { keyspace_name: 'varchar', table_name: 'varchar' },
    rows: Object.keys(SIZES).map((name) => ({ keyspace_name: KEYSPACE, table_name: name })),
  },
  {
    keyspace: 'system_schema',
    table: 'views',
    columns: { keyspace_name: 'varchar', view_name: 'varchar', base_table_name: 'varchar' },
    rows: [],
  },
  {
    keyspace: 'system_schema',
    table: 'indexes',
    columns: { keyspace_name: 'varchar', index_name: 'varchar', table_name: 'varchar' },
    rows: [],
  },
];

const ITEMS: SystemTable = {
  keyspace: KEYSPACE,
  table: 'items',
  columns: { pk: 'varchar', value: 'varchar' },
  rows: [],
};

/** By prepared id: what its rows are, null for a write. An EXECUTE of an id never prepared here is UNPREPARED. */
const prepared = new Map<string, Sized | null>();

function sizedOf(text: string): Sized | null {
  return SIZES[OWN_ROWS.exec(text)?.[1] ?? ''] ?? null;
}

const SELECT =
  /^select\s+(?<columns>.+?)\s+from\s+(?<keyspace>\w+)\.(?<table>\w+)(?:\s+where\s+(?<where>.+?))?\s*;?$/i;
const OWN_ROWS = new RegExp(`^SELECT pk, value FROM ${KEYSPACE}\\.(\\w+) `);
const EQUALS = /^(?<column>\w+)\s*=\s*'(?<value>[^']*)'$/;

/** The answer to QUERY: SELECTs of whole columns over the tables above, where columns equal texts. */
export function answerQuery(text: string): Response {
  const sized = sizedOf(text);
  if (sized !== null) return rowsOf(sized, metadata(ITEMS, ['pk', 'value']), Buffer.from('key'));
  const asked = SELECT.exec(text.trim())?.groups;
  const table = SYSTEM_TABLES.find(
    (one) => one.keyspace === asked?.['keyspace'] && one.table === asked['table'],
  );
  if (asked === undefined || table === undefined) return invalid(text);
  const conditions = (asked['where']?.split(/\s+and\s+/i) ?? []).map(
    (condition) => EQUALS.exec(condition)?.groups,
  );
  const list = asked['columns']!;
  const wanted = list === '*' ? Object.keys(table.columns) : list.split(/\s*,\s*/);
  const named = [...wanted, ...conditions.map((condition) => condition?.['column'] ?? '')];
  if (named.some((name) => !Object.hasOwn(table.columns, name))) return invalid(text);
  const rows = table.rows.filter((row) =>
    conditions.every((condition) => row[condition!['column']!] === condition!['value']),
  );
  const cells = rows.map((row) =>
    Buffer.concat(wanted.map((name) => bytes(TYPES[table.columns[name]!].cell(row[name]!)))),
  );
  return result([int(Kind.ROWS), metadata(table, wanted), int(cells.length), ...cells]);
}

/** The answer to PREPARE: text columns bound, rows of key and value; the id as Cassandra makes it. */
export function answerPrepare(text: string, version: number): Response {
  const id = createHash('md5').update(text).digest();
  const sized = sizedOf(text);
  prepared.set(id.toString('latin1'), sized);
  const bound = sized === null ? ['pk', 'value'] : ['pk'];
  return result([
    int(Kind.PREPARED),
    shortBytes(id),
    ...(version < 5 ? [] : [shortBytes(id)]),
    ...[int(MetadataFlag.GLOBAL_TABLES_SPEC), int(bound.length), int(1), short(0)],
    ...[spec(ITEMS), columns(ITEMS, bound)],
    resultMetadata(text, sized),
  ]);
}

/** A SELECT of this table has one column, of a type that nests far deeper than any real one. */
export const DEEP_TABLE = 'deep';
const DEEP_LISTS = 200;

function resultMetadata(text: string, sized: Sized | null): Buffer {
  if (text.includes(`${KEYSPACE}.${DEEP_TABLE}`)) {
    const lists = Array.from({ length: DEEP_LISTS }, () => short(LIST));
    return Buffer.concat([
      ...[int(MetadataFlag.GLOBAL_TABLES_SPEC), int(1), spec(ITEMS), string('value')],
      ...[...lists, TYPES.varchar.option],
    ]);
  }
  return sized === null
    ? Buffer.concat([int(MetadataFlag.NO_METADATA), int(0)])
    : metadata(ITEMS, ['pk', 'value']);
}

const LIST = 0x20;

/** The answer to EXECUTE: the rows of the bound key, without metadata. */
export function answerExecute(body: Buffer, version: number): Response {
  let at = 2 + body.readUInt16BE(0);
  const id = body.subarray(2, at);
  const sized = prepared.get(id.toString('latin1'));
  if (sized === undefined) {
    return error(UNPREPARED, 'not prepared on this responder', shortBytes(Buffer.from(id)));
  }
  if (sized === null) return VOID;
  if (version >= 5) at += 2 + body.readUInt16BE(at);
  const flags = version < 5 ? body[at + 2]! : body.readUInt32BE(at + 2);
  const wanted = QueryFlag.VALUES | QueryFlag.SKIP_METADATA;
  at += version < 5 ? 3 : 6;
  if ((flags & wanted) !== wanted || body.readUInt16BE(at) !== 1) {
    return error(ErrorCode.INVALID, 'the responder takes one bound value, and skips metadata');
  }
  const key = body.subarray(at + 6, at + 6 + body.readInt32BE(at + 2));
  return rowsOf(sized, Buffer.concat([int(MetadataFlag.NO_METADATA), int(2)]), key);
}

const VOID: Response = { opcode: Opcode.RESULT, body: int(Kind.VOID) };

export function answerBatch(): Response {
  return VOID;
}

function rowsOf({ rows, valueBytes }: Sized, head: Buffer, key: Buffer): Response {
  const row = Buffer.concat([bytes(key), bytes(Buffer.alloc(valueBytes, 'v'))]);
  return result([int(Kind.ROWS), head, int(rows), ...new Array<Buffer>(rows).fill(row)]);
}

const UNPREPARED = 0x2500;

function result(parts: readonly Buffer[]): Response {
  return { opcode: Opcode.RESULT, body: Buffer.concat(parts) };
}

function error(code: number, message: string, rest: Buffer = Buffer.alloc(0)): Response {
  return { opcode: Opcode.ERROR, body: Buffer.concat([errorBody(code, message), rest]) };
}

function invalid(text: string): Response {
  return error(ErrorCode.INVALID, `the responder has no answer to: ${text.slice(0, 200)}`);
}

function metadata(table: SystemTable, names: readonly string[]): Buffer {
  return Buffer.concat([
    int(MetadataFlag.GLOBAL_TABLES_SPEC),
    int(names.length),
    spec(table),
    columns(table, names),
  ]);
}

function spec({ keyspace, table }: SystemTable): Buffer {
  return Buffer.concat([string(keyspace), string(table)]);
}

function columns(table: SystemTable, names: readonly string[]): Buffer {
  return Buffer.concat(names.flatMap((name) => [string(name), TYPES[table.columns[name]!].option]));
}
