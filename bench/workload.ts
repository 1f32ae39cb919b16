// What is asked: one keyspace, statements over rows of several sizes. Load generator, responder and policy of
// the measured gate all take it from here.

export const KEYSPACE = 'bench';
const ROW_BYTES = 100;
export const PAGE_ROWS = 100;
export const BATCH_STATEMENTS = 100;

export interface Table {
  readonly name: string;
  readonly rows: number;
  readonly valueBytes: number;
}

/** By work: what a SELECT of one key returns. `items` is like a small real row, a frame of about 150 bytes. */
export const TABLES: Readonly<Record<string, Table>> = {
  items: { name: 'items', rows: 1, valueBytes: ROW_BYTES },
  rows64k: { name: 'rows64k', rows: 1, valueBytes: 64 * 1024 },
  rows1m: { name: 'rows1m', rows: 1, valueBytes: 1024 * 1024 },
  pages: { name: 'pages', rows: PAGE_ROWS, valueBytes: ROW_BYTES },
};

export const selectOf = ({ name }: Table): string =>
  `SELECT pk, value FROM ${KEYSPACE}.${name} WHERE pk = ?`;
export const SELECT_ROW = selectOf(TABLES['items']!);
export const INSERT_ROW = `INSERT INTO ${KEYSPACE}.items (pk, value) VALUES (?, ?)`;
export const ROW_VALUE = 'v'.repeat(ROW_BYTES);
export const KEY_COUNT = 16;

/** Digits that make texts distinct. */
export const TEXT_DIGITS = 7;
export const textOf = (n: number): string =>
  `SELECT pk, value FROM ${KEYSPACE}.items WHERE pk = 'item-${String(n).padStart(TEXT_DIGITS, '0')}'`;

/** All of the same length, so that all responses are of the same length too. */
export function keyOf(index: number): string {
  return `item-${String(index % KEY_COUNT).padStart(2, '0')}`;
}

/** What a real node needs before it can answer; run in order, safe to run again. */
export const SETUP: readonly string[] = [
  `CREATE KEYSPACE IF NOT EXISTS ${KEYSPACE} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
  `CREATE TABLE IF NOT EXISTS ${KEYSPACE}.items (pk text PRIMARY KEY, value text)`,
  ...Array.from(
    { length: KEY_COUNT },
    (_, i) => `INSERT INTO ${KEYSPACE}.items (pk, value) VALUES ('${keyOf(i)}', '${ROW_VALUE}')`,
  ),
];

/** A work shape: `connections` sockets with `inFlight` requests outstanding on each. */
export interface Shape {
  readonly connections: number;
  readonly inFlight: number;
}

/** `64x1` as the tables write it. */
export function parseShape(text: string): Shape {
  const match = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(text);
  const [connections, inFlight] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || inFlight > 32_768) {
    throw new Error(`${text} is no shape; write connections x in flight, for instance 64x1`);
  }
  return { connections, inFlight };
}
