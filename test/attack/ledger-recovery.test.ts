// A ledger after a crash: nothing before the torn bytes is lost, whatever the size of a record; the chain goes on;
// what is missing or not accounted for is never called intact.
import { createHash } from 'node:crypto';
import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { link } from '../../src/audit/chain.ts';
import { isFileName, ledgerFiles } from '../../src/audit/ledger-files.ts';
import { Ledger } from '../../src/audit/ledger.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { verifyLedger, verifyLedgers } from '../../src/audit/verify.ts';
import { CrashingFiles, randomOf } from '../support/crashing-files.ts';

let dir: string;

const entry = (reason: string): AuditEntry => ({ kind: 'config', session: null, reason });
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-recovery-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function write(count: number, rotateBytes = 1 << 20): Promise<void> {
  const ledger = await Ledger.open({ dir, rotateBytes });
  for (let i = 0; i < count; i++) await ledger.appendDurably(entry(`record ${i}`));
  await ledger.close();
}

async function lastFile(): Promise<string> {
  return path.join(dir, (await ledgerFiles(dir)).at(-1)!);
}

/** As an older gate wrote it: there was no bound. */
async function appendHugeRecord(bytes: number): Promise<void> {
  const file = await lastFile();
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const { seq, hash, time } = JSON.parse(lines.at(-1)!) as Record<string, never>;
  const reason = 'x'.repeat(bytes);
  // Without the bound that every record passes today.
  const open = JSON.stringify({
    v: 1,
    seq: Number(seq) + 1,
    prev: hash,
    time,
    id: 'huge',
    kind: 'config',
    session: null,
    reason,
  });
  await appendFile(file, `${open.slice(0, -1)},"hash":"${sha256(open)}"}\n`);
}

async function records(): Promise<{ seq: number; reason: string; detail?: unknown }[]> {
  const texts = await Promise.all(
    (await ledgerFiles(dir)).map(async (name) => readFile(path.join(dir, name), 'utf8')),
  );
  return texts
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as never);
}

