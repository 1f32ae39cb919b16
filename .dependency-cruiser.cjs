// The import direction of the house (docs/ARCHITECTURE.md), held by `npm run check`.
// A room may import the rooms listed beside it, the leaves, and nothing else in src.
const leaves = [
  'backoff',
  'errors',
  'refusals',
  'limits/[a-z]+',
  'turn',
  'lines',
  'file-again',
  'compound-key',
  'clock',
  'wall-clock',
  'guard',
  'fair-queue',
  'keep-alive',
  'printable',
];
const rooms = {
  memory: [],
  protocol: [],
  cql: ['memory'],
  outbound: [],
  tls: [],
  identity: ['outbound', 'memory'],
  policy: ['cql', 'identity'],
  vcs: ['policy', 'identity', 'outbound'],
  audit: ['policy', 'cql', 'identity', 'protocol', 'memory'],
  secrets: ['outbound', 'tls'],
  config: ['protocol', 'cql', 'identity', 'policy', 'outbound', 'tls', 'secrets'],
  upstream: ['protocol', 'cql', 'policy', 'secrets', 'memory'],
  fleet: ['protocol', 'cql', 'revocation', 'upstream'],
  topology: ['protocol', 'cql'],
  sidecar: ['protocol', 'identity'],
  provision: ['protocol', 'cql', 'policy', 'config', 'secrets', 'upstream', 'fleet'],
  metrics: [],
  revocation: ['identity'],
  admin: ['protocol', 'metrics', 'identity', 'policy', 'revocation'],
  workers: ['admin', 'audit', 'metrics', 'revocation', 'session', 'upstream', 'fleet'],
  telemetry: ['protocol', 'cql', 'identity', 'policy', 'audit', 'metrics', 'session'],
  session: [
    'memory',
    'tls',
    'revocation',
    'metrics',
    'protocol',
    'cql',
    'identity',
    'policy',
    'audit',
    'upstream',
    'fleet',
    'topology',
    'vcs',
  ],
};
const forbidden = [
  {
    name: 'no-cycles',
    comment: 'Imports of types alone count as well.',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'leaves-import-only-basic-leaves',
    severity: 'error',
    from: { path: `^src/(${leaves.join('|')})\\.ts$` },
    to: { path: '^src/', pathNot: '^src/(limits/[a-z]+|guard|clock|wall-clock|refusals)\\.ts$' },
  },
  {
    name: 'jose-only-in-identity',
    severity: 'error',
    from: { pathNot: '^src/identity/' },
    to: { path: 'node_modules/jose' },
  },
  {
    name: 'undici-only-in-outbound',
    severity: 'error',
    from: { pathNot: '^src/outbound/' },
    to: { path: 'node_modules/undici' },
  },
  {
    name: 'driver-only-in-provision',
    severity: 'error',
    from: { pathNot: '^src/provision/cluster\\.ts$' },
    to: { path: 'node_modules/cassandra-driver' },
  },
  {
    name: 'opentelemetry-only-in-telemetry',
    severity: 'error',
    from: { pathNot: '^src/telemetry/' },
    to: { path: 'node_modules/@opentelemetry' },
  },
  {
    name: 'no-undeclared-package',
    severity: 'error',
    from: {},
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'] },
  },
];
for (const [room, allowed] of Object.entries(rooms)) {
  const open = [...allowed, room].map((name) => `${name}/`).join('|');
  forbidden.push({
    name: `${room}-imports`,
    comment: `src/${room} may import ${allowed.length > 0 ? allowed.join(', ') : 'no other room'} and the leaves`,
    severity: 'error',
    from: { path: `^src/${room}/` },
    to: { path: '^src/', pathNot: `^src/(${open}|(${leaves.join('|')})\\.ts$)` },
  });
}
for (const room of ['protocol', 'cql', 'policy', 'topology']) {
  forbidden.push({
    name: `${room}-is-pure`,
    comment: 'no sockets, files, clocks or processes in the pure rooms',
    severity: 'error',
    from: { path: `^src/${room}/` },
    to: { dependencyTypes: ['core'], pathNot: '^(node:)?(buffer|zlib|crypto)$' },
  });
}
module.exports = {
  forbidden,
  options: {
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types'] },
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
