// Whether all nodes that can be reached have the same schema. Each node that the gate has a connection to is asked itself:
// gossip, which drivers read in system.peers, is a second or two behind. For the others (of another datacenter, or not
// connected yet) what the control connection's node has heard of them counts.
import { later, monotonicMs } from '../clock.ts';
import { AGREEMENT } from '../limits/fleet.ts';
import { queriesOver, uuidText, type AskedConnection } from './own-query.ts';

export interface Agreement {
  /** The version that all of them have; null where they differ or none answered. */
  readonly version: string | null;
  readonly agreed: boolean;
}

/** A node whose version counts. Those that are known to be down, or that the gate lost, do not count. */
export interface SchemaWitness {
  readonly hostId: string;
  /** Name of the node, as connections have it. */
  readonly name: string;
  /** `busy`: none of its connections can be asked now. null: there is none, and gossip counts. */
  readonly connection: AskedConnection | 'busy' | null;
}

export interface SchemaSources {
  /** Called each time that the nodes are asked: nodes may be lost and come back. */
  witnesses(): readonly SchemaWitness[];
  /** Versions that a node has heard of the others, by host id; null where it can't be asked. */
  heard(): Promise<ReadonlyMap<string, string> | null>;
}

const NOTHING_HEARD: ReadonlyMap<string, string> = new Map();

export class SchemaAgreement {
  readonly #sources: SchemaSources;
  /**
   * Nodes only heard of that did not come along in a whole wait, with the version that they had: most likely
   * down since before the gate knew them. They have a say again with another version.
   */
  readonly #leftBehind = new Map<string, string>();

  constructor(sources: SchemaSources) {
    this.#sources = sources;
  }

  /**
   * Resolves once they agree, or after `timeoutMs` with what stood then. `from`: of a change without an answer,
   * the node that had it; while it is not reached it may make it yet. Never rejects.
   */
  async reached(timeoutMs: number, from: string | null = null): Promise<Agreement> {
    const deadlineAtMs = later(monotonicMs(), timeoutMs);
    let pauseMs: number = AGREEMENT.pauseMinMs;
    for (;;) {
      const { witnesses, asked, heard } = await this.#ask();
      const [version, ...others] = new Set([...asked, ...heard.values()]);
      // Nobody asked is no agreement, and one without an answer may have any version.
      const isOne = typeof version === 'string' && others.length === 0;
      if (isOne && (from === null || witnesses.some((one) => isReached(one, from)))) {
        return { version, agreed: true };
      }
      if (later(monotonicMs(), pauseMs) > deadlineAtMs) {
        this.#leaveBehind(asked, heard);
        return { version: null, agreed: false };
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs = Math.min(2 * pauseMs, AGREEMENT.pauseMaxMs);
    }
  }

  /** The versions of the nodes that were asked themselves, null for no answer; and of the others by host id. */
  async #ask() {
    const witnesses = this.#sources.witnesses();
    const unasked = witnesses.filter(({ connection }) => connection === null);
    const [gossip, ...asked] = await Promise.all([
      unasked.length === 0 ? NOTHING_HEARD : this.#sources.heard(),
      ...witnesses.map(async ({ connection }) =>
        connection === null ? undefined : schemaVersionOf(connection),
      ),
    ]);
    const heard = new Map<string, string | null>();
    for (const { hostId } of unasked) {
      const version = gossip === null ? null : gossip.get(hostId);
      // One that nobody has heard a version of is just joining.
      if (version === undefined || this.#leftBehind.get(hostId) === version) continue;
      heard.set(hostId, version);
    }
    return { witnesses, asked: asked.filter((version) => version !== undefined), heard };
  }

  #leaveBehind(asked: readonly (string | null)[], heard: ReadonlyMap<string, string | null>): void {
    const [common, ...others] = new Set(asked);
    if (typeof common !== 'string' || others.length > 0) return;
    for (const [hostId, version] of heard) {
      if (version !== null && version !== common) this.#leftBehind.set(hostId, version);
    }
  }
}

function isReached({ name, connection }: SchemaWitness, node: string): boolean {
  return name === node && connection !== null;
}

async function schemaVersionOf(
  connection: Exclude<SchemaWitness['connection'], null>,
): Promise<string | null> {
  if (connection === 'busy') return null;
  try {
    const queries = queriesOver(connection, { timeoutMs: AGREEMENT.askTimeoutMs });
    const { rows } = await queries.rows(
      "SELECT schema_version FROM system.local WHERE key = 'local'",
    );
    const cell = rows[0]?.[0] ?? null;
    return cell === null ? null : uuidText(cell);
  } catch {
    return null;
  }
}
