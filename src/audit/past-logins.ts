// Which tokens were good here not long ago, by the ledger's word: a gate that was restarted knows the
// jobs that come back with a token whose role has a grace.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { wallAt, type WallMs } from '../clock.ts';
import { LEDGER } from '../limits/audit.ts';
import { linesOf } from '../lines.ts';
import { timeOfText } from '../wall-clock.ts';
import { ledgerFiles } from './ledger-files.ts';

/**
 * Hashes of the tokens of sessions that began, of those that ended no earlier than `sinceMs`, oldest
 * first. What stands before the last `maxBytes` of the ledger is not remembered.
 */
export async function pastLogins(
  dir: string,
  sinceMs: WallMs,
  maxBytes: number = LEDGER.pastLoginBytes,
): Promise<Set<string>> {
  const hashes = new Set<string>();
  for (const file of await recentFiles(dir, sinceMs, maxBytes)) {
    for await (const { line, ended } of linesOf(createReadStream(file), LEDGER.lineBytes)) {
      // Most lines are of something else: those are not parsed.
      if (!ended || !line.includes('"kind":"session_start"')) continue;
      const hash = tokenOf(line, sinceMs);
      if (hash !== null) hashes.add(hash);
    }
  }
  return hashes;
}

/** Oldest first. */
async function recentFiles(dir: string, sinceMs: WallMs, maxBytes: number): Promise<string[]> {
  const recent: string[] = [];
  let bytes = 0;
  for (const name of (await ledgerFiles(dir)).reverse()) {
    const file = path.join(dir, name);
    const { mtimeMs, size } = await stat(file);
    bytes += size;
    if (wallAt(mtimeMs) < sinceMs || bytes > maxBytes) break;
    recent.unshift(file);
  }
  return recent;
}

function tokenOf(line: string, sinceMs: WallMs): string | null {
  try {
    const { kind, principal } = JSON.parse(line) as {
      kind?: unknown;
      principal?: { token_sha256?: unknown; expires?: unknown } | null;
    };
    const { token_sha256: hash, expires } = principal ?? {};
    const expiresAtMs = timeOfText(expires);
    const isRecent = expiresAtMs !== null && expiresAtMs >= sinceMs;
    return kind === 'session_start' && typeof hash === 'string' && isRecent ? hash : null;
  } catch {
    return null;
  }
}
