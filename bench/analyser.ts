// `npm run bench:analyser`: what the analyser costs by itself. Typical statements, each text analysed
// anew; texts at the limit in the shapes that do the most work; and how the cost grows with length.
import { parseArgs } from 'node:util';
import { analyse, isStatement } from '../src/cql/analyse.ts';
import { CQL } from '../src/limits/cql.ts';
import { resolveLimits } from '../src/limits/operator.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, json: { type: 'boolean', default: false } },
});
const rounds = Number(options.rounds);
const limit = resolveLimits({}).statementBytes;

/** About 120 bytes each, as drivers, migrations and jobs send them. */
const TYPICAL: readonly string[] = [
  'SELECT order_id, customer_id, status, total, created_at FROM shop.orders WHERE customer_id = ? AND created_at > ? LIMIT 50',
  "INSERT INTO shop.orders (order_id, customer_id, status, total, created_at) VALUES (?, ?, 'open', ?, toTimestamp(now()))",
  "UPDATE shop.orders USING TTL 86400 SET status = 'paid', total = ?, note = 'by card' WHERE order_id = ? IF status = 'open'",
  "DELETE FROM shop.orders WHERE customer_id = 6ab09bec-e68e-48d9-a5f8-97e6fb4c9b47 AND created_at < '2026-01-01 00:00+0000'",
  'ALTER TABLE shop.orders ADD (delivered_at timestamp, carrier frozen<shop.carrier>, parcels list<frozen<tuple<text, int>>>)',
  'CREATE TABLE IF NOT EXISTS shop.by_day (day date, at timestamp, id uuid, total decimal, PRIMARY KEY (day, at, id)) -- d\n',
  'SELECT JSON customer_id, count(*), sum(total) FROM shop.orders WHERE token(customer_id) > token(?) PER PARTITION LIMIT 3  ',
  "BEGIN BATCH INSERT INTO shop.a (k, v) VALUES (1, 'x'); UPDATE shop.b SET v = 'y' WHERE k = 2; APPLY BATCH /* of a job */  ",
];

/** A text of about so many characters: `around` once, and `item` again and again between. */
function filled(length: number, before: string, item: string, after: string): string {
  const count = Math.floor((length - before.length - after.length) / item.length);
  return before + item.repeat(count) + after;
}

const nested = (depth: number): string => '('.repeat(depth) + '1' + ')'.repeat(depth);

