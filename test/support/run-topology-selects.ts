// Compares random SELECTs over system.local and peers through a gate with a node's answers for some minutes:
// `CQLGATE_TEST_NODE=FILE node --import tsx test/support/run-topology-selects.ts MINUTES [FIRST_SEED]`, with the file
// that keep-node.ts wrote. The gate is the one that was built last.
import { readFileSync } from 'node:fs';
import { TestGate } from './gate.ts';
import { RawClient } from './raw-client.ts';
import { compareRound, targetsOf, type Outcome } from './topology-selects.ts';

const [minutes = '1', firstSeed = '1'] = process.argv.slice(2);
const { host, port } = JSON.parse(readFileSync(process.env['CQLGATE_TEST_NODE']!, 'utf8')) as {
  host: string;
  port: number;
};
const gate = await TestGate.start({
  contactPoint: `${host}:${port}`,
  roles: { tracer: { grants: ['SELECT ON KEYSPACE system_traces'] } },
  config: { listen: { host: '127.0.0.1', port: 0 }, advertise: { host, port } },
});
const untilMs = performance.now() + Number(minutes) * 60_000;
const sums: Record<Outcome, number> = { same: 0, 'same error': 0, 'refused here': 0, differs: 0 };
const refused = new Set<string>();
let seed = Number(firstSeed);
while (performance.now() < untilMs) {
  for (const version of [4, 5]) {
    const through = await RawClient.login(gate.port, 'tracer', gate.issuer.mint(), version);
    const straight = await RawClient.login(port, 'cassandra', 'cassandra', version);
    const until = seed + 500;
    const round = await compareRound(
      await targetsOf(through, straight),
      seed,
      (one) => one < until,
    );
    for (const name of Object.keys(sums) as Outcome[]) sums[name] += round.counts[name];
    for (const text of round.refused) refused.add(text);
    for (const { one, gate: here, node: there } of round.differences) {
      console.log(JSON.stringify({ version, ...one, here, there }));
    }
    through.close();
    straight.close();
  }
  seed += 500;
  console.log(JSON.stringify({ nextSeed: seed, ...sums }));
}
for (const text of [...refused].slice(0, 40)) console.log(`refused here: ${text}`);
await gate.close();
process.exitCode = sums.differs === 0 ? 0 : 1;
