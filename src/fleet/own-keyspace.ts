// The gate's own keyspace, with what the gates of a fleet share, and the statements that make it. No grant of the policy
// gives access to it.
import { quoteIfNeeded, stringLiteral } from '../cql/quote.ts';

export interface OwnKeyspace {
  readonly name: string;
  /** As in CREATE KEYSPACE: `{class: 'NetworkTopologyStrategy', dc1: 3}`. */
  readonly replication: Readonly<Record<string, string | number>>;
}

/** Each of them may be run again. `cqlgate provision` prints and applies them. */
export function ownKeyspaceStatements({ name, replication }: OwnKeyspace): string[] {
  const keyspace = quoteIfNeeded(name);
  const options = Object.entries(replication).map(
    ([key, value]) => `${stringLiteral(key)}: ${stringLiteral(String(value))}`,
  );
  return [
    `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = {${options.join(', ')}}`,
    // Rows live for seconds, by their time to live; the next compaction may remove what is left of them.
    `CREATE TABLE IF NOT EXISTS ${keyspace}.locks (name text PRIMARY KEY, owner text) WITH gc_grace_seconds = 3600`,
    // One partition: the whole list is read each second, and only people add rows to it.
    `CREATE TABLE IF NOT EXISTS ${keyspace}.revocations (list int, id uuid, what text, issuer text, value text, reason text, revoked_by text, revoked_at timestamp, PRIMARY KEY (list, id))`,
  ];
}