/** Name to a text of the wanted length. */
const LONG: Readonly<Record<string, (length: number) => string>> = {
  'one string': (n) => filled(n, "INSERT INTO k.t (a) VALUES ('", 'x', "')"),
  'doubled quotes': (n) => filled(n, "INSERT INTO k.t (a) VALUES ('", "''", "')"),
  'IN of numbers': (n) => filled(n, 'SELECT * FROM k.t WHERE a IN (0', ', 12', ')'),
  'IN of strings': (n) => filled(n, "SELECT * FROM k.t WHERE a IN (''", ", 'abc'", ')'),
  'map literal': (n) => filled(n, "INSERT INTO k.t (a) VALUES ({'a': 1", ", 'b': 2", '})'),
  'BATCH of INSERTs': (n) =>
    filled(n, 'BEGIN BATCH ', "INSERT INTO k.t (a, b) VALUES (1, 'x');", ' APPLY BATCH'),
  calls: (n) => filled(n, 'SELECT a', ', f(a, g(b))', ' FROM k.t'),
  'distinct calls': (n) => {
    let text = 'SELECT a';
    for (let i = 0; text.length < n - 30; i++) text += `, f${i}(a)`;
    return `${text} FROM k.t`;
  },
  'BATCH of many tables': (n) => {
    let text = 'BEGIN BATCH ';
    for (let i = 0; text.length < n - 60; i++) text += `INSERT INTO k.t${i} (a) VALUES (1);`;
    return `${text} APPLY BATCH`;
  },
  'BATCH of calls': (n) =>
    filled(n, 'BEGIN BATCH ', 'INSERT INTO k.t (a, b) VALUES (1, now());', ' APPLY BATCH'),
  'distinct types': (n) => {
    let text = 'CREATE TABLE k.t (a int PRIMARY KEY';
    for (let i = 0; text.length < n - 60; i++) text += `, b u${i}`;
    return `${text})`;
  },
  columns: (n) => filled(n, 'SELECT a', ',b', ' FROM k.t'),
  arithmetic: (n) => filled(n, 'SELECT a', '+1', ' FROM k.t'),
  nesting: (n) => filled(n, 'INSERT INTO k.t (a) VALUES (0', `,${nested(90)}`, ')'),
  comments: (n) => filled(n, 'SELECT a FROM k.t ', '/**/', ''),
  'line comments': (n) => filled(n, 'SELECT a FROM k.t ', '--\n', ''),
  'open comments': (n) => filled(n, 'SELECT a FROM k.t ', '/*', '*/'),
  semicolons: (n) => filled(n, 'SELECT a FROM k.t', ';', ''),
  types: (n) => filled(n, 'CREATE TABLE k.t (a int PRIMARY KEY', ', b list<frozen<k.u>>', ')'),
  'open parentheses': (n) => filled(n, 'SELECT a FROM k.t WHERE ', '(', ''),
  'open lists': (n) => filled(n, 'INSERT INTO k.t (a) VALUES (', '[', ''),
  'open types': (n) => filled(n, 'CREATE TABLE k.t (a ', 'list<', ''),
  'minus signs': (n) => filled(n, 'SELECT ', '- ', 'a FROM k.t'),
  casts: (n) => filled(n, 'SELECT ', '(int)', 'a FROM k.t'),
  words: (n) => filled(n, '', 'a ', ''),
  digits: (n) => filled(n, 'SELECT a FROM k.t WHERE a = ', '1', ''),
  'hex digits': (n) => filled(n, 'SELECT a FROM k.t WHERE a = 0x', 'a', ''),
  'dollar strings': (n) => filled(n, 'SELECT ', '$$x$$,', 'a FROM k.t'),
  'slices of json': (n) => filled(n, 'SELECT json[', '(a),', 'b..] FROM k.t'),
};

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Of CPU, so that what else the machine does counts for nothing. */
function microsecondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

/** Median milliseconds of one analysis, warm. */
function millisecondsOf(text: string): number {
  return median(
    Array.from({ length: rounds }, () => {
      const start = process.cpuUsage();
      analyse(text, 'k');
      return microsecondsSince(start) / 1000;
    }),
  );
}

/** Median microseconds for each text of a list, over many passes: the cost with nothing cached. */
function typicalMicroseconds(): number {
  const passes = 20_000;
  for (const text of TYPICAL) {
    const found = analyse(text, 'k');
    if (!isStatement(found)) throw new Error(`${text}: ${found.reason}`);
  }
  return median(
    Array.from({ length: rounds }, () => {
      const start = process.cpuUsage();
      for (let pass = 0; pass < passes; pass++) for (const text of TYPICAL) analyse(text, 'k');
      return microsecondsSince(start) / passes / TYPICAL.length;
    }),
  );
}

const bytes = TYPICAL.reduce((sum, text) => sum + text.length, 0) / TYPICAL.length;
const typical = { bytes, us: typicalMicroseconds() };
const long = Object.entries(LONG).map(([name, make]) => {
  const ms = millisecondsOf(make(limit));
  const quarterMs = millisecondsOf(make(limit / 4));
  const found = analyse(make(limit), 'k');
  return { name, ms, growth: ms / quarterMs, understood: isStatement(found) };
});

if (options.json) {
  console.log(JSON.stringify({ typical, limit, long }, null, 2));
} else {
  console.log(`typical statement of ${bytes.toFixed(0)} bytes: ${typical.us.toFixed(2)} us`);
  console.log(
    `texts of ${limit} characters (beyond ${CQL.cachedTextLength} in a thread of their own):`,
  );
  console.log('| shape | ms | against a quarter of it | understood |\n|-|-|-|-|');
  for (const { name, ms, growth, understood } of long) {
    console.log(
      `| ${name} | ${ms.toFixed(2)} | ${growth.toFixed(1)} x | ${understood ? 'yes' : 'no'} |`,
    );
  }
}
