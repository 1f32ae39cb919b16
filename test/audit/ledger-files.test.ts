// The files of a ledger and the folders of workers, by their names.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wallAt } from '../../src/clock.ts';
import {
  fileIndex,
  fileName,
  isFileName,
  isLedgerName,
  isPart,
  isTorn,
  ledgerFiles,
  ledgerFolder,
  ledgerFolders,
  workerOf,
} from '../../src/audit/ledger-files.ts';

const NAME = fileName(wallAt(Date.parse('2026-01-02T03:04:05.678Z')), 42);

describe('a name', () => {
  it('has the time and the number of its file', () => {
    expect(NAME).toBe('ledger-20260102T030405Z-000042.jsonl');
    expect([isFileName(NAME), fileIndex(NAME)]).toEqual([true, 42]);
  });

  it.each([
    [NAME, true, false, false],
    [`${NAME}.torn`, false, true, false],
    [`${NAME}.2.torn`, false, true, false],
    [`${NAME}.torn.part`, false, false, true],
    [`${NAME}.part`, false, false, false],
    [`${NAME}.gz`, false, false, false],
    [`x${NAME}`, false, false, false],
    ['ledger-1.jsonl', false, false, false],
  ])('%s: file %s, torn %s, part %s', (name, isFile, torn, part) => {
    expect([isFileName(name), isTorn(name), isPart(name)]).toEqual([isFile, torn, part]);
    expect(isLedgerName(name)).toBe(name.startsWith('ledger-'));
  });

  it('of a worker has its number, from 1 on and without zeros before it', () => {
    expect(workerOf(ledgerFolder(64))).toBe(64);
    for (const name of [
      'worker-0',
      'worker-01',
      'worker-1000',
      'worker-',
      'worker-1x',
      'Worker-1',
    ]) {
      expect([name, workerOf(name)]).toEqual([name, null]);
    }
  });
});

describe('a directory', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-'));
  });
  afterEach(async () => rm(dir, { recursive: true }));
  const put = async (...names: readonly string[]) => {
    for (const name of names) await writeFile(path.join(dir, name), '');
  };

  it('has its files in the order of their numbers, though a clock went back', async () => {
    const names = ['ledger-20260102T000000Z-000009.jsonl', 'ledger-20250101T000000Z-000010.jsonl'];
    await put(...names, 'other', `${names[0]!}.torn`);
    expect(await ledgerFiles(dir)).toEqual(names);
  });

  it('has a chain of its own, or those of its workers, or both', async () => {
    expect(await ledgerFolders(dir)).toEqual([dir]);
    for (const name of ['worker-10', 'worker-2', 'worker-x']) await mkdir(path.join(dir, name));
    await put('worker-3');
    const workers = ['worker-2', 'worker-10'].map((name) => path.join(dir, name));
    expect(await ledgerFolders(dir)).toEqual(workers);
    await put(NAME);
    expect(await ledgerFolders(dir)).toEqual([dir, ...workers]);
  });
});
