// Verifies a ledger: reads every line as it stands, and says where the chain does not hold and what in its
// directory the chain does not account for. Without a signature outside the directory, who can rewrite all of
// it can make a chain that holds; what is detected and what not is listed in docs/AUDIT.md.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { LEDGER } from '../limits/audit.ts';
import { linesOf } from '../lines.ts';
import { GENESIS, parseLine, type ParsedLine } from './chain.ts';
import { LOCK_FOLDER } from './directory-lock.ts';
import {
  isFileName,
  isPart,
  isTorn,
  ledgerFiles,
  ledgerFolder,
  ledgerFolders,
  namesIn,
  workerOf,
} from './ledger-files.ts';
import { logOf } from './tail.ts';

export type Severity = 'tampered' | 'incomplete';

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly seq: number | null;
  readonly problem: string;
  /** `incomplete`: nothing contradicts, but something is missing or is not accounted for. */
  readonly severity: Severity;
}

/** Bytes that a crash left behind the last whole record, kept beside and recorded in the chain. */
export interface TornFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface VerifyReport {
  /** `incomplete`: nothing contradicts, but something is missing or is not accounted for. */
  readonly result: 'intact' | Severity;
  readonly files: number;
  readonly records: number;
  /** Id of the log, as the last file names it. */
  readonly log: string | null;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  readonly lastHash: string | null;
  /** The last file is not sealed: a running or a crashed gate. */
  readonly openTail: boolean;
  /** The last line is cut off; the gate sets it aside when it starts. */
  readonly isCutOff: boolean;
  readonly findings: readonly Finding[];
  /** Those that the chain accounts for. */
  readonly torn: readonly TornFile[];
}

/** Of the ledger of a gate: a chain for each of its workers, and its own where it has or had one process. */
export interface LedgerReport extends Omit<
  VerifyReport,
  'log' | 'firstSeq' | 'lastSeq' | 'lastHash'
> {
  /** By folder within the ledger's; `.` is the ledger's own. */
  readonly chains: Readonly<Record<string, VerifyReport>>;
}

/** From best to worst. */
const RESULTS = ['intact', 'incomplete', 'tampered'] as const;

/** More are not listed: one cut shifts everything behind it. */
const MAX_FINDINGS = 100;

/** Not the gate's, and no evidence either: file systems make it at the root of a volume. */
const IGNORED: ReadonlySet<string> = new Set([LOCK_FOLDER, 'lost+found']);

class Findings {
  readonly all: Finding[] = [];
  worst: VerifyReport['result'] = 'intact';

  add(finding: Finding): void {
    this.worst = worse(this.worst, finding.severity);
    if (this.all.length < MAX_FINDINGS) this.all.push(finding);
  }

  /** What is said of a file or a folder as a whole. */
  addOf(file: string, problem: string, severity: Severity): void {
    this.add({ file, line: 0, seq: null, problem, severity });
  }
}

function worse<Result extends VerifyReport['result']>(a: Result, b: Result): Result {
  return RESULTS.indexOf(a) > RESULTS.indexOf(b) ? a : b;
}

interface Position {
  readonly file: string;
  readonly log: string | null;
  readonly seq: number;
  readonly hash: string;
  readonly time: string;
  readonly kind: string;
}

/** What records say of the bytes in a `.torn` file; older gates left out the hash. */
interface Cut {
  bytes: number;
  sha256: string | null;
}

/** All chains of a gate. Numbers of workers have no gaps: one between others that is gone was removed. */
export async function verifyLedgers(dir: string): Promise<LedgerReport> {
  const folders = await ledgerFolders(dir);
  const chains: Record<string, VerifyReport> = {};
  for (const folder of folders) {
    chains[path.relative(dir, folder) || '.'] = await verifyLedger(folder);
  }
  const reports = Object.entries(chains);
  const findings = new Findings();
  for (const [folder, report] of reports) {
    for (const one of report.findings) findings.add({ ...one, file: path.join(folder, one.file) });
    findings.worst = worse(findings.worst, report.result);
  }
  const folderOf = new Map<string, string>();
  for (const [folder, { log }] of reports) {
    const other = log === null ? undefined : folderOf.get(log);
    if (other === undefined) folderOf.set(log ?? '', folder);
    else findings.addOf(folder, `its chain is a copy of that in ${other}`, 'tampered');
  }
  for (const folder of missingFolders(Object.keys(chains))) {
    findings.addOf(folder, 'the chain of this worker is gone', 'incomplete');
  }
  // Where it has no chain of its own, its names were not looked at yet.
  if (!folders.includes(dir)) await checkNames(dir, new Map(), [], findings);
  return {
    result: findings.worst,
    files: sumOf(reports, 'files'),
    records: sumOf(reports, 'records'),
    openTail: reports.some(([, { openTail }]) => openTail),
    isCutOff: reports.some(([, { isCutOff }]) => isCutOff),
    findings: findings.all,
    torn: reports.flatMap(([folder, { torn }]) =>
      torn.map((one) => ({ ...one, file: path.join(folder, one.file) })),
    ),
    chains,
  };
}

