// Starts one real Cassandra and keeps it until a signal, so that test runs while developing need not
// start their own: `node --import tsx test/support/keep-node.ts FILE`, then
// `CQLGATE_TEST_NODE=FILE npx vitest run --project node ...`.
import { writeFile } from 'node:fs/promises';
import { CassandraNode } from './cassandra.ts';

const file = process.argv[2];
if (file === undefined) throw new Error('name the file that the address of the node is written to');
const node = await CassandraNode.start();
const { host, port, pid, dir } = node;
await writeFile(file, JSON.stringify({ host, port, pid, dir }));
process.stdout.write(`Cassandra listens on ${host}:${port}; its address is in ${file}\n`);
const keepAlive = setInterval(() => undefined, 60_000);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    clearInterval(keepAlive);
    void node.remove();
  });
}
