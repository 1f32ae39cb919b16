// SELECTs over rows of the gate's own: which are meant, and the text by which a node computes.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import type { TopologySelect } from '../../src/cql/statement.ts';
import type { Rows } from '../../src/protocol/messages/result.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import {
  cellsOf,
  constantSelection,
  countsOf,
  limitOf,
  matching,
  selectionText,
} from '../../src/topology/select-rows.ts';
import { columnsOf, int } from './rows.ts';

const column = columnsOf('peers_v2');

const COLUMNS = [
  column('peer', TypeCode.INET),
  column('peer_port', TypeCode.INT),
  column('rack', TypeCode.VARCHAR),
  column('host_id', TypeCode.UUID),
  column('tokens', TypeCode.SET),
  column('preferred_ip', TypeCode.INET),
];
const TOKENS = Buffer.concat([int(2), int(2), Buffer.from('-1'), int(1), Buffer.from('5')]);
const row = (last: number) => [
  Buffer.from([127, 0, 0, last]),
  int(9042),
  Buffer.from("it's"),
  Buffer.alloc(16, last),
  TOKENS,
  null,
];
const ROWS: Rows = { columns: COLUMNS, rows: [row(1), row(2)] };

function topologyOf(text: string): TopologySelect {
  const statement = analyse(text, null);
  if (!isStatement(statement) || statement.topology === null) throw new Error(text);
  return statement.topology;
}

const matched = (where: string, bound: (Buffer | null)[] = []) =>
  matching(
    ROWS,
    topologyOf(`SELECT * FROM system.peers_v2 WHERE ${where}`).rows!.where,
    ({ index }) => bound[index] ?? null,
  )?.map(([peer]) => peer!.at(-1));

describe('rows', () => {
  it.each([
    ["peer = '127.0.0.1'", [1]],
    ["peer = '::ffff:127.0.0.2' AND peer_port = 9042", [2]],
    ["peer IN ('127.0.0.2', '127.0.0.1', '127.0.0.9')", [1, 2]],
    ["rack = 'it''s'", [1, 2]],
    ["rack = 'other'", []],
    ['host_id = 01010101-0101-0101-0101-010101010101', [1]],
    ["preferred_ip = '127.0.0.1'", []],
    ["tokens = {'5'}", null],
    ['nothing = 1', null],
  ])('are chosen by %s', (where, expected) => {
    const topology = topologyOf(`SELECT * FROM system.peers_v2 WHERE ${where}`);
    if (topology.rows === null) expect(expected).toBeNull();
    else expect(matched(where) ?? null).toEqual(expected);
  });

  it('are chosen by what is bound', () => {
    expect(matched('peer = ?', [Buffer.from([127, 0, 0, 2])])).toEqual([2]);
    expect(matched('peer IN (?, ?)', [null, Buffer.from([127, 0, 0, 1])])).toEqual([1]);
  });

  it('are as many as the limit says', () => {
    const { limit } = topologyOf('SELECT * FROM system.peers LIMIT 7').rows!;
    expect(limitOf(limit, () => null)).toBe(7);
    const bound = topologyOf('SELECT * FROM system.peers LIMIT ?').rows!.limit;
    expect(limitOf(bound, () => int(3))).toBe(3);
    expect(limitOf(null, () => null)).toBe(Infinity);
  });
});

describe('what is selected', () => {
  it('is a plain column', () => {
    const { selectors } = topologyOf('SELECT rack AS r, peer FROM system.peers');
    const [first] = ROWS.rows;
    expect(cellsOf(selectors, COLUMNS, first!)).toEqual([Buffer.from("it's"), first![0]]);
    expect(cellsOf(null, COLUMNS, first!)).toBe(first);
  });

  it('is how many there are', () => {
    const counts = (what: string) =>
      countsOf(topologyOf(`SELECT ${what} FROM system.peers`).selectors, COLUMNS, ROWS.rows)?.map(
        (cell) => Number(cell!.readBigInt64BE()),
      );
    expect(counts('count(*), count(1), count(peer), count(preferred_ip)')).toEqual([2, 2, 2, 0]);
    expect(counts('count(*), max(peer)')).toBeUndefined();
    expect(counts('*')).toBeUndefined();
  });

  it('is computed of constants in the place of columns', () => {
    const topology = topologyOf(
      `SELECT toJson(peer), peer_port + 1 AS "x""y", [rack, rack], (uuid)host_id, min(tokens), preferred_ip, now()
       FROM system.peers_v2`,
    );
    const names = ['a', 'b"c', 'c', 'd', 'e', 'f', 'g'];
    const text = constantSelection(topology, { columns: COLUMNS, row: row(1) }, names, () => false);
    expect(text).toBe(
      `toJson((inet)'127.0.0.1') AS "a", (int)9042 + 1 AS "b""c", ` +
        `[(text)'it''s', (text)'it''s'] AS "c", (uuid)(uuid)01010101-0101-0101-0101-010101010101 AS "d", ` +
        `min((set<text>){'-1', '5'}) AS "e", (inet)null AS "f", now() AS "g"`,
    );
    const kept = constantSelection(
      topologyOf('SELECT JSON * FROM system.peers_v2'),
      { columns: COLUMNS.slice(0, 3), row: row(1) },
      ['peer', 'peer_port', 'rack'],
      (name) => name === 'rack',
    );
    expect(kept).toBe(`(inet)'127.0.0.1' AS "peer", (int)9042 AS "peer_port", rack AS "rack"`);
  });

  it('is written as it was', () => {
    const text = 'toJson( peer ) AS "a b", rack';
    expect(selectionText(topologyOf(`SELECT ${text} FROM system.peers`))).toBe(text);
    expect(selectionText(topologyOf('SELECT * FROM system.peers'))).toBe('*');
  });
});
