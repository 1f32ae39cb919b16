// How long Cassandra's own parser takes for each shape of text, largest first, and what the gate says
// of it: `node --import tsx test/support/measure-parser.ts [part of a shape's name] [deadline in ms]`.
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { shapes } from './parser-shapes.ts';
import { ParserTimes } from './parser-times.ts';

const [wanted = '', deadlineMs = '3000'] = process.argv.slice(2);
/** Beyond this a shape is not made larger: what it costs is clear. */
const ENOUGH_MS = 60;

interface Point {
  readonly size: number;
  readonly kib: number;
  readonly ms: number | null;
  /** What the gate takes it for, in milliseconds beyond reading it once; null where it refuses. */
  readonly estimateMs: number | null;
  readonly error: string | null;
}

const chosen = shapes().filter(({ name }) => name.includes(wanted));
const parser = new ParserTimes(
  Number(deadlineMs),
  chosen.map(({ text, sizes }) => text(Math.min(sizes[2]!, 1024))),
);
const rows: { readonly name: string; readonly points: Point[]; readonly growth: number }[] = [];
for (const { name, text, sizes } of chosen) {
  const points: Point[] = [];
  for (const size of sizes) {
    const one = text(size);
    const { ms, error } = await parser.measure(one);
    const found = analyse(one, 'k');
    const estimateMs = isStatement(found) ? found.costUs / 1000 : null;
    points.push({ size, kib: one.length / 1024, ms, estimateMs, error });
    if (ms === null || ms > ENOUGH_MS) break;
  }
  rows.push({ name, points, growth: growthOf(points) });
}
await parser.close();

/** How much more the largest text costs for each doubling of its size, over its last doublings. */
function growthOf(points: readonly Point[]): number {
  const sure = points.filter((point) => point.ms !== null && point.ms > 0.2);
  const [last, before] = [sure.at(-1), sure.at(-3) ?? sure.at(-2)];
  if (points.at(-1)?.ms === null && sure.length < 2) return Infinity;
  if (last?.ms == null || before?.ms == null || last === before) return 1;
  return (last.ms / before.ms) ** (1 / Math.log2(last.size / before.size));
}

/** The promise: 20 ms and 1 ms per KiB. */
const share = ({ ms, kib }: Point): number => (ms === null ? Infinity : ms / (20 + kib));
const worst = (points: readonly Point[], of: (point: Point) => boolean): number =>
  Math.max(0, ...points.filter(of).map(share));

function figure(ms: number): string {
  return ms.toFixed(ms < 10 ? 2 : 0);
}

rows.sort((one, other) => worst(other.points, () => true) - worst(one.points, () => true));
for (const { name, points, growth } of rows) {
  const times = points.map(
    ({ size, ms, estimateMs, error }) =>
      `${size}:${ms === null ? 'cut' : figure(ms)}/${estimateMs === null ? '-' : figure(estimateMs)}${error === null ? '' : error.slice(0, 2)}`,
  );
  const passing = worst(points, ({ estimateMs }) => estimateMs !== null);
  console.log(
    `${growth > 2.3 ? '!' : ' '} ${growth.toFixed(1).padStart(5)} ${passing.toFixed(2).padStart(6)}  ${name.padEnd(48)} ${times.join(' ')}`,
  );
}
console.log(
  `${rows.length} shapes. Columns: growth per doubling; largest share of 20 ms + 1 ms/KiB that a text ` +
    `let through takes; size:ms/the gate's estimate beyond reading, - where it refuses, two letters of an exception (Sy: syntax, St: stack overflow).`,
);
