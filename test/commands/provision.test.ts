// `cqlgate provision` without a cluster: the statements as CQL, and options that exclude each other.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { command } from '../../src/commands/provision.ts';
import { ConfigFault } from '../../src/errors.ts';
import { Files } from '../config/files.ts';
import { runCommand } from '../support/terminal.ts';

let files: Files;
beforeEach(async () => {
  files = await Files.create();
  vi.stubEnv('CQLGATE_ADMIN_PASSWORD', undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await files.remove();
});

const provision = async (options: object = {}) =>
  runCommand(command, { config: files.config, ...options }, undefined as never);

describe('cqlgate provision', () => {
  it('prints the grants of the policy as those of its Cassandra role', async () => {
    const { exitCode, output } = await provision();
    expect(exitCode).toBe(0);
    expect(output).toContain('GRANT SELECT ON KEYSPACE orders TO ci');
    // The secret of the login is not read, let alone printed.
    expect(output).not.toContain('s3cret');
  });

  it('prints the same as JSON', async () => {
    const { output } = await provision({ json: true });
    expect(output).toContain('GRANT SELECT ON KEYSPACE orders TO ci');
    expect(() => JSON.parse(output) as unknown).not.toThrow();
  });

  it.each([
    [{ apply: true }, 'ask the cluster: name an admin login'],
    [{ check: true }, 'ask the cluster: name an admin login'],
    [{ revoke: true }, 'ask the cluster: name an admin login'],
    [{ apply: true, check: true, username: 'admin' }, '--apply and --check exclude each other'],
    [{ check: true, username: 'admin' }, 'the password of admin'],
  ])('refuses %j before it asks anybody', async (options, text) => {
    await expect(provision(options)).rejects.toThrow(ConfigFault);
    await expect(provision(options)).rejects.toThrow(text);
  });
});
