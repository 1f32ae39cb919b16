// `npm run bench`: the same load through HAProxy and cqlgate in alternating rounds of one run, so that
// what is compared is ratios, not machines. How and what not: bench/README.md.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parsePositive } from './arguments.ts';
import { startChild } from './child.ts';
import { GROUPS, type Group, type Variant } from './groups.ts';
import { measure, medians, type Round, type Window } from './measure.ts';
import { Proxies, type Proxy } from './proxies.ts';

const { values: options } = parseArgs({
  options: {
    /** Groups whose names hold one of these; default: all. */
    group: { type: 'string', multiple: true },
    /** Of these groups, variants whose names hold one of these, and the base; default: all. */
    variant: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    warmup: { type: 'string', default: '0.7' },
    'contact-point': { type: 'string' },
    'profile-dir': { type: 'string' },
    json: { type: 'boolean', default: false },
    /** Fails where a ratio is above the baseline's by more than its tolerance. */
    check: { type: 'boolean', default: false },
    'save-baseline': { type: 'boolean', default: false },
  },
});

const WINDOW: Window = { seconds: options.seconds, warmup: options.warmup };

interface Row {
  readonly group: string;
  readonly variant: string;
  readonly figures: Round;
  /** To the base of the group: of CPU, or of added p50 and p99; null for the base's own base. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly must: number | null;
  readonly goal: number | null;
}

interface Baseline {
  /** How much above its baseline a ratio may be: 0.25 is a quarter. */
  readonly tolerance: number;
  readonly ratios: Readonly<Record<string, number>>;
}

const TSX = ['--import', 'tsx'];
const part = (name: string): string => path.join(import.meta.dirname, name);
const BASELINE = part('baseline.json');

async function runGroup(group: Group, proxies: Proxies): Promise<Row[]> {
  const present: { variant: Variant; proxy: Proxy; rounds: Round[] }[] = [];
  const { variant: asked } = options;
  for (const variant of group.variants) {
    const isAsked = asked === undefined || asked.some((one) => variant.name.includes(one));
    if (!isAsked && variant.name !== group.base) continue;
    const proxy = await proxies.of(variant.proxy);
    if (proxy !== null) present.push({ variant, proxy, rounds: [] });
  }
  const count = parsePositive('rounds', options.rounds);
  for (let round = 0; round < count; round++) {
    // Turned round by round, so that none is always the first after a pause.
    for (let i = 0; i < present.length; i++) {
      const { variant, proxy, rounds } = present[(i + round) % present.length]!;
      rounds.push(await measure(proxy, [...group.load, ...(variant.load ?? [])], WINDOW));
    }
  }
  const figuresOf = (name: string): Round | null => {
    const found = present.find(({ variant }) => variant.name === name);
    return found === undefined ? null : medians(found.rounds);
  };
  const base = figuresOf(group.base);
  const direct = figuresOf('direct');
  return present.map(({ variant, rounds }) => {
    const figures = medians(rounds);
    const { must = null, goal = null, name } = variant;
    const ratios = name === 'direct' ? {} : ratiosOf(group, figures, base, direct);
    return { group: group.name, variant: name, figures, ratios, must, goal };
  });
}

function ratiosOf(
  { compares }: Group,
  figures: Round,
  base: Round | null,
  direct: Round | null,
): Record<string, number> {
  if (base === null) return {};
  if (compares === 'cpu') return { cpu: figures.cpuUs / base.cpuUs };
  const added = (key: 'p50Us' | 'p99Us'): number =>
    (figures[key] - (direct?.[key] ?? 0)) / (base[key] - (direct?.[key] ?? 0));
  return { p50: added('p50Us'), p99: added('p99Us') };
}

function keyOf({ group, variant }: Row, what: string): string {
  return `${group} / ${variant} / ${what}`;
}

function print(rows: readonly Row[]): void {
  console.log(
    '| group | variant | CPU us/req | x base | must | goal | req/s | p50 us | p99 us | p99.9 us | RSS MiB |\n|-|-|-|-|-|-|-|-|-|-|-|',
  );
  for (const { group, variant, figures, ratios, must, goal } of rows) {
    const cells = [
      ...[group, variant, figures.cpuUs.toFixed(3)],
      Object.values(ratios)
        .map((ratio) => ratio.toFixed(2))
        .join(' / '),
      must === null ? '' : `<= ${must}`,
      goal === null ? '' : `<= ${goal}`,
      figures.requestsPerSecond.toFixed(0),
      ...[figures.p50Us, figures.p99Us, figures.p999Us, figures.residentMiB].map((one) =>
        one.toFixed(0),
      ),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

/** What is above the baseline by more than its tolerance, in words. */
function behind(rows: readonly Row[], { tolerance, ratios }: Baseline): string[] {
  return rows.flatMap((row) =>
    Object.entries(row.ratios).flatMap(([what, ratio]) => {
      const before = ratios[keyOf(row, what)];
      if (before === undefined || ratio <= before * (1 + tolerance)) return [];
      return [`${keyOf(row, what)}: ${ratio.toFixed(2)} x, was ${before.toFixed(2)} x`];
    }),
  );
}

const contactPoint = options['contact-point'];
const responder = await startChild({
  name: 'responder',
  command: process.execPath,
  args: [
    ...TSX,
    part('responder.ts'),
    ...(contactPoint === undefined ? [] : ['--contact-point', contactPoint]),
  ],
  readyLine: (line) => (JSON.parse(line) as { port: number }).port,
});
const proxies = new Proxies(responder.ready, responder.pid, options['profile-dir']);
const groups = GROUPS.filter(
  ({ name }) => options.group === undefined || options.group.some((one) => name.includes(one)),
);
if (groups.length === 0) throw new Error('no group has such a name');
const rows: Row[] = [];
for (const group of groups) {
  rows.push(...(await runGroup(group, proxies)));
  console.error(`measured: ${group.name}`);
}
await proxies.stop();
await responder.stop();

if (options.json) console.log(JSON.stringify(rows, null, 2));
else print(rows);
if (options['save-baseline']) {
  const ratios = Object.fromEntries(
    rows.flatMap((row) =>
      Object.entries(row.ratios).map(([what, ratio]) => [keyOf(row, what), +ratio.toFixed(3)]),
    ),
  );
  writeFileSync(BASELINE, `${JSON.stringify({ tolerance: 0.3, ratios }, null, 2)}\n`);
}
if (options.check) {
  const worse = behind(rows, JSON.parse(readFileSync(BASELINE, 'utf8')) as Baseline);
  for (const text of worse) console.error(`behind the baseline: ${text}`);
  if (worse.length > 0) process.exitCode = 1;
}
