// Work whose every request can be accounted for: appends to lists, counters, inserts that must be the first, and rows
// read back. What was acknowledged must be there once, what failed at most once, and nothing else.
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, types } from 'cassandra-driver';

export const KEYSPACE = 'rolling';

export const SCHEMA = [
  `DROP KEYSPACE IF EXISTS ${KEYSPACE}`,
  `CREATE KEYSPACE ${KEYSPACE} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
  `CREATE TABLE ${KEYSPACE}.lists (worker text PRIMARY KEY, items list<text>)`,
  `CREATE TABLE ${KEYSPACE}.counters (worker text PRIMARY KEY, n counter)`,
  `CREATE TABLE ${KEYSPACE}.firsts (id text PRIMARY KEY)`,
  `CREATE TABLE ${KEYSPACE}.rows (id text PRIMARY KEY, v int)`,
] as const;

export const GRANTS = [`SELECT, MODIFY ON KEYSPACE ${KEYSPACE}`] as const;

/** What one worker saw; test/drivers/rolling.py prints the same. */
export interface Tally {
  readonly worker: string;
  readonly startedAtMs: number;
  endedAtMs: number;
  /** Numbers of the requests of each kind that were acknowledged. */
  readonly acknowledged: Record<Kind, number[]>;
  readonly failed: {
    readonly kind: Kind | 'connect';
    readonly i: number;
    readonly error: string;
    readonly sentAtMs: number;
    readonly atMs: number;
  }[];
  /** Answers that can't be: a row that is not what was written, an insert that came second. */
  readonly wrong: string[];
}

export type Kind = 'append' | 'count' | 'first' | 'write' | 'read';

const STATEMENTS: Readonly<Record<Kind, string>> = {
  append: `UPDATE ${KEYSPACE}.lists SET items = items + ? WHERE worker = ?`,
  count: `UPDATE ${KEYSPACE}.counters SET n = n + 1 WHERE worker = ?`,
  first: `INSERT INTO ${KEYSPACE}.firsts (id) VALUES (?) IF NOT EXISTS`,
  write: `INSERT INTO ${KEYSPACE}.rows (id, v) VALUES (?, ?)`,
  read: `SELECT v FROM ${KEYSPACE}.rows WHERE id = ?`,
};

const PARAMETERS: Readonly<Record<Kind, (worker: string, i: number) => unknown[]>> = {
  append: (worker, i) => [[String(i)], worker],
  count: (worker) => [worker],
  first: (worker, i) => [`${worker}/${i}`],
  write: (worker, i) => [`${worker}/${i}`, i],
  read: (worker, i) => [`${worker}/${i}`],
};

export function newTally(worker: string): Tally {
  return {
    worker,
    startedAtMs: Date.now(),
    endedAtMs: 0,
    acknowledged: { append: [], count: [], first: [], write: [], read: [] },
    failed: [],
    wrong: [],
  };
}

/** One round after the other, one request at a time, until told that it is over. */
export async function work(
  client: Client,
  tally: Tally,
  pauseMs: number,
  isOver: (round: number) => boolean,
): Promise<void> {
  for (let i = 0; !isOver(i); i++) {
    for (const kind of ['append', 'count', 'first', 'write'] as const)
      await once(client, tally, kind, i);
    if (tally.acknowledged.write.at(-1) === i) await once(client, tally, 'read', i);
    await delay(pauseMs);
  }
  tally.endedAtMs = Date.now();
}

async function once(client: Client, tally: Tally, kind: Kind, i: number): Promise<void> {
  const sentAtMs = Date.now();
  try {
    const parameters = PARAMETERS[kind](tally.worker, i);
    const { rows } = await client.execute(STATEMENTS[kind], parameters, { prepare: true });
    tally.acknowledged[kind].push(i);
    if (kind === 'first' && rows[0]?.['[applied]'] !== true)
      tally.wrong.push(`first ${i} came second`);
    if (kind === 'read' && rows[0]?.['v'] !== i) tally.wrong.push(`read ${i}: ${rows[0]?.['v']}`);
  } catch (error) {
    tally.failed.push({ kind, i, error: String(error), sentAtMs, atMs: Date.now() });
    // As an application would: not at once again.
    await delay(50);
  }
}

/** What is not in the cluster as it must be; empty where all was applied once. `admin` reads past the gates. */
export async function discrepancies(admin: Client, tallies: readonly Tally[]): Promise<string[]> {
  const lists = await table(admin, 'worker, items FROM lists');
  const counters = await table(admin, 'worker, n FROM counters');
  const there = {
    append: new Map(
      lists.map((row) => [row['worker'] as string, (row['items'] as string[]).map(Number)]),
    ),
    first: byWorker(await table(admin, 'id FROM firsts')),
    write: byWorker(await table(admin, 'id FROM rows')),
  };
  const counts = new Map(counters.map((row) => [row['worker'] as string, Number(row['n'])]));
  return tallies.flatMap((tally) => {
    const { worker, acknowledged, wrong } = tally;
    const failed = (kind: Kind) =>
      tally.failed.filter((one) => one.kind === kind).map(({ i }) => i);
    const kinds = ['append', 'first', 'write'] as const;
    const found = kinds.flatMap((kind) =>
      misfits(there[kind].get(worker) ?? [], acknowledged[kind], failed(kind)).map(
        (problem) => `${kind} ${problem}`,
      ),
    );
    const n = counts.get(worker) ?? 0;
    const least = acknowledged.count.length;
    const most = least + failed('count').length;
    if (n < least || n > most) found.push(`the counter is ${n} instead of ${least} to ${most}`);
    return [...wrong, ...found].map((problem) => `${worker}: ${problem}`);
  });
}

async function table(admin: Client, query: string): Promise<types.Row[]> {
  const rows: types.Row[] = [];
  const text = `SELECT ${query.replace('FROM ', `FROM ${KEYSPACE}.`)}`;
  const result = await admin.execute(text, [], { prepare: true, fetchSize: 2_000 });
  for await (const row of result) rows.push(row);
  return rows;
}

/** Of ids `worker/number`. */
function byWorker(rows: readonly types.Row[]): Map<string, number[]> {
  const numbers = new Map<string, number[]>();
  for (const row of rows) {
    const [worker, i] = (row['id'] as string).split('/') as [string, string];
    const own = numbers.get(worker) ?? [];
    own.push(Number(i));
    numbers.set(worker, own);
  }
  return numbers;
}

/** Each acknowledged once, each failed at most once, no other. */
export function misfits(
  there: readonly number[],
  acknowledged: readonly number[],
  failed: readonly number[],
): string[] {
  const times = new Map<number, number>();
  for (const i of there) times.set(i, (times.get(i) ?? 0) + 1);
  const known = new Set([...acknowledged, ...failed]);
  return [
    ...acknowledged
      .filter((i) => !times.has(i))
      .map((i) => `${i} was acknowledged and is not there`),
    ...[...times]
      .filter(([, count]) => count > 1)
      .map(([i, count]) => `${i} is there ${count} times`),
    ...[...times.keys()].filter((i) => !known.has(i)).map((i) => `${i} was never asked for`),
  ];
}
