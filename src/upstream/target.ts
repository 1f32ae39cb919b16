// Which clusters cqlgate serves. Others speak the protocol but not the same permissions, system
// tables or keys in SUPPORTED; they are refused at start rather than half served.
import { SUPPORTED_VERSIONS } from '../protocol/versions.ts';
import { UpstreamFault } from './faults.ts';
import { queriesOver, supportedBy, type AskedConnection } from './own-query.ts';

/** What the gate must know of the cluster it serves. */
export interface TargetFacts {
  readonly clusterName: string;
  readonly releaseVersion: string;
  readonly cqlVersion: string;
  /** Protocol versions that gate and node both speak, ascending. */
  readonly versions: readonly number[];
}

export const UNKNOWN_TARGET: TargetFacts = {
  clusterName: '',
  releaseVersion: '',
  cqlVersion: '3.4.7',
  versions: SUPPORTED_VERSIONS,
};

/** A target that cqlgate was not tested with, or that can't be used as configured; no wait mends it. */
export class TargetFault extends UpstreamFault {
  constructor(message: string) {
    super('protocol', message);
  }
}

/** Rejects with TargetFault where the cluster is not one that is served. */
export async function inspectTarget(
  connection: AskedConnection,
  allowUntested: boolean,
): Promise<TargetFacts> {
  const supported = await supportedBy(connection);
  const local = await queriesOver(connection).rows('SELECT * FROM system.local');
  const text = (name: string): string => {
    const index = local.columns.findIndex((column) => column.name === name);
    return index < 0 ? '' : (local.rows[0]?.[index]?.toString('utf8') ?? '');
  };
  const [clusterName, releaseVersion] = [text('cluster_name'), text('release_version')];
  const localColumns = local.columns.map((column) => column.name);
  const foreign = foreignTarget({ supported, clusterName, releaseVersion, localColumns });
  if (foreign !== null && !allowUntested) throw new TargetFault(foreign);
  const spoken = supported.get('PROTOCOL_VERSIONS');
  return {
    clusterName,
    releaseVersion,
    cqlVersion: supported.get('CQL_VERSION')?.[0] ?? UNKNOWN_TARGET.cqlVersion,
    versions:
      spoken === undefined
        ? SUPPORTED_VERSIONS
        : SUPPORTED_VERSIONS.filter((version) => spoken.includes(`${version}/v${version}`)),
  };
}

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
