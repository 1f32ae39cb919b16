// `cqlgate audit verify`: whether the chain of a ledger holds. The exit code says it to scripts.
import { verifyLedger, type VerifyReport } from '../audit/verify.ts';

export const VERIFY_EXIT = { intact: 0, tampered: 1, incomplete: 2 } as const;

export async function auditVerify(
  dir: string,
): Promise<{ readonly exitCode: number; readonly report: VerifyReport }> {
  const report = await verifyLedger(dir);
  return { exitCode: VERIFY_EXIT[report.result], report };
}

export function reportText(report: VerifyReport): string {
  const lines = report.findings.map(
    ({ file, line, seq, problem }) =>
      `${file}:${line}${seq === null ? '' : ` (record ${seq})`}: ${problem}`,
  );
  const range =
    report.firstSeq === null ? 'no records' : `records ${report.firstSeq} to ${report.lastSeq}`;
  lines.push(`${report.result}: ${report.files} files, ${range}, last hash ${report.lastHash}`);
  if (report.openTail)
    lines.push('the last file is not sealed: the gate runs, or ended without rotating');
  return lines.join('\n');
}