function sumOf(reports: readonly [string, VerifyReport][], what: 'files' | 'records'): number {
  return reports.reduce((sum, [, report]) => sum + report[what], 0);
}

function missingFolders(folders: readonly string[]): string[] {
  const highest = Math.max(0, ...folders.map((folder) => workerOf(folder) ?? 0));
  const expected = Array.from({ length: highest }, (_, i) => ledgerFolder(i + 1));
  return expected.filter((folder) => !folders.includes(folder));
}

/** One chain, and the directory that it is in. */
export async function verifyLedger(dir: string): Promise<VerifyReport> {
  const findings = new Findings();
  const cuts = new Map<string, Cut>();
  let at = null as Position | null;
  let records = 0;
  let firstSeq: number | null = null;
  let isCutOff = false;
  const done = new Set<string>();
  // A running gate may begin another file meanwhile.
  for (let files = await unread(dir, done); files.length > 0; files = await unread(dir, done)) {
    for (const file of files) {
      done.add(file);
      if (!(await isPlainFile(dir, file))) {
        findings.addOf(file, NO_FILE, 'incomplete');
        continue;
      }
      let line = 0;
      const stream = createReadStream(path.join(dir, file));
      for await (const { line: text, ended } of linesOf(stream, LEDGER.lineBytes)) {
        line++;
        const parsed = ended ? parseLine(text) : null;
        if (parsed === null) {
          // Only the very last line may be cut off: by a crash, before anyone was answered that it exists.
          if (!ended && file === files.at(-1)) isCutOff = true;
          else findings.add(noRecord(file, line));
          continue;
        }
        records++;
        firstSeq ??= parsed.seq;
        for (const problem of problemsOf(parsed, at, line === 1 ? file : null)) {
          findings.add({ file, line, seq: parsed.seq, problem, severity: 'tampered' });
        }
        noteCut(parsed, cuts);
        at = {
          file,
          log: line === 1 ? logOf(parsed.record) : (at?.log ?? null),
          seq: parsed.seq,
          hash: parsed.hash,
          time: parsed.time,
          kind: parsed.kind,
        };
      }
      if (line === 0) findings.addOf(file, 'the file is empty', 'incomplete');
    }
  }
  if (firstSeq !== null && firstSeq !== 1) {
    findings.addOf('', `the records before ${firstSeq} are not here`, 'incomplete');
  }
  if (records === 0) findings.addOf('', 'there are no records', 'incomplete');
  if (isCutOff) findings.worst = worse(findings.worst, 'incomplete');
  if (at?.kind === 'seal') {
    const problem = 'it ends with a seal, and the file that follows it is missing';
    findings.addOf(at.file, problem, 'incomplete');
  }
  const torn: TornFile[] = [];
  await checkNames(dir, cuts, torn, findings);
  return {
    result: findings.worst,
    files: done.size,
    records,
    log: at?.log ?? null,
    firstSeq,
    lastSeq: at?.seq ?? null,
    lastHash: at?.hash ?? null,
    openTail: at !== null && at.kind !== 'seal',
    isCutOff,
    findings: findings.all,
    torn,
  };
}

async function unread(dir: string, done: ReadonlySet<string>): Promise<string[]> {
  return (await ledgerFiles(dir)).filter((file) => !done.has(file));
}

function noRecord(file: string, line: number): Finding {
  return { file, line, seq: null, problem: 'this line is no record', severity: 'tampered' };
}

