// `cqlgate audit verify` says whether the chains of a ledger hold; its exit code says it to scripts.
import { verifyLedgers, type LedgerReport, type VerifyReport } from '../audit/verify.ts';
import { JSON_OPTION, print, printJson, type CommandDefinition } from './command.ts';

export const command: CommandDefinition<{ readonly json?: boolean }, string> = {
  summary: 'verify the chain; exit code 0 intact, 1 tampered, 2 incomplete',
  argument: { name: '<dir>', summary: 'the directory of the ledger' },
  options: [JSON_OPTION],
  run: async ({ json }, terminal, dir) => {
    const { exitCode, report } = await auditVerify(dir);
    if (json === true) printJson(terminal, report);
    else print(terminal, reportText(report));
    return exitCode;
  },
};

const VERIFY_EXIT = { intact: 0, tampered: 1, incomplete: 2 } as const;

/** Where the directory itself holds the one chain that there is, the report is that chain's. */
export async function auditVerify(
  dir: string,
): Promise<{ readonly exitCode: number; readonly report: VerifyReport | LedgerReport }> {
  const all = await verifyLedgers(dir);
  const [folder, ...others] = Object.keys(all.chains);
  const report = folder === '.' && others.length === 0 ? all.chains[folder]! : all;
  return { exitCode: VERIFY_EXIT[report.result], report };
}

export function reportText(report: VerifyReport | LedgerReport): string {
  const lines = report.findings.map(
    ({ file, line, seq, problem }) =>
      `${file}:${line}${seq === null ? '' : ` (record ${seq})`}: ${problem}`,
  );
  if ('chains' in report) {
    for (const [folder, chain] of Object.entries(report.chains)) {
      lines.push(`${folder}: ${chainText(chain)}`);
    }
    lines.push(`${report.result}: ${Object.keys(report.chains).length} chains`);
  } else lines.push(chainText(report));
  for (const { file, bytes, sha256 } of report.torn) {
    lines.push(`${file}: ${bytes} bytes that a crash left unfinished, recorded (sha256 ${sha256})`);
  }
  if (report.isCutOff)
    lines.push('the last line is cut off; the gate sets it aside when it starts');
  if (report.openTail)
    lines.push('the last file is not sealed: the gate runs, or ended without rotating');
  return lines.join('\n');
}

function chainText(chain: VerifyReport): string {
  const { result, files, firstSeq, lastSeq, lastHash } = chain;
  const range = firstSeq === null ? 'no records' : `records ${firstSeq} to ${lastSeq}`;
  return `${result}: ${files} files, ${range}, last hash ${lastHash}`;
}
