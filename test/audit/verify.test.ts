// What verifying finds: each way of tampering with a ledger, and what is no tampering.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../src/audit/ledger.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import { auditVerify, reportText } from '../../src/commands/audit-verify.ts';

let dir: string;

async function fill(target: string, count: number, rotateBytes: number): Promise<void> {
  const ledger = await Ledger.open({ dir: target, rotateBytes });
  for (let i = 0; i < count; i++) {
    await ledger.appendDurably({ kind: 'config', session: null, reason: `record ${i}` });
  }
  await ledger.close();
}

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-verify-'));
  await fill(dir, 30, 3_000);
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const files = async () => (await readdir(dir)).sort();

/** Rewrites the lines of a file. */
async function edit(index: number, change: (lines: string[]) => string[]): Promise<void> {
  const file = path.join(dir, (await files())[index]!);
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  await writeFile(
    file,
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

describe('audit verify', () => {
  it('finds an untouched ledger intact', async () => {
    const { exitCode, report } = await auditVerify(dir);
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ result: 'intact', firstSeq: 1, findings: [], openTail: true });
    expect(report.files).toBeGreaterThan(2);
    expect(reportText(report)).toContain('intact');
  });

  it.each([
    ['an edited byte', (lines: string[]) => lines.with(3, lines[3]!.replace('record', 'recorD'))],
    ['a deleted line', (lines: string[]) => lines.toSpliced(3, 1)],
    ['a repeated line', (lines: string[]) => lines.toSpliced(3, 0, lines[3]!)],
    ['swapped lines', (lines: string[]) => lines.with(3, lines[4]!).with(4, lines[3]!)],
    ['an inserted line', (lines: string[]) => lines.toSpliced(3, 0, '{"v":1}')],
    ['a missing header', (lines: string[]) => lines.slice(1)],
    ['a cut end of a sealed file', (lines: string[]) => lines.slice(0, -2)],
  ])('finds %s', async (_name, change) => {
    await edit(1, change);
    const { exitCode, report } = await auditVerify(dir);
    expect(exitCode).toBe(1);
    expect(report.findings[0]).toMatchObject({ problem: expect.any(String) as string });
  });

  it('finds a missing file in the middle', async () => {
    await rm(path.join(dir, (await files())[1]!));
    expect((await verifyLedger(dir)).findings[0]?.problem).toMatch(/are missing/);
  });

  it('tells a missing beginning from tampering', async () => {
    await rm(path.join(dir, (await files())[0]!));
    expect(await auditVerify(dir)).toMatchObject({ exitCode: 2, report: { result: 'incomplete' } });
  });

  it('finds a file of another log', async () => {
    const other = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-other-'));
    await fill(other, 30, 3_000);
    const foreign = (await readdir(other)).sort()[1]!;
    const own = (await files())[1]!;
    await writeFile(path.join(dir, own), await readFile(path.join(other, foreign)));
    await rm(other, { recursive: true, force: true });
    expect((await verifyLedger(dir)).findings[0]?.problem).toContain('another log');
  });

  it('finds a log that was begun anew in place of the old one', async () => {
    const last = (await files()).at(-1)!;
    const other = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-other-'));
    await fill(other, 2, 3_000);
    const forged = (await readdir(other))[0]!;
    await writeFile(path.join(dir, last), await readFile(path.join(other, forged)));
    await rm(other, { recursive: true, force: true });
    expect(await verifyLedger(dir)).toMatchObject({ result: 'tampered' });
  });

  it('calls an empty directory incomplete', async () => {
    for (const file of await files()) await rm(path.join(dir, file));
    expect((await auditVerify(dir)).exitCode).toBe(2);
  });

  it('verifies the chain of each worker, beside that of the time before there were workers', async () => {
    await fill(path.join(dir, 'worker-1'), 5, 3_000);
    await fill(path.join(dir, 'worker-2'), 40, 3_000);
    const { exitCode, report } = await auditVerify(dir);
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({
      result: 'intact',
      chains: {
        '.': { result: 'intact' },
        'worker-1': { result: 'intact', firstSeq: 1 },
        'worker-2': { result: 'intact', firstSeq: 1 },
      },
    });
    expect(reportText(report)).toMatch(/^worker-2: intact: \d+ files, records 1 to /m);
    expect(reportText(report)).toMatch(/^intact: 3 chains$/m);

    const [first] = (await readdir(path.join(dir, 'worker-2'))).sort();
    const file = path.join(dir, 'worker-2', first!);
    await writeFile(file, (await readFile(file, 'utf8')).replace('record 2', 'record 3'));
    const changed = await auditVerify(dir);
    expect(changed.exitCode).toBe(1);
    expect(reportText(changed.report)).toMatch(/^worker-2\/ledger-.*: the line was changed/m);
  });

  it('misses the chain of a worker that is gone', async () => {
    for (const n of [1, 2, 10]) await fill(path.join(dir, `worker-${n}`), 1, 3_000);
    const { exitCode, report } = await auditVerify(dir);
    expect(exitCode).toBe(2);
    expect(reportText(report)).toContain('worker-3:0: the chain of this worker is gone');
  });
});
