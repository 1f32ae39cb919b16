// What is measured side by side: in a group all variants take turns, and each is held against the group's base.
// `must` and `goal` are the bounds that the product sets itself, as multiples of the base.

/** How a variant is reached; the gate's variants are processes of their own. */
export type ProxyName =
  'direct' | 'haproxy' | 'cqlgate' | 'dml all' | 'traced' | 'tls' | 'two workers';

export interface Variant {
  readonly name: string;
  readonly proxy: ProxyName;
  /** Arguments of the load generator, over the group's. */
  readonly load?: readonly string[];
  readonly must?: number;
  readonly goal?: number;
}

export interface Group {
  readonly name: string;
  /** Of the proxy's CPU time for a request, or of what it adds to the latency of `direct`. */
  readonly compares: 'cpu' | 'latency';
  readonly load: readonly string[];
  readonly base: string;
  readonly variants: readonly Variant[];
}

const BESIDE_HAPROXY: readonly Variant[] = [
  { name: 'direct', proxy: 'direct' },
  { name: 'haproxy', proxy: 'haproxy' },
];

function besideHaproxy(name: string, load: readonly string[], must?: number, goal?: number): Group {
  const bounds = must === undefined || goal === undefined ? {} : { must, goal };
  const variants = [...BESIDE_HAPROXY, { name: 'cqlgate', proxy: 'cqlgate', ...bounds } as const];
  return { name, compares: 'cpu', load, base: 'haproxy', variants };
}

/** The CPU time of all processes of the gate. */
function workersAt(shape: string, must: number): Group {
  return {
    name: `workers, ${shape}`,
    compares: 'cpu',
    load: ['--shape', shape],
    base: 'one',
    variants: [
      { name: 'one', proxy: 'cqlgate' },
      { name: 'two', proxy: 'two workers', must },
    ],
  };
}

const query = (texts: number): readonly string[] => ['--work', 'query', '--texts', String(texts)];

export const GROUPS: readonly Group[] = [
  besideHaproxy('EXECUTE 64x1', ['--shape', '64x1'], 1.25, 1),
  besideHaproxy('EXECUTE 8x32', ['--shape', '8x32'], 4, 2.5),
  besideHaproxy('EXECUTE 512x1', ['--shape', '512x1']),
  {
    name: 'against EXECUTE 8x32',
    compares: 'cpu',
    load: ['--shape', '8x32'],
    base: 'EXECUTE',
    variants: [
      { name: 'EXECUTE', proxy: 'cqlgate' },
      { name: 'QUERY, 1 text', proxy: 'cqlgate', load: query(1) },
      { name: 'QUERY, 1,000 texts', proxy: 'cqlgate', load: query(1_000), must: 2, goal: 1.4 },
      { name: 'QUERY, 1,000,000 texts', proxy: 'cqlgate', load: query(1_000_000) },
      { name: 'v5', proxy: 'cqlgate', load: ['--version', '5'], must: 1.6, goal: 1.3 },
      {
        name: 'v5, a segment for each frame',
        proxy: 'cqlgate',
        load: ['--version', '5', '--frame-segments'],
        must: 2.5,
        goal: 2,
      },
      {
        name: 'v5 lz4',
        proxy: 'cqlgate',
        load: ['--version', '5', '--compression', 'lz4'],
        must: 3,
        goal: 2,
      },
      { name: 'TLS', proxy: 'tls', must: 1.3, goal: 1.3 },
      { name: 'dml: all', proxy: 'dml all' },
      { name: 'every request traced', proxy: 'traced' },
    ],
  },
  {
    name: 'against EXECUTE 64x1',
    compares: 'cpu',
    load: ['--shape', '64x1'],
    base: 'EXECUTE',
    variants: [
      { name: 'EXECUTE', proxy: 'cqlgate' },
      { name: 'TLS', proxy: 'tls', must: 1.9, goal: 1.9 },
    ],
  },
  workersAt('64x1', 1.15),
  workersAt('8x32', 1.5),
  besideHaproxy('BATCH of 100, 8x4', ['--shape', '8x4', '--work', 'batch']),
  besideHaproxy('pages of 100 rows, 8x8', ['--shape', '8x8', '--work', 'pages']),
  besideHaproxy('rows of 64 KiB, 8x4', ['--shape', '8x4', '--work', 'rows64k']),
  besideHaproxy('rows of 1 MiB, 8x1', ['--shape', '8x1', '--work', 'rows1m']),
  {
    name: 'pages of 100 rows, 8x8, lz4',
    compares: 'cpu',
    load: ['--shape', '8x8', '--work', 'pages'],
    base: 'plain',
    variants: [
      { name: 'plain', proxy: 'cqlgate' },
      { name: 'v4 lz4', proxy: 'cqlgate', load: ['--compression', 'lz4'] },
    ],
  },
  {
    name: 'latency at 5,000 requests a second',
    compares: 'latency',
    load: ['--shape', '64x1', '--rate', '5000'],
    base: 'haproxy',
    variants: [...BESIDE_HAPROXY, { name: 'cqlgate', proxy: 'cqlgate', must: 1.5, goal: 1.1 }],
  },
];
