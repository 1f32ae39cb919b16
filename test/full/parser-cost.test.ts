// The promise of docs/SECURITY.md against Cassandra's own parser: of each repeated rule of the grammar
// the largest text that the gate lets through. Times are compared with those of a plain text on the same
// machine at the same moment, so that a slow machine is not a broken promise.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { missingForCassandra } from '../support/java.ts';
import { shapes, type Shape } from '../support/parser-shapes.ts';
import { ParserTimes } from '../support/parser-times.ts';

const missing = missingForCassandra();
/** 20 ms and 1 ms for each KiB, in times of a plain text, which takes 0.07 ms for each KiB where both were measured. */
const FREE_KIB = 20;
const TIMES_PLAIN = 14;
const LONGEST = 48 * 1024;
const DEADLINE_MS = 10_000;

/** The text of the greatest size that the gate lets through. */
function edge({ text, sizes }: Shape): string | null {
  const passes = (size: number) =>
    text(size).length <= LONGEST && isStatement(analyse(text(size), 'k'));
  let good = 0;
  let bad = sizes.at(-1)! + 1;
  while (bad - good > 1) {
    const size = (good + bad) >> 1;
    if (passes(size)) good = size;
    else bad = size;
  }
  return good === 0 ? null : text(good);
}

const plain = `INSERT INTO k.t (a) VALUES ([${'1,'.repeat(16_000)}1])`;
/** Alone in all places, and one in ten of the pairs. */
const chosen = shapes().filter(({ name }, i) => !name.includes(' in turn') || i % 10 === 0);

describe.skipIf(missing !== null)(
  `what the gate lets through costs Cassandra's parser no more than promised${missing === null ? '' : `: ${missing}`}`,
  () => {
    let parser: ParserTimes;
    beforeAll(() => {
      parser = new ParserTimes(DEADLINE_MS, [plain]);
    });
    afterAll(async () => {
      await parser.close();
    });

    it(`for ${chosen.length} shapes at their edge`, { timeout: 120_000 }, async () => {
      const texts = new Map<string, string>();
      for (const shape of chosen) {
        const text = edge(shape);
        if (text !== null) texts.set(shape.name, text);
      }
      expect(texts.size).toBeGreaterThan(chosen.length * 0.9);
      const dear: string[] = [];
      let unit = Infinity;
      let measured = 0;
      for (const [name, text] of texts) {
        if (measured++ % 50 === 0) {
          const { ms } = await parser.measure(plain);
          unit = (ms ?? Infinity) / (plain.length / 1024);
        }
        const { ms } = await parser.measure(text);
        const most = TIMES_PLAIN * unit * (FREE_KIB + text.length / 1024);
        if (ms === null || ms > most) dear.push(`${name}: ${ms} ms for ${text.length} characters`);
      }
      expect(dear).toEqual([]);
    });
  },
);
