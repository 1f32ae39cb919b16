// The fleet's revocations, in the gate's own keyspace: what one gate writes the others read.
import { epochMs } from '../clock.ts';
import { stringLiteral } from '../cql/quote.ts';
import { Consistency } from '../protocol/consistency.ts';
import { REVOCABLES, type Revocable, type Revocation } from '../revocation/revocations.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import { refusalIn, uuidText, type OwnQueries } from '../upstream/own-query.ts';
import { nearestTime } from '../wall-clock.ts';
import { isPerhapsAbsent, OwnTable } from './own-table.ts';

const COLUMNS = 'id, what, issuer, value, reason, revoked_by, revoked_at';

export class RevocationTable {
  readonly #table: OwnTable;
  readonly #queries: OwnQueries;

  constructor(keyspace: string, queries: OwnQueries) {
    this.#table = new OwnTable(keyspace, 'revocations', queries);
    this.#queries = queries;
  }

  /** null where there is no such table. Rejects with UpstreamFault. */
  async read(): Promise<Revocation[] | null> {
    const { text } = this.#table;
    try {
      const query = `SELECT ${COLUMNS} FROM ${text} WHERE list = 0`;
      const { rows } = await this.#queries.rows(query, Consistency.LOCAL_QUORUM);
      return rows.flatMap((row) => revocationOf(row) ?? []);
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal === null) throw error;
      // One that is there and can't be read is not absent: what it revokes must not be good again.
      if (isPerhapsAbsent(error) && !(await this.#exists())) return null;
      throw new UpstreamFault(
        'unreachable',
        `${text} could not be read: ${refusal.message}; 'cqlgate provision' says what the gate's login needs`,
      );
    }
  }

  /** Rejects with UpstreamFault where it is not known to be written. */
  async write(revocation: Revocation): Promise<void> {
    const { id, what, issuer, value, reason, revokedBy, revokedAtMs } = revocation;
    const values = [
      id,
      ...[what, issuer ?? '', value, reason, revokedBy].map(stringLiteral),
      String(epochMs(revokedAtMs)),
    ];
    const query = `INSERT INTO ${this.#table.text} (list, ${COLUMNS}) VALUES (0, ${values.join(', ')})`;
    try {
      await this.#queries.run(query, Consistency.QUORUM);
    } catch (error) {
      throw refusedWith(error, 'the revocation could not be written');
    }
  }

  async #exists(): Promise<boolean> {
    try {
      return await this.#table.exists();
    } catch (error) {
      throw refusedWith(error, 'the schema could not be read');
    }
  }
}

/** What a node refused stands behind `text`; any other error stays as it is. */
function refusedWith(error: unknown, text: string): unknown {
  const refusal = refusalIn(error);
  if (refusal === null) return error;
  return new UpstreamFault('unreachable', `${text}: ${refusal.message}`);
}

/** null where a later version of the gate wrote the row. */
function revocationOf(row: readonly (Buffer | null)[]): Revocation | null {
  const [id, what, issuer, value, reason, revokedBy, revokedAt] = row;
  const kind = REVOCABLES.find((one) => one === what?.toString('utf8'));
  if (id?.length !== 16 || kind === undefined || revokedAt?.length !== 8) return null;
  const text = (cell: Buffer | null | undefined): string => cell?.toString('utf8') ?? '';
  return {
    id: uuidText(id),
    what: kind satisfies Revocable,
    value: text(value),
    issuer: text(issuer) === '' ? null : text(issuer),
    reason: text(reason),
    revokedBy: text(revokedBy),
    // A row whose time makes no sense is a revocation all the same.
    revokedAtMs: nearestTime(Number(revokedAt.readBigInt64BE(0))),
  };
}
