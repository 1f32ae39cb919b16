// `cqlgate audit verify`: the exit code and the text, by what was found.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../src/audit/ledger.ts';
import { command } from '../../src/commands/audit-verify.ts';
import { runCommand } from '../support/terminal.ts';

let dir: string;

async function fill(target: string): Promise<void> {
  const ledger = await Ledger.open({ dir: target });
  for (const reason of ['one', 'two', 'three']) {
    await ledger.appendDurably({ kind: 'config', session: null, reason });
  }
  await ledger.close();
}

const verify = async (json?: true) => runCommand(command, json ? { json } : {}, dir);

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-audit-verify-'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

describe('cqlgate audit verify', () => {
  it('ends with 0 for a chain that holds, and says how long it is', async () => {
    await fill(dir);
    const { exitCode, output } = await verify();
    expect(exitCode).toBe(0);
    expect(output).toMatch(/^intact: 1 files, records 1 to 4, last hash [0-9a-f]{64}$/m);
    expect(output).toContain('the last file is not sealed');
  });

  it('ends with 1 for a record that was edited, and names its place', async () => {
    await fill(dir);
    const [name] = (await readdir(dir)).filter((one) => one.endsWith('.jsonl'));
    const file = path.join(dir, name!);
    await writeFile(file, (await readFile(file, 'utf8')).replace('"two"', '"TWO"'));
    const { exitCode, output } = await verify();
    expect(exitCode).toBe(1);
    expect(output).toContain(`${name}:3`);
    const json = await verify(true);
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.output)).toMatchObject({ result: 'tampered' });
  });

  it('reports each chain of several workers by its folder', async () => {
    await fill(path.join(dir, 'worker-1'));
    await fill(path.join(dir, 'worker-2'));
    const { exitCode, output } = await verify();
    expect(exitCode).toBe(0);
    expect(output).toMatch(/^worker-1: intact: 1 files/m);
    expect(output).toMatch(/^worker-2: intact: 1 files/m);
    expect(output).toMatch(/^intact: 2 chains$/m);
  });
});
