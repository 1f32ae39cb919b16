// Its integration test, in a keyspace that it makes and drops.
import assert from 'node:assert';
import { after, before, test } from 'node:test';
import { connect, priceOf } from './orders.mjs';

const { KEYSPACE } = process.env;
const client = connect();

before(async () => {
  await client.execute(
    `CREATE KEYSPACE ${KEYSPACE} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
  );
  await client.execute(`CREATE TABLE ${KEYSPACE}.items (id int PRIMARY KEY, price decimal)`);
});

after(async () => {
  await client.execute(`DROP KEYSPACE IF EXISTS ${KEYSPACE}`);
  await client.shutdown();
});

test('an item has a price', async () => {
  await client.execute(`INSERT INTO ${KEYSPACE}.items (id, price) VALUES (1, 3.50)`);
  assert.strictEqual(await priceOf(client, KEYSPACE, 1), '3.50');
});

test('what is not there has none', async () => {
  assert.strictEqual(await priceOf(client, KEYSPACE, 2), null);
});
