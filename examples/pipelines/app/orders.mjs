// An application as it was before cqlgate: Cassandra at a host and a port, no credentials.
import { Client } from 'cassandra-driver';

const { CASSANDRA_HOST = '127.0.0.1', CASSANDRA_PORT = '9042' } = process.env;

export function connect() {
  return new Client({
    contactPoints: [`${CASSANDRA_HOST}:${CASSANDRA_PORT}`],
    localDataCenter: process.env.CASSANDRA_DATACENTER ?? 'datacenter1',
  });
}

export async function priceOf(client, keyspace, id) {
  const query = `SELECT price FROM ${keyspace}.items WHERE id = ?`;
  const { rows } = await client.execute(query, [id], { prepare: true });
  return rows[0]?.price.toString() ?? null;
}
