// A long differential run by hand: `node --import tsx test/support/fuzz-parser.ts [texts] [seed]`.
import { random } from '../protocol/streams.ts';
import { compare, generate } from './differential.ts';
import { CassandraParser } from './oracle.ts';

const BATCH = 2_000;
const [texts, seed] = [Number(process.argv[2] ?? 100_000), Number(process.argv[3] ?? Date.now())];
const parser = await CassandraParser.start();
const next = random(seed);
const kinds = new Map<string, number>();
const counts = { accepted: 0, refused: 0, invalid: 0, valid: 0, validUnderstood: 0 };
const shown = new Map<string, number>();
console.log(`seed ${seed}`);
for (let done = 0; done < texts; done += BATCH) {
  const batch = Array.from({ length: BATCH }, () => generate(next));
  const verdicts = await parser.parse(batch.map(({ text }) => text));
  batch.forEach(({ text, intact }, i) => {
    const result = compare(text, verdicts[i]!);
    counts[result.verdict]++;
    if (result.kind !== null) kinds.set(result.kind, (kinds.get(result.kind) ?? 0) + 1);
    if (intact && result.verdict === 'accepted') {
      counts.valid++;
      if (result.understood) counts.validUnderstood++;
    }
    if (result.disagreement === null) return;
    const key = result.disagreement.slice(0, 100).replace(/line \d+:\d+|'[^']*'|\([^)]*\)/g, '');
    shown.set(key, (shown.get(key) ?? 0) + 1);
    if (shown.get(key)! <= 3)
      console.log(JSON.stringify(text), '\n   ', result.disagreement.slice(0, 300));
  });
}
await parser.close();
console.log(
  counts,
  `${kinds.size} kinds`,
  [...shown.values()].reduce((a, b) => a + b, 0),
  'disagreements',
);
