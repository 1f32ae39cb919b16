// `npm run bench:compare -- --before DIR`: the gate of another source tree (built: `npm run build` there) and
// of this one under the same loads, in alternating rounds of one run. Each ratio is the median of the
// ratios of neighbouring rounds, so that a machine that wanders moves both sides alike.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parsePositive } from './arguments.ts';
import { startChild } from './child.ts';
import { GROUPS, type Group, type ProxyName, type Variant } from './groups.ts';
import { measure, median, medians, type Round } from './measure.ts';
import { Proxies } from './proxies.ts';

const { values: options } = parseArgs({
  options: {
    before: { type: 'string' },
    /** Groups whose names hold one of these; default: all. */
    group: { type: 'string', multiple: true },
    /** Of these groups, variants whose names hold one of these; default: all. */
    variant: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    warmup: { type: 'string', default: '0.7' },
  },
});
if (options.before === undefined) throw new Error('name the tree to compare with: --before DIR');

const NO_GATES: ReadonlySet<ProxyName> = new Set(['direct', 'haproxy']);
const HEADER =
  '| group | variant | CPU us/req before | after | CPU x | p50 x | p99 x | RSS x |\n|-|-|-|-|-|-|-|-|';

function isAsked(name: string, asked: readonly string[] | undefined): boolean {
  return asked === undefined || asked.some((one) => name.includes(one));
}

/** The median of the ratios of the rounds that ran one after the other. */
function ratio(before: readonly Round[], after: readonly Round[], key: keyof Round): string {
  return median(after.map((round, i) => round[key] / before[i]![key])).toFixed(2);
}

async function compare(
  group: Group,
  variant: Variant,
  trees: { readonly before: Proxies; readonly after: Proxies },
): Promise<void> {
  const load = [...group.load, ...(variant.load ?? [])];
  const rounds: { before: Round[]; after: Round[] } = { before: [], after: [] };
  const count = parsePositive('rounds', options.rounds);
  for (let round = 0; round < count; round++) {
    const order = round % 2 === 0 ? (['before', 'after'] as const) : (['after', 'before'] as const);
    for (const tree of order) {
      const proxy = await trees[tree].of(variant.proxy);
      rounds[tree].push(await measure(proxy!, load, options));
    }
  }
  const { before, after } = rounds;
  const cells = [
    ...[group.name, variant.name],
    ...[medians(before).cpuUs.toFixed(3), medians(after).cpuUs.toFixed(3)],
    ...(['cpuUs', 'p50Us', 'p99Us', 'residentMiB'] as const).map((key) =>
      ratio(before, after, key),
    ),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

const responder = await startChild({
  name: 'responder',
  command: process.execPath,
  args: ['--import', 'tsx', path.join(import.meta.dirname, 'responder.ts')],
  readyLine: (line) => (JSON.parse(line) as { port: number }).port,
});
const trees = {
  before: new Proxies(responder.ready, responder.pid, undefined, options.before),
  after: new Proxies(responder.ready, responder.pid),
};
console.log(HEADER);
const seen = new Set<string>();
for (const group of GROUPS.filter(({ name }) => isAsked(name, options.group))) {
  for (const variant of group.variants) {
    if (NO_GATES.has(variant.proxy) || !isAsked(variant.name, options.variant)) continue;
    // The base of one group is often the same load as a variant of another.
    const load = JSON.stringify([variant.proxy, group.load, variant.load ?? []]);
    if (seen.has(load)) continue;
    seen.add(load);
    await compare(group, variant, trees);
  }
}
await trees.before.stop();
await trees.after.stop();
await responder.stop();
