// What is asked: one table, one statement, a few keys. Load generator, responder and policy of the
// measured gate all take it from here.

export const KEYSPACE = 'bench';
export const SELECT_ROW = `SELECT pk, value FROM ${KEYSPACE}.items WHERE pk = ?`;
/** One value for all rows: a response frame of about 150 bytes, like a small real row. */
export const ROW_VALUE = 'v'.repeat(100);
export const KEY_COUNT = 16;

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
