// Which tokens were good here not long ago, by the ledger's word: a gate that was restarted knows the
// jobs that come back with a token whose role has a grace.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { linesOf } from '../lines.ts';
import { ledgerFiles } from './ledger-files.ts';

/** Hashes of the tokens of sessions that began, of those that ended no earlier than `sinceMs`. */
export async function pastLogins(dir: string, sinceMs: number): Promise<Set<string>> {
  const hashes = new Set<string>();
  for (const name of await ledgerFiles(dir)) {
    const file = path.join(dir, name);
    if ((await stat(file)).mtimeMs < sinceMs) continue;
    for await (const { line, ended } of linesOf(createReadStream(file))) {
      // Most lines are of something else: those are not parsed.
      if (!ended || !line.includes('"kind":"session_start"')) continue;
      const hash = tokenOf(line, sinceMs);
      if (hash !== null) hashes.add(hash);
    }
  }
  return hashes;
}

function tokenOf(line: string, sinceMs: number): string | null {
  try {
    const { kind, principal } = JSON.parse(line) as {
      kind?: unknown;
      principal?: { token_sha256?: unknown; expires?: unknown } | null;
    };
    const { token_sha256: hash, expires } = principal ?? {};
    const isRecent = typeof expires === 'string' && Date.parse(expires) >= sinceMs;
    return kind === 'session_start' && typeof hash === 'string' && isRecent ? hash : null;
  } catch {
    return null;
  }
}
