// What is read of a node's system tables over the control connection: for clients, few at once and in turn by role, and
// the schema versions for the gate itself.
import { FairSlots, QueueFault, type Turn } from '../fair-queue.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import { encodePrepare } from '../protocol/messages/prepare.ts';
import type { Rows } from '../protocol/messages/result.ts';
import { UpstreamFault } from './faults.ts';
import {
  CONTROL_VERSION,
  prepareOver,
  queriesOver,
  refusalIn,
  uuidText,
  type AskedConnection,
  type OwnQueries,
  type Refusal,
} from './own-query.ts';

/** Rows of a system table, or the node's own refusal (a table that this cluster lacks). */
export type SystemRows = Rows | { readonly refused: Refusal };

export class SystemTables {
  readonly #connection: AskedConnection;
  readonly #queries: OwnQueries;
  readonly #patientQueries: OwnQueries;
  /** Reads for clients: the stream ids of the control connection are for what the gate itself asks. */
  readonly #reads = new FairSlots({
    slots: UPSTREAM.systemReads,
    perKey: UPSTREAM.systemReadsPerRole,
    waiting: UPSTREAM.systemReadsWaiting,
    waitMs: UPSTREAM.acquireTimeoutMs,
  });

  /** `patient` asks once more over the next connection where the one before was lost. */
  constructor(connection: AskedConnection, patient: AskedConnection) {
    this.#connection = connection;
    this.#queries = queriesOver(connection);
    this.#patientQueries = queriesOver(patient);
  }

  /** What a SELECT over system.local or peers gives now. Rejects with UpstreamFault. */
  async rows(query: string, turn: Turn): Promise<SystemRows> {
    try {
      return await this.#inTurn(turn, async () => this.#patientQueries.rows(query));
    } catch (error) {
      const refused = refusalIn(error);
      if (refused === null) throw error;
      return { refused };
    }
  }

  /** What a node says against such a SELECT when it prepares it; null where it would carry it out. */
  async refusalOf(query: string, turn: Turn): Promise<Refusal | null> {
    const body = encodePrepare(query, CONTROL_VERSION);
    try {
      await this.#inTurn(turn, async () => prepareOver(this.#connection, body, false));
      return null;
    } catch (error) {
      const refused = refusalIn(error);
      if (refused === null) throw error;
      return refused;
    }
  }

  /** The cluster's schema version as the node sees it, or null when it can't be read. */
  async schemaVersion(): Promise<string | null> {
    try {
      const { rows } = await this.#patientQueries.rows('SELECT schema_version FROM system.local');
      const value = rows[0]?.[0] ?? null;
      return value === null ? null : uuidText(value);
    } catch {
      return null;
    }
  }

  /** Schema versions by host id, as the node has heard of them; null when they can't be read. */
  async schemaVersions(): Promise<ReadonlyMap<string, string> | null> {
    try {
      const answers = await Promise.all(
        ['local', 'peers'].map(async (table) =>
          this.#queries.rows(`SELECT host_id, schema_version FROM system.${table}`),
        ),
      );
      return new Map(
        answers
          .flatMap(({ rows }) => rows)
          .flatMap(([id, version]) =>
            id && version ? [[uuidText(id), uuidText(version)] as const] : [],
          ),
      );
    } catch {
      return null;
    }
  }

  async #inTurn<Result>(turn: Turn, ask: () => Promise<Result>): Promise<Result> {
    return this.#reads.run(turn, ask).catch((error: unknown) => {
      if (!(error instanceof QueueFault)) throw error;
      throw new UpstreamFault('busy', `system tables were not read: ${error.message}`);
    });
  }
}
