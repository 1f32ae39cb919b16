// The ledger of the demo as a table: who changed what, allowed by which grant, for which commit.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { auditVerify, reportText } from '../../src/commands/audit-verify.ts';

/** The fields of a record that the table shows (docs/AUDIT.md). */
interface TrailRecord {
  readonly kind: string;
  readonly id: string;
  readonly of?: string;
  readonly time: string;
  readonly role?: string | null;
  readonly count?: number;
  readonly vcs?: { readonly commit: string | null };
  readonly statement?: { readonly kind: string | null; readonly text: string | null };
  readonly decision?: {
    readonly result: string;
    readonly grant: string | null;
    readonly missing: readonly string[];
  };
  readonly outcome?: { readonly status: string; readonly error_code: string | null };
}

const HEAD = ['time', 'role', 'commit', 'statement', 'result', 'because of'];
const WIDTHS = [12, 15, 7, 58, 11, 60];

export async function auditTrail(dir: string): Promise<string> {
  // The records of the last session reach the disk together, within moments.
  await delay(300);
  const files = (await readdir(dir)).filter((name) => name.endsWith('.jsonl')).sort();
  const rows: string[][] = [];
  const results = new Map<string, string>();
  const records: TrailRecord[] = [];
  for (const file of files) {
    const text = await readFile(path.join(dir, file), 'utf8');
    for (const line of text.split('\n')) {
      if (line !== '') records.push(JSON.parse(line) as TrailRecord);
    }
  }
  for (const record of records) {
    const { of, outcome } = record;
    if (of === undefined || outcome === undefined) continue;
    results.set(of, outcome.error_code ?? outcome.status);
  }
  for (const record of records) {
    if (record.kind !== 'decision' && record.kind !== 'activity') continue;
    const { decision, statement } = record;
    if (decision === undefined) continue;
    const denied = decision.result === 'deny';
    // What a driver reads about the cluster as it connects is not the story here.
    if (/^SELECT .* FROM system/is.test(statement?.text ?? '')) continue;
    const result = denied ? 'DENIED' : (results.get(record.id) ?? `${record.count ?? 1} times`);
    rows.push([
      record.time.slice(11, 23),
      record.role ?? '',
      record.vcs?.commit?.slice(0, 7) ?? '',
      statement?.text ?? statement?.kind ?? '',
      result,
      denied ? `no ${decision.missing.join(', ')}` : (decision.grant ?? ''),
    ]);
  }
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.replaceAll(/\s+/g, ' ').slice(0, WIDTHS[i]).padEnd(WIDTHS[i]!))
      .join('  ')
      .trimEnd();
  const { report } = await auditVerify(dir);
  return [line(HEAD), line(WIDTHS.map((width) => '─'.repeat(width))), ...rows.map(line), '']
    .concat(reportText(report))
    .join('\n');
}
