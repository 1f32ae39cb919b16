// `cqlgate check-config`: all problems at once, and what is printed where there is none.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command } from '../../src/commands/check-config.ts';
import { CONFIG, Files, POLICY } from '../config/files.ts';
import { runCommand } from '../support/terminal.ts';

let files: Files;
beforeEach(async () => {
  files = await Files.create();
});
afterEach(async () => files.remove());

const check = async (json?: true) =>
  runCommand(command, { config: files.config, ...(json ? { json } : {}) }, undefined as never);

describe('cqlgate check-config', () => {
  it('says that a valid configuration is one, and what clients can compress with', async () => {
    const { exitCode, output } = await check();
    expect(exitCode).toBe(0);
    expect(output).toMatch(/^compression: .*lz4 \(/m);
    expect(output.trimEnd().split('\n').at(-1)).toBe('the configuration is valid');
  });

  it('lists the problems of configuration, secrets and policy together', async () => {
    await files.write('cqlgate.yaml', CONFIG.replace('{file: secret}', '{file: nowhere}'));
    await files.write('policy.yaml', POLICY.replace('SELECT ON', 'SELEC ON'));
    const { exitCode, output } = await check();
    expect(exitCode).toBe(1);
    expect(output).toContain('nowhere');
    expect(output).toMatch(/policy\.yaml:.*SELEC/);
    expect(output).not.toContain('the configuration is valid');
  });

  it('prints the same as JSON', async () => {
    await files.write('cqlgate.yaml', CONFIG.replace('listen:', 'lisen:'));
    const { exitCode, output } = await check(true);
    expect(exitCode).toBe(1);
    const report = JSON.parse(output) as { problems: string[] };
    expect(report.problems.join('\n')).toMatch(/lisen/);
  });
});
