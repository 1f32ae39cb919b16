// Where a ledger goes on, and where it can not be told. (A crash at any point of it: attack/ledger-recovery.)
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GENESIS, link } from '../../src/audit/chain.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { recover, settle } from '../../src/audit/recovery.ts';
import { LEDGER } from '../../src/limits/audit.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-'));
});
afterEach(async () => rm(dir, { recursive: true }));

const FIRST = 'ledger-20260101T000000Z-000001.jsonl';
const SECOND = 'ledger-20260102T000000Z-000002.jsonl';
const record = (seq: number, entry: Partial<AuditEntry> = {}): string => {
  const fields = { seq, prev: GENESIS, time: '2026-01-02T03:04:05.678Z', id: 'id' };
  return `${link(fields, { kind: 'config', session: null, ...entry }).line}\n`;
};
const header = (seq: number, log = 'abc'): string =>
  record(seq, { kind: 'checkpoint', detail: { log } });
const seal = (seq: number): string => record(seq, { kind: 'seal' });
const put = async (name: string, content: string) => writeFile(path.join(dir, name), content);

describe('a ledger', () => {
  it('that was never begun begins anew', async () => {
    expect(await recover(dir)).toMatchObject({ log: null, seq: 0, file: null, cuts: [] });
  });

  it('goes on behind its last record, in its last file', async () => {
    await put(FIRST, header(1) + seal(2));
    const whole = header(3) + record(4);
    await put(SECOND, whole);
    expect(await recover(dir)).toMatchObject({
      log: 'abc',
      seq: 4,
      file: SECOND,
      fileIndex: 2,
      fileBytes: whole.length,
      previous: SECOND,
      isAfterSeal: false,
      cuts: [],
    });
  });

  it('goes on in a new file behind a seal', async () => {
    await put(FIRST, header(1) + seal(2));
    expect(await recover(dir)).toMatchObject({
      seq: 2,
      file: null,
      previous: FIRST,
      isAfterSeal: true,
    });
  });

  it('goes on in a file that has no header yet, behind the file before', async () => {
    await put(FIRST, header(1) + seal(2));
    await put(SECOND, '');
    expect(await recover(dir)).toMatchObject({
      log: 'abc',
      seq: 2,
      file: SECOND,
      fileBytes: 0,
      previous: FIRST,
    });
  });

  it('has what stands behind its last record set aside, counted, and kept when that is recorded', async () => {
    const whole = header(1);
    await put(FIRST, `${whole}{"torn`);
    const { cuts } = await recover(dir);
    expect(cuts).toMatchObject([{ bytes: 6, keptIn: `${FIRST}.torn` }]);
    expect(await readFile(path.join(dir, FIRST), 'utf8')).toBe(whole);
    expect((await readdir(dir)).sort()).toEqual([FIRST, `${FIRST}.torn.part`]);
    await settle(dir, cuts);
    expect(await readFile(path.join(dir, `${FIRST}.torn`), 'utf8')).toBe('{"torn');
    // The next one gets a name of its own.
    await put(FIRST, `${whole}again`);
    expect((await recover(dir)).cuts).toMatchObject([{ bytes: 5, keptIn: `${FIRST}.2.torn` }]);
  });

  it('of which the first header was not written whole is begun, and more than a header is none', async () => {
    await put(FIRST, 'x'.repeat(LEDGER.headerBytes));
    expect(await recover(dir)).toMatchObject({
      log: null,
      file: FIRST,
      cuts: [{ bytes: LEDGER.headerBytes }],
    });
    await rm(path.join(dir, `${FIRST}.torn.part`));
    await put(FIRST, 'x'.repeat(LEDGER.headerBytes + 1));
    await expect(recover(dir)).rejects.toThrow(`none of the ${LEDGER.headerBytes + 1} bytes`);
  });
});

describe('it can not be told how to go on', () => {
  const refused = async (why: string) => {
    const before = await readdir(dir);
    await expect(recover(dir)).rejects.toThrow(why);
    await expect(recover(dir)).rejects.toThrow('cqlgate audit verify');
    expect(await readdir(dir)).toEqual(before);
  };

  it.each([
    ['where only parts are left', { [`${FIRST}.torn`]: 'x' }, 'no file of it'],
    [
      'where two files have one number',
      { [FIRST]: header(1), 'ledger-20260103T000000Z-000001.jsonl': header(1) },
      'have the same number',
    ],
    ['where a file has no header', { [FIRST]: record(1) }, 'is no header'],
    [
      'where a file is of another log',
      { [FIRST]: header(1), [SECOND]: header(2, 'other') },
      'another log',
    ],
    [
      'where two files hold nothing',
      { [FIRST]: 'noise', [SECOND]: '' },
      'can be read as part of a log',
    ],
  ])('%s', async (_what, files, why) => {
    for (const [name, content] of Object.entries(files)) await put(name, content);
    await refused(why);
  });

  it('where a file is behind a link', async () => {
    await put('elsewhere', header(1));
    await symlink('elsewhere', path.join(dir, FIRST));
    await refused('is no file');
  });
});
