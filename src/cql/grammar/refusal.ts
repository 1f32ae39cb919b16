// Why a text is refused. Grammar functions throw it, and analyse() catches it.
import type { TextRefusal } from '../../refusals.ts';

export class Refusal extends Error {
  readonly position: number;
  readonly rule: TextRefusal;
  constructor(reason: string, position: number, rule: TextRefusal = 'syntax') {
    // A refusal is an answer and not a fault: nobody reads its stack, which would cost more than all the rest.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(reason);
    Error.stackTraceLimit = stackTraceLimit;
    this.position = position;
    this.rule = rule;
  }
}

/** Words of other releases and products, at the place where the text stops being CQL of 5.0. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['schema', 'write KEYSPACE: SCHEMA is not taken for it since Cassandra 4.0'],
  ['transaction', 'transactions are CQL of a later Cassandra than 5.0'],
  ['superusers', 'LIST SUPERUSERS is CQL of a later Cassandra than 5.0'],
  ['comment', 'COMMENT ON is CQL of a later Cassandra than 5.0'],
  ['security', 'SECURITY LABEL is CQL of a later Cassandra than 5.0'],
  ['between', 'BETWEEN is CQL of a later Cassandra than 5.0'],
  ['not', 'NOT IN and NOT CONTAINS are CQL of a later Cassandra than 5.0'],
  ['like', 'CREATE TABLE ... LIKE is CQL of a later Cassandra than 5.0'],
  ['check', 'CHECK is CQL of a later Cassandra than 5.0'],
  ['generated', 'GENERATED PASSWORD is CQL of a later Cassandra than 5.0'],
  ['bypass', 'BYPASS CACHE is ScyllaDB only'],
  ['timeout', 'USING TIMEOUT is ScyllaDB only'],
]);

/** What to say of a word that other releases or products know; empty for all other words. */
export function foreignHint(word: string): string {
  const hint = FOREIGN.get(word.toLowerCase());
  return hint === undefined ? '' : ` (${hint})`;
}

/** For a name without a keyspace, in a session that is in none. The text is Cassandra's. */
export function noKeyspace(position: number): Refusal {
  return new Refusal(
    'No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename',
    position,
    'no_keyspace',
  );
}