describe('a ledger that is opened after a crash', () => {
  it.each([100, 70_000, 3_000_000])(
    'loses nothing of the file behind a torn record of %d bytes',
    async (bytes) => {
      await write(5);
      const before = await readFile(await lastFile());
      const torn = Buffer.from(`{"v":1,"seq":7,"x":"${'y'.repeat(bytes)}`);
      await appendFile(await lastFile(), torn);
      expect((await verifyLedger(dir)).result).toBe('incomplete');
      await write(1);
      const after = await readFile(await lastFile());
      expect(after.subarray(0, before.length).equals(before)).toBe(true);
      const name = path.basename(await lastFile());
      expect((await readFile(path.join(dir, `${name}.torn`))).equals(torn)).toBe(true);
      const detail = { bytes: torn.length, sha256: sha256(torn), kept_in: `${name}.torn` };
      expect((await records()).find(({ reason }) => reason.includes('torn'))?.detail).toEqual(
        detail,
      );
      const report = await verifyLedger(dir);
      expect(report).toMatchObject({ result: 'intact', firstSeq: 1, lastSeq: 8 });
      expect(report.torn).toEqual([
        { file: `${name}.torn`, bytes: torn.length, sha256: sha256(torn) },
      ]);
    },
  );

  it('goes on behind a whole record of 3 MB, and behind a torn line after it', async () => {
    await write(3);
    await appendHugeRecord(3_000_000);
    await appendFile(await lastFile(), '{"v":1');
    await write(1);
    // The file is larger than the bound of a file now, so a seal and a header come behind.
    expect(await verifyLedger(dir)).toMatchObject({ result: 'intact', firstSeq: 1, lastSeq: 9 });
  });

  it('sets lines aside that are none, ended or not, and zeros', async () => {
    for (const garbage of ['no record\n', '{"v":1}\n{"v":2}\n', '\0'.repeat(9_000), '\n\n\n']) {
      await write(2);
      await appendFile(await lastFile(), garbage);
      await write(1);
      expect(await verifyLedger(dir)).toMatchObject({ result: 'intact', firstSeq: 1 });
    }
    expect((await readdir(dir)).filter((name) => name.endsWith('.torn'))).toHaveLength(4);
  });

  it('keeps a record in place whose bytes were changed, so that it is found', async () => {
    await write(3);
    const file = await lastFile();
    await writeFile(file, (await readFile(file, 'utf8')).replace('record 2', 'record X'));
    await write(1);
    expect((await records()).some(({ reason }) => reason === 'record X')).toBe(true);
    expect((await verifyLedger(dir)).result).toBe('tampered');
  });

  it('goes on in a file that a crash left empty or with a torn header', async () => {
    for (const start of ['', '{"v":1,"seq":9']) {
      await write(40, 4_000);
      // Ends at a seal, as just before the next file is begun.
      const files = await ledgerFiles(dir);
      const last = files.at(-1)!;
      await writeFile(path.join(dir, last), start);
      await write(1, 4_000);
      expect((await ledgerFiles(dir)).includes(last)).toBe(true);
      expect(await verifyLedger(dir)).toMatchObject({ result: 'intact', firstSeq: 1 });
    }
  });

  it('begins in a first file whose header was torn, once', async () => {
    await writeFile(path.join(dir, 'ledger-20260101T000000Z-000001.jsonl'), '{"v":1,"se');
    await write(1);
    expect(await verifyLedger(dir)).toMatchObject({ result: 'intact', firstSeq: 1, files: 1 });
  });

  it('finishes a recovery that was itself cut off, at each of its steps', async () => {
    await write(3);
    const file = await lastFile();
    const whole = await readFile(file);
    const torn = '{"v":1,"seq":5,"torn';
    const part = `${file}.torn.part`;
    // The copy is half made; it is whole, and the file not cut; the file is cut; that is torn itself.
    const steps: [string, string | null][] = [
      [torn, torn.slice(0, 5)],
      [torn, torn],
      ['', torn],
      ['{"other', torn],
    ];
    for (const [rest, copied] of steps) {
      await writeFile(file, Buffer.concat([whole, Buffer.from(rest)]));
      if (copied !== null) await writeFile(part, copied);
      await (await Ledger.open({ dir })).close();
      const report = await verifyLedger(dir);
      expect(report).toMatchObject({ result: 'intact', findings: [] });
      expect(report.torn.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(
        rest.startsWith('{"other') ? torn.length + rest.length : torn.length,
      );
      for (const { file: name } of report.torn) await rm(path.join(dir, name));
    }
    // The last: recorded, and not renamed yet.
    await writeFile(file, Buffer.concat([whole, Buffer.from(torn)]));
    await (await Ledger.open({ dir })).close();
    await rename(`${file}.torn`, part);
    await (await Ledger.open({ dir })).close();
    expect(await verifyLedger(dir)).toMatchObject({ result: 'intact', torn: [{ bytes: 20 }] });
  });
});

describe('a ledger that can not safely be gone on with', () => {
  const open = async (): Promise<unknown> => Ledger.open({ dir });

  it('is not begun anew where only set-aside parts of one are left', async () => {
    await write(2);
    const file = await lastFile();
    await rename(file, `${file}.torn`);
    await expect(open()).rejects.toThrow(/can't be gone on with.*another audit.dir/);
    expect((await verifyLedger(dir)).result).not.toBe('intact');
  });

  it('is not begun anew where its only file is unreadable', async () => {
    await write(2);
    await writeFile(await lastFile(), Buffer.alloc(100_000, 0x61));
    await expect(open()).rejects.toThrow(/none of the 100000 bytes/);
  });

  it('is not gone on with where the first line of its only file is none', async () => {
    await write(3);
    const file = await lastFile();
    const text = await readFile(file, 'utf8');
    await writeFile(file, `x${text.slice(1)}`);
    await expect(open()).rejects.toThrow(/no header/);
  });

  it('is not gone on with in the file of another log, or with two files of one number', async () => {
    await write(40, 4_000);
    const foreign = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-foreign-'));
    const own = dir;
    dir = foreign;
    await write(40, 4_000);
    const last = (await ledgerFiles(foreign)).at(-1)!;
    dir = own;
    const target = (await ledgerFiles(own)).at(-1)!;
    const kept = await readFile(path.join(own, target));
    await copyFile(path.join(foreign, last), path.join(own, target));
    await expect(open()).rejects.toThrow(/another log/);
    await writeFile(path.join(own, target), kept);
    const twin = target.replace(/\d{8}T/, '29990101T');
    await copyFile(path.join(foreign, last), path.join(own, twin));
    await expect(open()).rejects.toThrow(/same number/);
    await rm(foreign, { recursive: true });
  });

  it('is not begun anew behind a directory in the place of a file', async () => {
    await mkdir(path.join(dir, 'ledger-20260101T000000Z-000001.jsonl'));
    await expect(open()).rejects.toThrow(/is no file/);
  });
});

describe('verify', () => {
  beforeEach(async () => write(60, 4_000));

  const found = async (): Promise<string> => {
    const { result, findings } = await verifyLedger(dir);
    return `${result}: ${findings.map(({ file, problem }) => `${file} ${problem}`).join('\n')}`;
  };

  it('reports a seal of a rotation without the file that follows it', async () => {
    await rm(await lastFile());
    expect(await found()).toMatch(/^incomplete.*the file that follows it is missing/);
  });

  it('reports a set-aside file that no record speaks of, that was changed, or that is gone', async () => {
    await writeFile(`${await lastFile()}.torn`, 'whatever');
    expect(await found()).toMatch(/^incomplete.*no record says/);
    await rm(`${await lastFile()}.torn`);
    await appendFile(await lastFile(), '{"v":1,"torn');
    await write(1, 4_000);
    const torn = path.join(
      dir,
      (await readdir(dir)).find((name) => name.endsWith('.torn'))!,
    );
    const kept = await readFile(torn);
    await truncate(torn, 3);
    expect(await found()).toMatch(/^tampered.*were set aside/);
    await rm(torn);
    expect(await found()).toMatch(/^incomplete.*it is gone/);
    await writeFile(torn, kept);
    expect(await found()).toBe('intact: ');
  });

  it('reports files that are foreign or were renamed', async () => {
    const [first, second] = await ledgerFiles(dir);
    await writeFile(path.join(dir, 'notes.txt'), 'x');
    expect(await found()).toMatch(/^incomplete: notes.txt this is no file of the ledger/);
    await rm(path.join(dir, 'notes.txt'));
    const renamed = second!.replace(/\d{8}T/, '29990101T');
    await rename(path.join(dir, second!), path.join(dir, renamed));
    expect(await found()).toMatch(/^tampered.*the file was renamed/);
    await rename(path.join(dir, renamed), path.join(dir, second!));
    await rename(path.join(dir, first!), path.join(dir, `${first}.bak`));
    expect(await found()).toMatch(/incomplete.*\.bak this is no file/s);
  });

  it('reports a file that was not sealed before the next one', async () => {
    const file = path.join(dir, (await ledgerFiles(dir))[1]!);
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, `${lines.slice(0, -2).join('\n')}\n`);
    expect(await found()).toMatch(/^tampered.*was not sealed/s);
  });

  it('reports a key that stands twice in a line, though its hash is right', async () => {
    const file = await lastFile();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    const { seq, hash, time } = JSON.parse(lines.at(-1)!) as Record<string, never>;
    const { line } = link(
      { seq: Number(seq) + 1, prev: String(hash), time: String(time), id: 'i' },
      entry('shown to some readers'),
    );
    const open = `${line.slice(0, line.indexOf(',"hash":"')).replace('"session"', '"reason":"shown to others","session"')}}`;
    await appendFile(file, `${open.slice(0, -1)},"hash":"${sha256(open)}"}\n`);
    expect(await found()).toMatch(/^tampered.*a key stands in it twice/);
  });

  it('reports every gap between the folders of workers, and what lies beside them', async () => {
    const gate = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-workers-'));
    for (const worker of [1, 2, 5]) {
      await mkdir(path.join(gate, `worker-${worker}`));
      dir = path.join(gate, `worker-${worker}`);
      await write(2);
    }
    await writeFile(path.join(gate, 'ledger-20260101T000000Z-000001.jsonl.torn'), 'x');
    const report = await verifyLedgers(gate);
    expect(report.result).toBe('incomplete');
    expect(report.findings.map(({ file }) => file)).toEqual([
      'worker-3',
      'worker-4',
      'ledger-20260101T000000Z-000001.jsonl.torn',
    ]);
    await rm(gate, { recursive: true });
  });
});

describe('a ledger under a power cut', () => {
  it('has every record that was acknowledged, and goes on, in hundreds of random runs', async () => {
    let crashes = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomOf(seed);
      const from = path.join(dir, `${seed}`);
      const to = path.join(dir, `${seed}-after`);
      const acknowledged: string[] = [];
      const files = new CrashingFiles(random, 4 + Math.floor(random() * 40));
      const { openFile, syncDirectory } = files;
      const ledger = await Ledger.open({
        dir: from,
        openFile,
        syncDirectory,
        rotateBytes: 3_000 + Math.floor(random() * 60_000),
      }).catch(() => null);
      if (ledger !== null) {
        for (let round = 0; round < 12 && !files.crashed; round++) {
          const size = 1 + Math.floor(random() ** 4 * 20_000);
          const group = Array.from({ length: 1 + Math.floor(random() * 6) }, async (_unused, i) =>
            ledger.appendDurably(entry(`${round}.${i} ${'z'.repeat(size)}`)).then(
              (id) => acknowledged.push(id),
              () => undefined,
            ),
          );
          await Promise.all(group);
        }
      }
      if (files.crashed) crashes++;
      await files.survive(from, to, (await readdir(from)).filter(isFileName));
      // The gate that the power was cut to.
      void ledger?.close().catch(() => undefined);
      const again = await Ledger.open({ dir: to });
      const id = await again.appendDurably(entry('after'));
      await again.close();
      const text = await Promise.all(
        (await ledgerFiles(to)).map(async (name) => readFile(path.join(to, name), 'utf8')),
      );
      for (const one of [...acknowledged, id]) {
        expect(
          text.some((one_) => one_.includes(one)),
          `seed ${seed}`,
        ).toBe(true);
      }
      const { result, findings } = await verifyLedger(to);
      // Later pages may have survived without earlier ones: that is said, never passed over.
      if (result !== 'intact') expect(findings.length, `seed ${seed}`).toBeGreaterThan(0);
      await rm(from, { recursive: true, force: true });
      await rm(to, { recursive: true, force: true });
    }
    expect(crashes).toBeGreaterThan(150);
  }, 60_000);
});
