// Prints what kept statements are charged and what they cost on the heap, by shape of their texts, as
// JSON. Run with --expose-gc, in a process of its own, so that nothing else moves the heap.
import { redactOnce } from '../../src/audit/redact.ts';
import { StatementCache } from '../../src/cql/statement-cache.ts';

const list = (length: number, make: (j: number) => string): string =>
  Array.from({ length }, (_unused, j) => make(j)).join(', ');

/** Texts that a client may send, each of them different. */
const SHAPES: Readonly<Record<string, readonly [count: number, make: (i: number) => string]>> = {
  select: [4_000, (i) => `SELECT v FROM ks.table_${i} WHERE k = 1`],
  insert: [4_000, (i) => `INSERT INTO ks.t (k, v) VALUES (${i}, 'some text of a row')`],
  functions: [200, (i) => `SELECT ${list(200, (j) => `ks.function_${i}_${j}(a)`)} FROM ks.t`],
  columns: [400, (i) => `SELECT ${list(200, (j) => `column_${i}_${j}`)} FROM ks.t`],
  name: [400, (i) => `SELECT v FROM ks."${'N'.repeat(4_000)}${i}"`],
  batch: [
    200,
    (i) =>
      `BEGIN BATCH ${list(100, (j) => `INSERT INTO ks.t${i}_${j} (a) VALUES (1);`).replaceAll(', ', ' ')} APPLY BATCH`,
  ],
  grant: [4_000, (i) => `GRANT SELECT ON ks.table_${i} TO role_${i}`],
};

const { gc } = globalThis as unknown as { readonly gc: () => void };

function heapBytes(): number {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

function fill(
  cache: StatementCache,
  from: number,
  count: number,
  make: (i: number) => string,
): void {
  for (let i = from; i < from + count; i++) {
    // As it comes: a string of its own each time. The second time it is kept.
    for (let times = 0; times < 2; times++) {
      const text = Buffer.from(make(i)).toString();
      redactOnce(text, cache.get(text, 'ks'));
    }
  }
}

const measured: Record<string, { charged: number; real: number }> = {};
for (const [name, [count, make]] of Object.entries(SHAPES)) {
  // Code is compiled before anything is measured.
  fill(new StatementCache({ maxBytes: 1e9 }), 1e6, 50, make);
  const cache = new StatementCache({ maxBytes: 1e9 });
  const before = heapBytes();
  fill(cache, 0, count, make);
  measured[name] = { real: heapBytes() - before, charged: cache.bytes };
}
process.stdout.write(`${JSON.stringify(measured)}\n`);
