// `verify` and the recovery before what somebody put into a ledger's directory, and characters that mislead.
import { execFileSync } from 'node:child_process';
import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { escaped } from '../../src/audit/bound.ts';
import { Ledger } from '../../src/audit/ledger.ts';
import { verifyLedgers } from '../../src/audit/verify.ts';

let root: string;
let dir: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'ledger-'));
  dir = path.join(root, 'audit');
});

afterEach(async () => rm(root, { recursive: true }));

/** A log with one record besides its header; the path of its file. */
async function write(where = dir, reason = 'something'): Promise<string> {
  const ledger = await Ledger.open({ dir: where });
  ledger.append({ kind: 'config', session: null, reason });
  await ledger.close();
  const name = (await readdir(where)).find((one) => one.endsWith('.jsonl'))!;
  return path.join(where, name);
}

async function verify(): Promise<{ result: string; problems: string }> {
  const { result, findings } = await verifyLedgers(dir);
  return { result, problems: findings.map(({ problem }) => problem).join('; ') };
}

const NEXT = 'ledger-20260101T000000Z-000002.jsonl';

describe('what is no file', () => {
  const PUT: Record<string, (name: string) => unknown> = {
    folder: async (name) => mkdir(name),
    link: async (name) => symlink('elsewhere', name),
    pipe: (name) => void execFileSync('mkfifo', [name]),
  };
  const cases = Object.keys(PUT).flatMap((what) =>
    ['a file of the log', 'a torn end'].map((where) => [what, where] as const),
  );

  it.each(cases)('is reported and not read: a %s in the place of %s', async (what, where) => {
    const file = await write();
    await PUT[what]!(where === 'a torn end' ? `${file}.torn` : path.join(dir, NEXT));
    const { result, problems } = await verify();
    expect(result).toBe('incomplete');
    expect(problems).toMatch(/no file but a link, a folder/);
  });

  it('is reported where a link stands for the only file', async () => {
    const file = await write();
    await rename(file, path.join(root, 'moved'));
    await symlink(path.join(root, 'moved'), file);
    expect((await verify()).result).toBe('incomplete');
  });

  it('is reported in the place of a worker folder', async () => {
    await write(path.join(dir, 'worker-1'));
    await writeFile(path.join(dir, 'worker-2'), '');
    await symlink('worker-1', path.join(dir, 'worker-3'));
    const { result, problems } = await verify();
    expect(result).toBe('incomplete');
    expect(problems.match(/this is no folder/g)).toHaveLength(2);
  });

  it.each(['the file before the last', 'a part'])('stops a gate that starts: %s', async (which) => {
    const file = await write();
    if (which === 'a part') execFileSync('mkfifo', [`${file}.torn.part`]);
    else {
      await rename(file, file.replace(/-000001\.jsonl$/, '-000002.jsonl'));
      execFileSync('mkfifo', [file]);
    }
    await expect(Ledger.open({ dir })).rejects.toThrow(/is no file/);
  });
});

describe('verify', () => {
  it("finds a worker's chain that was copied to the place of another's", async () => {
    await write(path.join(dir, 'worker-1'));
    await cp(path.join(dir, 'worker-1'), path.join(dir, 'worker-2'), { recursive: true });
    const { result, problems } = await verify();
    expect(result).toBe('tampered');
    expect(problems).toContain('a copy of that in worker-1');
  });

  it('finds bytes that read as what stood there, and are no UTF-8', async () => {
    const file = await write(dir, 'a \ufffd b');
    const bytes = await readFile(file);
    // A gate shows that character, so that it stands for such bytes only.
    expect(bytes.toString()).toContain('a \\\\ufffd b');
    const at = bytes.indexOf(' b"');
    const changed = Buffer.concat([bytes.subarray(0, at), Buffer.of(0xff), bytes.subarray(at)]);
    await writeFile(file, changed);
    const { result, problems } = await verify();
    expect(result).toBe('tampered');
    expect(problems).toContain('it is no UTF-8');
  });

  it('is content with two torn ends that a crash left recorded and not yet renamed', async () => {
    const file = await write();
    await writeFile(`${file}.torn.part`, 'one');
    await appendFile(file, '{"torn');
    await (await Ledger.open({ dir })).close();
    for (const name of [`${file}.torn`, `${file}.2.torn`]) await rename(name, `${name}.part`);
    await (await Ledger.open({ dir })).close();
    expect(await verify()).toEqual({ result: 'intact', problems: '' });
  });
});

describe('a character of a record', () => {
  it('is shown wherever Unicode says that it has no looks of its own', () => {
    const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
    const missed: string[] = [];
    for (let code = 0; code <= 0x10ffff; code++) {
      const one = String.fromCodePoint(code);
      if (hidden.test(one) && escaped(one) === one) missed.push(code.toString(16));
    }
    expect(missed).toEqual([]);
  });
});
