// Whether all nodes that are reached have the same schema. Each is asked itself, over a connection that
// stands: gossip, which drivers read in system.peers, is a second or two behind.
import { setTimeout as delay } from 'node:timers/promises';
import { AGREEMENT } from '../limits.ts';
import { Consistency } from '../protocol/consistency.ts';
import { encodeQuery } from '../protocol/messages/query.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Connection } from './connection.ts';
import { rowsOf, uuidText } from './own-query.ts';

export interface Agreement {
  /** That all of them have; where they differ, or none answered, null. */
  readonly version: string | null;
  readonly agreed: boolean;
}

/**
 * Resolves once the nodes of `connections` agree, or after `timeoutMs` with what stood then. The
 * connections are asked for anew at each look: nodes may be lost and come back. Never rejects.
 */
export async function schemaAgreement(
  connections: () => readonly Connection[],
  timeoutMs: number,
): Promise<Agreement> {
  const deadlineAtMs = Date.now() + timeoutMs;
  let pauseMs: number = AGREEMENT.pauseMinMs;
  for (;;) {
    const versions = await Promise.all(connections().map(schemaVersionOf));
    // One that was lost while it was asked has no say.
    const known = new Set(versions.filter((version) => version !== null));
    if (known.size === 1) return { version: [...known][0]!, agreed: true };
    if (Date.now() + pauseMs > deadlineAtMs) return { version: null, agreed: false };
    await delay(pauseMs);
    pauseMs = Math.min(2 * pauseMs, AGREEMENT.pauseMaxMs);
  }
}

async function schemaVersionOf(connection: Connection): Promise<string | null> {
  const { version } = connection;
  const query = "SELECT schema_version FROM system.local WHERE key = 'local'";
  try {
    const answer = await connection.request(
      Opcode.QUERY,
      encodeQuery({ query, consistency: Consistency.ONE, version }),
      AGREEMENT.askTimeoutMs,
    );
    const cell = rowsOf(answer).rows[0]?.[0] ?? null;
    return cell === null ? null : uuidText(cell);
  } catch {
    return null;
  }
}
