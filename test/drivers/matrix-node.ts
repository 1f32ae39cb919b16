// The scenarios of test/support/driver-matrix.ts with the Node driver: one JSON line for each.
//
//   matrix-node.ts PORT USERNAME PASSWORD VERSION KEYSPACE
import { setTimeout as delay } from 'node:timers/promises';
import { auth, Client, types } from 'cassandra-driver';

const [port, username = '', password = '', , ks = ''] = process.argv.slice(2);

function report(scenario: string, ok: boolean, detail: unknown = ''): void {
  const text = typeof detail === 'string' ? detail : JSON.stringify(detail);
  process.stdout.write(`${JSON.stringify({ scenario, ok, detail: text })}\n`);
}

async function scenario(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
    report(name, true);
  } catch (error) {
    report(name, false, String(error));
  }
}

function expect(holds: boolean, text: string): void {
  if (!holds) throw new Error(text);
}

async function connect(keyspace?: string): Promise<Client> {
  const client = new Client({
    contactPoints: [`${process.env['GATE_HOST']}:${port}`],
    localDataCenter: 'datacenter1',
    authProvider: new auth.PlainTextAuthProvider(username, password),
    socketOptions: { readTimeout: 60_000 },
    queryOptions: { consistency: types.consistencies.localQuorum },
    ...(keyspace === undefined ? {} : { keyspace }),
  });
  await client.connect();
  return client;
}

const client = await connect();
report('connect', true);
const insert = `INSERT INTO ${ks}.items (k, c, v) VALUES (?, ?, ?)`;
const prepare = { prepare: true };

async function refused(text: string, code: number): Promise<void> {
  const error = await client.execute(text).then(
    () => null,
    (thrown: unknown) => thrown as { code?: number },
  );
  expect(error?.code === code, error === null ? 'it was not refused' : JSON.stringify(error));
}

async function countOf(k: number, from = `${ks}.items`, by = client): Promise<number> {
  const { rows } = await by.execute(`SELECT count(*) FROM ${from} WHERE k = ${k}`);
  return Number(rows[0]!['count']);
}

await scenario('schema', async () => {
  await client.execute(
    `CREATE KEYSPACE ${ks} WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}`,
  );
  await client.execute(`CREATE TABLE ${ks}.items (k int, c int, v text, PRIMARY KEY (k, c))`);
  await client.execute(`CREATE TABLE ${ks}.blobs (k int PRIMARY KEY, b blob)`);
  await client.execute(`ALTER TABLE ${ks}.items ADD note text`);
  const table = await client.metadata.getTable(ks, 'items');
  expect(table.columns.length === 4, `${table.columns.length} columns in the metadata`);
});
await scenario('write_read', async () => {
  await client.execute(insert, [1, 1, 'grüße'], prepare);
  const { rows } = await client.execute(`SELECT v FROM ${ks}.items WHERE k = 1 AND c = 1`);
  expect(rows[0]!['v'] === 'grüße', String(rows[0]!['v']));
});
await scenario('parallel', async () => {
  await Promise.all(
    Array.from({ length: 400 }, async (_unused, n) =>
      client.execute(insert, [100 + Math.floor(n / 50), n % 50, 'x'], prepare),
    ),
  );
});
await scenario('batch', async () => {
  const queries = Array.from({ length: 20 }, (_unused, i) => ({
    query: insert,
    params: [2, i, 'batch'],
  }));
  await client.batch(queries, { prepare: true, logged: true });
  expect((await countOf(2)) === 20, 'rows');
});
await scenario('paging', async () => {
  let rows = 0;
  const text = `SELECT c FROM ${ks}.items WHERE k IN (100, 101, 102, 103)`;
  for await (const row of await client.execute(text, [], { fetchSize: 7 })) {
    expect(row['c'] !== undefined, 'a row without its column');
    rows++;
  }
  expect(rows === 200, `${rows} rows`);
});
await scenario('lwt', async () => {
  const text = `INSERT INTO ${ks}.items (k, c, v) VALUES (3, 3, 'x') IF NOT EXISTS`;
  for (const applied of [true, false]) {
    expect((await client.execute(text)).wasApplied() === applied, `applied ${!applied}`);
  }
});
await scenario('use_keyspace', async () => {
  const inside = await connect(ks);
  expect((await countOf(2, 'items', inside)) === 20, 'rows');
  await inside.shutdown();
});
await scenario('large_row', async () => {
  const sent = Buffer.from('0123456789abcdef'.repeat(65_536));
  await client.execute(`INSERT INTO ${ks}.blobs (k, b) VALUES (?, ?)`, [1, sent], prepare);
  const { rows } = await client.execute(`SELECT b FROM ${ks}.blobs WHERE k = 1`);
  expect(sent.equals(rows[0]!['b'] as Buffer), 'other bytes came back');
});
await scenario('denied', async () => refused('SELECT * FROM forbidden.t', 0x2100));
await scenario('syntax', async () => refused(`SELEC * FROM ${ks}.items`, 0x2000));
await scenario('invalid', async () => refused(`SELECT nothing FROM ${ks}.items`, 0x2200));

const job = { isStopped: false };
process.stdin.resume().on('end', () => {
  job.isStopped = true;
});
report('surviving', true);
let reads = 0;
let writes = 0;
let failure: string | null = null;
const lost: Record<string, number> = {};
for (let i = 0; !job.isStopped; i++) {
  const select = `SELECT c FROM ${ks}.items WHERE k = ? LIMIT 1`;
  try {
    await client.execute(select, [100 + (i % 4)], { prepare: true, isIdempotent: true });
    reads++;
  } catch (error) {
    failure = String(error);
  }
  try {
    await client.execute(insert, [200, i % 100, 'x'], prepare);
    writes++;
  } catch (error) {
    const code = `0x${((error as { code?: number }).code ?? -1).toString(16)}`;
    lost[code] = (lost[code] ?? 0) + 1;
  }
  await delay(20);
}
report('survive', failure === null, failure ?? { reads, writes, lost });
await client.shutdown();
