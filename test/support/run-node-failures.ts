// Many rounds of node failures under load, and what came of them; for the figures of a release.
import { parseArgs } from 'node:util';
import { CassandraCluster } from './cassandra-cluster.ts';
import { clusterGate, jobsOf, SHOP } from './cluster-gate.ts';
import { failureRound, Workload } from './node-failures.ts';

const rounds = Number(parseArgs({ allowPositionals: true }).positionals[0] ?? 10);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const cluster = await CassandraCluster.start({
  datacenters: ['datacenter1', 'datacenter1', 'datacenter1'],
});
await cluster.allUp();
const gate = await clusterGate(cluster);
const [admin] = await jobsOf(gate, 1);
await SHOP.create(admin!, 3);
const jobs = await jobsOf(gate, 64);
let failures = 0;
for (let round = 0; round < rounds; round++) {
  const workload = new Workload(jobs, SHOP.table);
  const [victim, hung] = [cluster.nodes[round % 3]!, cluster.nodes[(round + 1) % 3]!];
  const { loadBackMs } = await failureRound(cluster, victim, hung);
  const missing = await workload.stop();
  const { reads, writes, failedReads, failedWrites, drops, slowestMs } = workload.counts;
  say(
    JSON.stringify({
      round: round + 1,
      killed: victim.host,
      stopped: hung.host,
      reads,
      writes,
      failedReads: Object.fromEntries(failedReads),
      failedWrites: Object.fromEntries(failedWrites),
      drops,
      missing,
      slowestMs,
      loadBackMs,
    }),
  );
  const onlyTimeouts = [...failedWrites.keys()].every((error) => error === 'WRITE_TIMEOUT');
  if (failedReads.size > 0 || drops > 0 || missing > 0 || !onlyTimeouts || loadBackMs > 15_000) {
    failures++;
  }
}
say(`${rounds - failures} rounds as promised, ${failures} not`);
await Promise.all([...jobs, admin!].map(async (job) => job.shutdown()));
await gate.close();
await cluster.remove();
process.exitCode = failures === 0 ? 0 : 1;
