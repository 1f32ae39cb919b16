// `cqlgate policy suggest`: from a ledger to YAML, and what it does not make grants of.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { Ledger } from '../../src/audit/ledger.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { command } from '../../src/commands/policy-suggest.ts';
import { ConfigFault } from '../../src/errors.ts';
import { runCommand } from '../support/terminal.ts';

let dir: string;

function used(role: string, binding: string, need: string): AuditEntry {
  return {
    kind: 'decision',
    session: 's',
    role,
    binding,
    statement: {
      kind: 'SELECT',
      keyspace: 'orders',
      resources: [],
      needs: [need],
      text: null,
      sha256: null,
      fingerprint: null,
      lwt: false,
    },
    decision: { result: 'permit', policy_version: 'v', grant: need, reason: null, missing: [] },
  };
}

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-suggest-'));
  const ledger = await Ledger.open({ dir });
  await ledger.appendDurably(used('wide', 'one', 'SELECT ON TABLE orders.t'));
  await ledger.appendDurably(used('wide', 'two', 'SELECT ON TABLE orders.u'));
  await ledger.close();
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

const suggest = async (options: object = {}) =>
  runCommand(command, { dir, config: 'nowhere', ...options }, undefined as never);

describe('cqlgate policy suggest', () => {
  it('gives each role what it used, as YAML for the policy', async () => {
    const { exitCode, output } = await suggest();
    expect(exitCode).toBe(0);
    expect(parse(output)).toEqual({
      wide: { grants: ['SELECT ON TABLE orders.t', 'SELECT ON TABLE orders.u'] },
    });
  });

  it('gives each binding its own grants', async () => {
    const { output } = await suggest({ by: 'binding' });
    expect(parse(output)).toEqual({
      one: { grants: ['SELECT ON TABLE orders.t'] },
      two: { grants: ['SELECT ON TABLE orders.u'] },
    });
  });

  it('prints JSON, and leaves out roles that are not asked for', async () => {
    const { output } = await suggest({ json: true, role: 'nobody' });
    expect(JSON.parse(output)).toEqual({ suggestions: [], unused: null });
  });

  it('leaves out what is older than it was asked for', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * 24 * 3_600_000 });
    const { output } = await suggest({ json: true, since: '1d' });
    const all = await suggest({ since: '3d' });
    vi.useRealTimers();
    expect(JSON.parse(output)).toMatchObject({ suggestions: [] });
    expect(parse(all.output)).toHaveProperty('wide');
  });

  it.each([
    [{ by: 'weekday' }, '--by is role or binding, not weekday'],
    [{ since: 'yesterday' }, '--since is a number'],
    [{ dir: '/nowhere/at/all' }, '/nowhere/at/all'],
  ])('refuses %j', async (options, text) => {
    await expect(suggest(options)).rejects.toThrow(ConfigFault);
    await expect(suggest(options)).rejects.toThrow(text);
  });

  it('makes no grants of records that somebody changed', async () => {
    const [name] = (await readdir(dir)).filter((one) => one.endsWith('.jsonl'));
    const file = path.join(dir, name!);
    await writeFile(file, (await readFile(file, 'utf8')).replace('orders.t', 'orders.*'));
    await expect(suggest()).rejects.toThrow("the ledger's chain does not hold");
  });
});
