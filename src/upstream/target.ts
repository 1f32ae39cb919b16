// Which clusters cqlgate serves. Others speak the protocol but not the same permissions, system
// tables or keys in SUPPORTED; they are refused at start rather than half served.

export interface Target {
  readonly supported: ReadonlyMap<string, readonly string[]>;
  readonly clusterName: string;
  readonly releaseVersion: string;
  readonly localColumns: readonly string[];
}

const TELLS: readonly { readonly name: string; readonly is: (target: Target) => boolean }[] = [
  {
    name: 'ScyllaDB',
    is: ({ supported }) => [...supported.keys()].some((key) => key.startsWith('SCYLLA_')),
  },
  {
    name: 'DataStax Astra',
    is: ({ supported }) => supported.get('PRODUCT_TYPE')?.includes('DATASTAX_APOLLO') ?? false,
  },
  {
    name: 'DataStax Enterprise',
    is: ({ localColumns }) => localColumns.includes('dse_version'),
  },
  { name: 'Amazon Keyspaces', is: ({ clusterName }) => clusterName === 'Amazon Keyspaces' },
];

const SERVED_RELEASES = /^(4\.1|5\.0)(\.|-|$)/;

/** Why this cluster is not served, or null when it is. */
export function foreignTarget(target: Target): string | null {
  const product = TELLS.find((tell) => tell.is(target));
  const what =
    product?.name ??
    (SERVED_RELEASES.test(target.releaseVersion)
      ? null
      : `Cassandra ${target.releaseVersion === '' ? 'of unknown release' : target.releaseVersion}`);
  if (what === null) return null;
  return (
    `the cluster is ${what}; cqlgate serves Apache Cassandra 5.0 and 4.1. ` +
    'Set cluster.allowUntested: true to try it all the same.'
  );
}
