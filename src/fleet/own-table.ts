// A table of the gate's own keyspace, which may not be there: `cqlgate provision` makes it.
import { quoteIfNeeded, stringLiteral } from '../cql/quote.ts';
import { errorSays } from '../protocol/error-codes.ts';
import { refusalIn, type OwnQueries } from '../upstream/own-query.ts';

export class OwnTable {
  readonly #keyspace: string;
  readonly #name: string;
  readonly #queries: OwnQueries;
  /** As CQL writes it, with its keyspace. */
  readonly text: string;

  constructor(keyspace: string, name: string, queries: OwnQueries) {
    this.#keyspace = keyspace;
    this.#name = name;
    this.#queries = queries;
    this.text = `${quoteIfNeeded(keyspace)}.${name}`;
  }

  /** Whether the schema has it; every login may ask for this. Rejects with UpstreamFault. */
  async exists(): Promise<boolean> {
    const { rows } = await this.#queries.rows(
      `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ${stringLiteral(this.#keyspace)} AND table_name = ${stringLiteral(this.#name)}`,
    );
    return rows.length > 0;
  }
}

/** Whether a table was refused that may be absent; the gate's login may also just have no right on it. */
export function isPerhapsAbsent(error: unknown): boolean {
  const refusal = refusalIn(error);
  return refusal !== null && errorSays(refusal.code, 'tableMayBeAbsent');
}
