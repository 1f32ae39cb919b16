// The fleet's revocations, in the gate's own keyspace: what one gate writes the others read.
import { epochMs } from '../clock.ts';
import { CqlErrorCode } from '../errors.ts';
import { quoteIfNeeded, stringLiteral } from '../cql/quote.ts';
import { Consistency } from '../protocol/consistency.ts';
import { ResultKind } from '../protocol/messages/result.ts';
import { REVOCABLES, type Revocable, type Revocation } from '../revocation/revocations.ts';
import { nearestTime } from '../wall-clock.ts';
import { UpstreamFault } from './faults.ts';
import { expectResult, refusalOf, rowsOf, type OwnQuery } from './own-query.ts';

const COLUMNS = 'id, what, issuer, value, reason, revoked_by, revoked_at';

/** Of an absent table; of one that the gate's login has no right on, whether it is there or not. */
const PERHAPS_ABSENT: ReadonlySet<number> = new Set([
  CqlErrorCode.INVALID,
  CqlErrorCode.UNAUTHORIZED,
]);

export class RevocationTable {
  readonly #keyspace: string;
  readonly #table: string;
  readonly #query: OwnQuery;

  constructor(keyspace: string, query: OwnQuery) {
    this.#keyspace = keyspace;
    this.#table = `${quoteIfNeeded(keyspace)}.revocations`;
    this.#query = query;
  }

  /** null where there is no such table. Rejects with UpstreamFault. */
  async read(): Promise<Revocation[] | null> {
    const query = `SELECT ${COLUMNS} FROM ${this.#table} WHERE list = 0`;
    const answer = await this.#query(query, Consistency.LOCAL_QUORUM);
    const refusal = refusalOf(answer);
    if (refusal === null) return rowsOf(answer).rows.flatMap((row) => revocationOf(row) ?? []);
    // One that is there and can't be read is no absent one: what it revokes must not be good again.
    if (PERHAPS_ABSENT.has(refusal.code) && !(await this.#exists())) return null;
    throw new UpstreamFault(
      'unreachable',
      `${this.#table} could not be read: ${refusal.message}; 'cqlgate provision' says what the gate's login needs`,
    );
  }

  /** Every login may ask for this. */
  async #exists(): Promise<boolean> {
    const query = `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ${stringLiteral(this.#keyspace)} AND table_name = 'revocations'`;
    const answer = await this.#query(query, Consistency.ONE);
    const refusal = refusalOf(answer);
    if (refusal === null) return rowsOf(answer).rows.length > 0;
    throw new UpstreamFault('unreachable', `the schema could not be read: ${refusal.message}`);
  }

  /** Rejects with UpstreamFault where it is not known to be written. */
  async write(revocation: Revocation): Promise<void> {
    const { id, what, issuer, value, reason, revokedBy, revokedAtMs } = revocation;
    const values = [
      id,
      ...[what, issuer ?? '', value, reason, revokedBy].map(stringLiteral),
      String(epochMs(revokedAtMs)),
    ];
    const query = `INSERT INTO ${this.#table} (list, ${COLUMNS}) VALUES (0, ${values.join(', ')})`;
    const answer = await this.#query(query, Consistency.QUORUM);
    const refusal = refusalOf(answer);
    if (refusal !== null) {
      const text = `the revocation could not be written: ${refusal.message}`;
      throw new UpstreamFault('unreachable', text);
    }
    expectResult(answer, ResultKind.VOID);
  }
}

/** null where the row is of a later version. */
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
    // Of a row with a time that is none the revocation still holds.
    revokedAtMs: nearestTime(Number(revokedAt.readBigInt64BE(0))),
  };
}

function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
