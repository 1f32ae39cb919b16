// Files that are read again while the gate runs: what they are comes first, then how large they are.
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkFile, readAgain } from '../src/file-again.ts';

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-'));
  file = path.join(directory, 'file');
});

afterEach(async () => rm(directory, { recursive: true }));

describe('a file that is read again', () => {
  it('may have as many bytes as are read, and not one more', async () => {
    await writeFile(file, 'x'.repeat(10));
    expect((await readAgain(file, 10)).toString()).toBe('x'.repeat(10));
    await expect(readAgain(file, 9)).rejects.toMatchObject({ code: 'larger than 9 bytes' });
    await expect(checkFile(file, 9)).rejects.toMatchObject({ code: 'larger than 9 bytes' });
  });

  it('is followed behind a link, as mounted secrets are', async () => {
    await writeFile(file, 'secret');
    const link = path.join(directory, 'link');
    await symlink('file', link);
    expect((await readAgain(link, 99)).toString()).toBe('secret');
  });

  it('has a code that says why it is not read', async () => {
    await expect(readAgain(directory, 99)).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(readAgain('/dev/zero', 99)).rejects.toMatchObject({ code: 'no regular file' });
    await expect(readAgain(file, 99)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
