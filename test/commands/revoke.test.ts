// `cqlgate revoke`: what is sent to the admin API, and options that name nothing or too much.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { command } from '../../src/commands/revoke.ts';
import { ConfigFault } from '../../src/errors.ts';
import { OutboundClient } from '../../src/outbound/client.ts';
import { runCommand } from '../support/terminal.ts';

const URL = 'http://127.0.0.1:9180/';
let asked: { url: string; options: unknown }[];
let answer: { status: number; json: unknown };

beforeEach(() => {
  asked = [];
  answer = { status: 201, json: { shared: true } };
  vi.stubEnv('CQLGATE_TOKEN', 'a.b.c');
  vi.spyOn(OutboundClient.prototype, 'ask').mockImplementation(async (url, options) => {
    asked.push({ url, options });
    return Promise.resolve(answer as Awaited<ReturnType<OutboundClient['ask']>>);
  });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const revoke = async (options: object) =>
  runCommand(command, { url: URL, ...options }, undefined as never);

describe('cqlgate revoke', () => {
  it.each([
    [{ subject: 'somebody' }, { what: 'subject', value: 'somebody', issuer: null }],
    [
      { pipeline: '{1}', issuer: 'p' },
      { what: 'pipeline', value: '{1}', issuer: 'p' },
    ],
    [{ step: '{2}' }, { what: 'step', value: '{2}', issuer: null }],
    [{ tokenSha256: 'ab' }, { what: 'token', value: 'ab', issuer: null }],
    [{ issuer: 'p' }, { what: 'issuer', value: 'p', issuer: null }],
  ])('sends %j as an operator, and prints the answer', async (options, json) => {
    const { exitCode, output } = await revoke({ ...options, reason: 'why' });
    expect(exitCode).toBe(0);
    expect(JSON.parse(output)).toEqual({ shared: true });
    expect(asked).toEqual([
      {
        url: 'http://127.0.0.1:9180/api/v1/revocations',
        options: {
          method: 'POST',
          headers: { authorization: 'Bearer a.b.c' },
          json: { ...json, reason: 'why' },
        },
      },
    ]);
  });

  it('lists what is revoked, with the token of a file', async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-revoke-'));
    await writeFile(path.join(dir, 'token'), 'd.e.f\n');
    answer = { status: 200, json: { revocations: [] } };
    await revoke({ list: true, tokenFile: path.join(dir, 'token') });
    await rm(dir, { recursive: true });
    expect(asked.map(({ options }) => options)).toEqual([
      { headers: { authorization: 'Bearer d.e.f' } },
    ]);
  });

  it.each([
    [{ reason: 'why' }, 'name one of --subject'],
    [{ subject: 'a', step: 'b', reason: 'why' }, 'name one of --subject'],
    [{ subject: 'a' }, 'say why, by --reason'],
  ])('asks nobody for %j', async (options, text) => {
    await expect(revoke(options)).rejects.toThrow(text);
    expect(asked).toEqual([]);
  });

  it('needs a token', async () => {
    vi.stubEnv('CQLGATE_TOKEN', ' ');
    await expect(revoke({ subject: 'a', reason: 'why' })).rejects.toThrow('give your own token');
    expect(asked).toEqual([]);
  });

  it('says what the gate refused, and that it gave no reason', async () => {
    answer = { status: 403, json: { error: 'this needs the level operator' } };
    const refused = revoke({ subject: 'a', reason: 'why' });
    await expect(refused).rejects.toThrow(ConfigFault);
    await expect(refused).rejects.toThrow('403: this needs the level operator');
    answer = { status: 502, json: null };
    await expect(revoke({ list: true })).rejects.toThrow('502: no reason was given');
  });
});