function problemsOf(line: ParsedLine, before: Position | null, opens: string | null): string[] {
  const problems: string[] = [];
  if (line.computed !== line.hash) {
    problems.push(`the line was changed: its hash is ${line.computed}, it says ${line.hash}`);
  }
  const log = opens === null ? null : logOf(line.record);
  if (log !== null && before !== null && before.log !== null && log !== before.log) {
    return [...problems, `the file is of another log, ${log}`];
  }
  if (before !== null) problems.push(...orderProblems(line, before));
  else if (line.seq === 1 && line.prev !== GENESIS) {
    problems.push('the first record names a record before it');
  }
  if (!line.isAsWritten) {
    problems.push(
      'the line is not as the gate writes it: a key stands in it twice, it was reformatted, or it is no UTF-8',
    );
  }
  if (opens !== null) problems.push(...headerProblems(line, before, opens));
  else if (line.kind === 'checkpoint') problems.push('a header within a file: files were joined');
  else if (before?.kind === 'seal') problems.push('a record stands behind a seal');
  return problems;
}

function orderProblems(line: ParsedLine, before: Position): string[] {
  const problems: string[] = [];
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
  return problems;
}

function headerProblems(line: ParsedLine, before: Position | null, name: string): string[] {
  if (line.kind !== 'checkpoint') {
    return ['the file does not begin with its header: lines are missing'];
  }
  const problems: string[] = [];
  const { file, previous_file: previous } = detailOf(line);
  if (file !== name) problems.push(`the file was renamed: its header says ${text(file)}`);
  if (before === null) return problems;
  if (before.kind !== 'seal') problems.push(`the file before, ${before.file}, was not sealed`);
  if (previous !== before.file) {
    problems.push(`it follows ${text(previous)} by its header, and not ${before.file}`);
  }
  return problems;
}

function detailOf({ record }: ParsedLine): Readonly<Record<string, unknown>> {
  const { detail } = record;
  return typeof detail === 'object' && detail !== null ? { ...detail } : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : 'none';
}

function noteCut(line: ParsedLine, cuts: Map<string, Cut>): void {
  if (line.kind !== 'config') return;
  const { kept_in: keptIn, bytes, sha256 } = detailOf(line);
  if (typeof keptIn !== 'string' || typeof bytes !== 'number') return;
  const known = cuts.get(keptIn);
  // Older gates added to the file of before, and recorded no hash.
  if (known !== undefined) cuts.set(keptIn, { bytes: known.bytes + bytes, sha256: null });
  else cuts.set(keptIn, { bytes, sha256: typeof sha256 === 'string' ? sha256 : null });
}

/** What lies in the directory besides the files of the chain, and what should and does not. */
async function checkNames(
  dir: string,
  cuts: ReadonlyMap<string, Cut>,
  torn: TornFile[],
  findings: Findings,
): Promise<void> {
  const names = await namesIn(dir);
  for (const [file] of cuts) {
    if (!names.includes(file) && !names.includes(`${file}.part`)) {
      findings.addOf(
        file,
        'the bytes that a crash tore off were kept in it, and it is gone',
        'incomplete',
      );
    }
  }
  for (const name of names) {
    if (isFileName(name) || IGNORED.has(name)) continue;
    if (workerOf(name) !== null) {
      const isFolder = (await lstat(path.join(dir, name))).isDirectory();
      if (!isFolder)
        findings.addOf(name, 'this is no folder, so not the chain of a worker', 'incomplete');
    } else if (isPart(name)) {
      findings.addOf(
        name,
        'bytes that the gate was setting aside; start it once more',
        'incomplete',
      );
    } else if (isTorn(name) && !(await isPlainFile(dir, name))) {
      findings.addOf(name, NO_FILE, 'incomplete');
    } else if (isTorn(name)) await checkTorn(dir, name, cuts.get(name), torn, findings);
    else findings.addOf(name, 'this is no file of the ledger, or it was renamed', 'incomplete');
  }
}

const NO_FILE = 'this is no file but a link, a folder or the like, and was not read';

/** What is behind a link may be changed from elsewhere, and a pipe would be waited for. */
async function isPlainFile(dir: string, name: string): Promise<boolean> {
  return (await lstat(path.join(dir, name))).isFile();
}

async function checkTorn(
  dir: string,
  name: string,
  cut: Cut | undefined,
  torn: TornFile[],
  findings: Findings,
): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path.join(dir, name))) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  const sha256 = hash.digest('hex');
  if (cut === undefined) {
    findings.addOf(name, `no record says where these ${bytes} bytes come from`, 'incomplete');
  } else if (cut.bytes !== bytes || (cut.sha256 !== null && cut.sha256 !== sha256)) {
    findings.addOf(
      name,
      `it holds ${bytes} bytes of hash ${sha256}; ${cut.bytes} of hash ${cut.sha256 ?? 'unknown'} were set aside`,
      'tampered',
    );
  } else torn.push({ file: name, bytes, sha256 });
}
