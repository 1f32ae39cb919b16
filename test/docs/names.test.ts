// What the documents name exists: files, tests, commands, options, metrics, codes, lines of the log.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { beforeAll, describe, expect, it } from 'vitest';
import { STATEMENT_KINDS } from '../../src/cql/statement.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../src/metrics/catalogue.ts';
import { commandLine, unknownIn, type CommandHelp } from './command-line.ts';
import { documents, ROOT } from './documents.ts';

const all = documents();
const read = (name: string): string => readFileSync(path.join(ROOT, name), 'utf8');
const each = all.map((one) => [one.name, one] as const);

/** Words of the source, tests not included. */
const source = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => read(path.join('src', name)))
  .join('\n');
const words = new Set(source.match(/\w+/g));

describe('files that documents name', () => {
  it.each(each)('%s', (_name, { codes }) => {
    const named = codes.flatMap((code) => /^(?:src|test|bench)\/[\w./-]+\.\w+/.exec(code) ?? []);
    expect(named.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
  });

  it('have the test that a row on attacks names', () => {
    const table = /## Attacks on login\n([\s\S]*?)\n## /.exec(read('docs/SECURITY.md'))![1]!;
    const rows = [...table.matchAll(/^\| .* \| .* \| `(test\/[\w./-]+)`: (.+) \|$/gm)];
    expect(rows.length).toBeGreaterThanOrEqual(40);
    expect(rows).toHaveLength(table.match(/^\| (?!attack)/gm)!.length);
    for (const [, file, name] of rows) expect(read(file!), `${file!}: ${name!}`).toContain(name);
  });
});

describe('the threat model', () => {
  it('names a test for each threat', () => {
    const table = /## Threats\n([\s\S]*?)\n## /.exec(read('docs/SECURITY.md'))![1]!;
    const rows = table.split('\n').filter((line) => /^\| (?!threat)/.test(line));
    expect(rows.length).toBeGreaterThan(20);
    const untested = rows.filter((row) => {
      const file = /`(test\/[\w./-]+\.test\.ts)` \|$/.exec(row)?.[1];
      return file === undefined || !existsSync(path.join(ROOT, file));
    });
    expect(untested).toEqual([]);
  });
});

describe('commands and options that documents name', () => {
  let program: CommandHelp;
  let options: ReadonlySet<string>;
  beforeAll(async () => {
    program = await commandLine();
    const collect = (help: CommandHelp): string[] => [
      ...help.options,
      ...[...help.commands.values()].flatMap(collect),
    ];
    options = new Set(collect(program));
  });

  /** Of other programs, where one stands alone. */
  const OTHERS = new Set([
    '--ignore-scripts',
    '--credentials',
    '--ssl',
    '--contact-point',
    '--max-old-space-size',
  ]);

  it.each(each)('%s', (_name, { blocks, codes }) => {
    const lines = blocks
      .filter(({ language }) => ['sh', 'yaml'].includes(language))
      .flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n'));
    const calls = [...lines, ...codes.map((code) => code.replaceAll('\n', ' '))].flatMap((line) =>
      [
        ...line
          .replace(/(^|\s)# .*$/, '')
          .matchAll(/(?:^\s*|npx |[;&|(] *|- |")(cqlgate [a-z-].*)/g),
      ].map(([, call]) => call!),
    );
    const unknown = calls.filter((call) => unknownIn(call, program) !== null);
    expect(unknown).toEqual([]);
    const alone = codes.flatMap((code) => /^--[a-z][\w-]*/.exec(code) ?? []);
    expect(alone.filter((one) => !options.has(one) && !OTHERS.has(one))).toEqual([]);
  });

  it('are missed where they do not exist', () => {
    expect(unknownIn('cqlgate serv -c x', program)).toBe('serv');
    expect(unknownIn('cqlgate policy test x.yaml --junit r.xml', program)).toBeNull();
    expect(unknownIn('cqlgate policy test x.yaml --junitt r.xml', program)).toBe('--junitt');
    expect(unknownIn('cqlgate audit verify ./audit | tail -n1', program)).toBeNull();
  });
});

describe('metrics that documents name', () => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const ofNode = Object.fromEntries(
    registry.getMetricsAsArray().map(({ name }) => [name, { labels: [] }]),
  );
  const rows: Record<string, { readonly labels: readonly string[] }> = {
    ...ofNode,
    ...COUNTERS,
    ...GAUGES,
    ...Object.fromEntries(
      Object.entries(HISTOGRAMS).flatMap(([name, row]) =>
        ['', '_bucket', '_sum', '_count'].map((end) => [
          name + end,
          { labels: [...row.labels, ...(end === '_bucket' ? ['le'] : [])] },
        ]),
      ),
    ),
  };
  /** Not metrics, though they begin alike: the demo's keyspace. */
  const OTHERS = new Set(['demo']);

  it.each(each)('%s', (name) => {
    const unknown: string[] = [];
    for (const [whole, metric, labels] of read(name).matchAll(
      /\bcqlgate_([a-z_0-9]+)(?:\{([^}]*)\})?/g,
    )) {
      if (OTHERS.has(metric!) || metric!.endsWith('_')) continue;
      const row = rows[metric!];
      const given = [...(labels ?? '').matchAll(/(\w+)\s*(?:=~|!~|!=|=|,|$)/g)].map(
        ([, one]) => one!,
      );
      if (row === undefined || given.some((one) => !row.labels.includes(one))) unknown.push(whole);
    }
    expect(unknown).toEqual([]);
  });

  it('are all told of in the guide for operators', () => {
    const guide = read('docs/OPERATIONS.md');
    const names = Object.keys({ ...COUNTERS, ...GAUGES, ...HISTOGRAMS });
    expect(names.filter((name) => !guide.includes(`cqlgate_${name}`))).toEqual([]);
  });
});

describe('codes that documents name', () => {
  it.each(each)('%s, with the numbers of the protocol', (name) => {
    for (const [, code, value] of read(name).matchAll(/\b([A-Z_]{6,}) (0x[0-9a-f]{4})\b/gi)) {
      const known = CqlErrorCode[code as keyof typeof CqlErrorCode];
      expect([code, known]).toEqual([code, Number(value)]);
    }
  });

  const known = listed();
  /** Names of what is not ours: of Cassandra's tables and settings, of the system around. */
  const OTHERS = new Set(read('test/docs/foreign-names.txt').split('\n'));

  it.each(each)('%s, in words of the code or of ERRORS.md', (_name, { codes }) => {
    const named = codes.filter((code) => /^[a-z]+\d*(_[a-z0-9]+)+$/.test(code));
    const unknown = named.filter(
      (code) =>
        !words.has(code) && !known.has(code) && !code.startsWith('cqlgate_') && !OTHERS.has(code),
    );
    expect(unknown).toEqual([]);
  });
});

describe('lines of the log that documents name', () => {
  it('are written by the code', () => {
    const table = /## The log\n([\s\S]*)/.exec(read('docs/OPERATIONS.md'))![1]!;
    const rows = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, text]) => text!);
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((text) => !source.includes(text) && !source.includes(quoted(text)))).toEqual(
      [],
    );
  });
});

/** As it stands in a string in quotes. */
function quoted(text: string): string {
  return text.replaceAll("'", "\\'");
}

describe('figures of the README', () => {
  const readme = read('README.md');
  it.each([
    [
      'attacks on login',
      /(\d+) attacks on login/,
      () => rowsOf('docs/SECURITY.md', 'Attacks on login'),
    ],
    ['errors', /\(\d+ of (\d+); the rest/, () => listed().size],
    ['kinds of statements', /all (\d+) kinds/, () => Object.keys(STATEMENT_KINDS).length],
  ] as const)('count %s', (_what, figure, count) => {
    expect(Number(figure.exec(readme)?.[1])).toBe(count());
  });
});

/** Of the table under a heading. */
function rowsOf(name: string, heading: string): number {
  const section = read(name).split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  return section.split('\n').filter((line) => line.startsWith('| ')).length - 1;
}

/** Codes that ERRORS.md has a row for. */
function listed(): Set<string> {
  const rows = read('docs/ERRORS.md').matchAll(/^\| `(\w+)` \|/gm);
  return new Set([...rows].map(([, code]) => code!));
}
