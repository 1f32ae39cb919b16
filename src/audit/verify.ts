// Verifies a ledger: reads every line as it stands, and says where the chain does not hold. Without
// a signature outside the directory, who can rewrite all of it can make a chain that holds; what is
// detected and what not is listed in docs/AUDIT.md.
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { GENESIS, parseLine, type ParsedLine } from './chain.ts';
import { linesOf } from '../lines.ts';
import { ledgerFiles, ledgerFolder, ledgerFolders, logOf } from './ledger-files.ts';

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly seq: number | null;
  readonly problem: string;
}

export interface VerifyReport {
  /** `incomplete`: nothing contradicts, but the end or the beginning is missing. */
  readonly result: 'intact' | 'tampered' | 'incomplete';
  readonly files: number;
  readonly records: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  readonly lastHash: string | null;
  /** The last file is not sealed: a running or a crashed gate. */
  readonly openTail: boolean;
  readonly findings: readonly Finding[];
}

/** Of the ledger of a gate: a chain for each of its workers, and its own where it has or had one process. */
export interface LedgerReport extends Omit<VerifyReport, 'firstSeq' | 'lastSeq' | 'lastHash'> {
  /** By folder within the ledger's; `.` is the ledger's own. */
  readonly chains: Readonly<Record<string, VerifyReport>>;
}

/** From best to worst. */
const RESULTS = ['intact', 'incomplete', 'tampered'] as const;

/** Findings after which a file is not read on: one cut shifts everything behind it. */
const MAX_FINDINGS = 100;

interface Position {
  log: string | null;
  seq: number;
  hash: string;
  time: string;
  kind: string;
}

/** All chains of a gate. Numbers of workers have no gaps: one between others that is gone was removed. */
export async function verifyLedgers(dir: string): Promise<LedgerReport> {
  const folders = await ledgerFolders(dir);
  const chains: Record<string, VerifyReport> = {};
  for (const folder of folders) {
    chains[path.relative(dir, folder) || '.'] = await verifyLedger(folder);
  }
  const missing = missingFolders(Object.keys(chains));
  const reports = Object.entries(chains);
  const worst = Math.max(...reports.map(([, { result }]) => RESULTS.indexOf(result)));
  return {
    result: RESULTS[Math.max(worst, missing.length > 0 ? 1 : 0)]!,
    files: sumOf(reports, 'files'),
    records: sumOf(reports, 'records'),
    openTail: reports.some(([, { openTail }]) => openTail),
    findings: [
      ...reports.flatMap(([folder, { findings }]) =>
        findings.map((one) => ({ ...one, file: path.join(folder, one.file) })),
      ),
      ...missing.map((file) => ({
        file,
        line: 0,
        seq: null,
        problem: 'the chain of this worker is gone',
      })),
    ],
    chains,
  };
}

function sumOf(reports: readonly [string, VerifyReport][], what: 'files' | 'records'): number {
  return reports.reduce((sum, [, report]) => sum + report[what], 0);
}

function missingFolders(folders: readonly string[]): string[] {
  const count = folders.filter((folder) => folder !== '.').length;
  const expected = Array.from({ length: count }, (_, i) => ledgerFolder(i + 1));
  return expected.filter((folder) => !folders.includes(folder));
}

/** One chain. */
export async function verifyLedger(dir: string): Promise<VerifyReport> {
  const files = await ledgerFiles(dir);
  const findings: Finding[] = [];
  let at = null as Position | null;
  let records = 0;
  let firstSeq: number | null = null;
  let torn = false;
  for (const file of files) {
    let line = 0;
    for await (const text of linesOf(createReadStream(path.join(dir, file)))) {
      line++;
      const parsed = parseLine(text.line);
      if (parsed === null) {
        // Only the very last line may be cut off: by a crash, before anyone was told it is there.
        if (!text.ended && file === files.at(-1)) torn = true;
        else findings.push({ file, line, seq: null, problem: 'this line is no record' });
        continue;
      }
      records++;
      firstSeq ??= parsed.seq;
      for (const problem of problemsOf(parsed, at, line === 1)) {
        if (findings.length < MAX_FINDINGS) {
          findings.push({ file, line, seq: parsed.seq, problem });
        }
      }
      at = {
        log: line === 1 ? logOf(parsed.record) : (at?.log ?? null),
        seq: parsed.seq,
        hash: parsed.hash,
        time: parsed.time,
        kind: parsed.kind,
      };
    }
  }
  const headMissing = firstSeq !== null && firstSeq !== 1;
  const incomplete = torn || headMissing || records === 0;
  return {
    result: findings.length > 0 ? 'tampered' : incomplete ? 'incomplete' : 'intact',
    files: files.length,
    records,
    firstSeq,
    lastSeq: at?.seq ?? null,
    lastHash: at?.hash ?? null,
    openTail: at !== null && at.kind !== 'seal',
    findings,
  };
}

function problemsOf(line: ParsedLine, before: Position | null, opensFile: boolean): string[] {
  const problems: string[] = [];
  if (line.computed !== line.hash) {
    problems.push(`the line was changed: its hash is ${line.computed}, it says ${line.hash}`);
  }
  if (opensFile && line.kind !== 'checkpoint') {
    problems.push('the file does not begin with its header: lines are missing');
  }
  if (before === null) {
    if (line.seq === 1 && line.prev !== GENESIS)
      problems.push('the first record names a record before it');
    return problems;
  }
  if (opensFile && before.log !== null && logOf(line.record) !== before.log) {
    problems.push(`the file is of another log, ${logOf(line.record)}`);
    return problems;
  }
  if (line.seq !== before.seq + 1) {
    problems.push(
      line.seq > before.seq
        ? `records ${before.seq + 1} to ${line.seq - 1} are missing`
        : `record ${line.seq} stands after record ${before.seq}: repeated or moved`,
    );
  } else if (line.prev !== before.hash) {
    problems.push(
      `it does not follow the record before: prev is ${line.prev}, that one's hash ${before.hash}`,
    );
  }
  if (line.time < before.time) problems.push(`its time is before that of the record before it`);
  if (opensFile && before.kind !== 'seal') {
    // A crash leaves a file without seal only when nothing follows it in another file.
    if (line.prev !== before.hash) problems.push('the file before was not sealed');
  }
  return problems;
}
