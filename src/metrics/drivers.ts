// What a driver is counted as. Drivers name themselves, so whoever has a token can invent names without end: known
// ones are counted by name, by major and minor version, and all others together.

/** As they stand in STARTUP. */
const KNOWN: ReadonlySet<string> = new Set([
  'Apache Cassandra C# Driver',
  'Apache Cassandra C/C++ Driver',
  'Apache Cassandra GoCQL Driver',
  'Apache Cassandra Java Driver',
  'Apache Cassandra Node.js Driver',
  'Apache Cassandra Python Driver',
  'Apache Cassandra(R) Java Driver',
  'DataStax C# Driver for Apache Cassandra',
  'DataStax C/C++ Driver for Apache Cassandra and DataStax Products',
  'DataStax Enterprise Java Driver',
  'DataStax Java driver for Apache Cassandra(R)',
  'DataStax Node.js Driver for Apache Cassandra',
  'DataStax PHP Driver for Apache Cassandra',
  'DataStax Python Driver',
  'DataStax Ruby Driver',
  'Scylla Python Driver',
  'ScyllaDB GoCQL Driver',
  'ScyllaDB Java Driver',
  'ScyllaDB Python Driver',
  'ScyllaDB Rust Driver',
  'cdrs-tokio',
  'github.com/apache/cassandra-gocql-driver',
  'github.com/gocql/gocql',
  'github.com/scylladb/gocql',
  'scylla-rust-driver',
]);

const OTHER = 'other';

/** Labels of `drivers_total`. */
export function driverLabels(
  name: string | null,
  version: string | null,
): [name: string, version: string] {
  if (name === null) return ['', ''];
  if (!KNOWN.has(name)) return [OTHER, OTHER];
  const [, major, minor] = /^v?(\d{1,2})\.(\d{1,2})(?![\d])/.exec(version ?? '') ?? [];
  return [name, major === undefined ? OTHER : `${Number(major)}.${Number(minor)}`];
}
