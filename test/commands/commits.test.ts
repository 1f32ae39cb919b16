// The source of commits as it is built from the configuration: with a token, without one, and where it cannot be read.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bitbucketTokenProblems, commitSource } from '../../src/commands/commits.ts';
import { loadConfig, type LoadedConfig } from '../../src/config/load.ts';
import { ConfigFault } from '../../src/errors.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { CONFIG, Files } from '../config/files.ts';
import { LogLines } from '../support/log-lines.ts';

let files: Files;
beforeEach(async () => {
  files = await Files.create();
});
afterEach(async () => files.remove());

async function loaded(bitbucket = ''): Promise<LoadedConfig> {
  await files.write('cqlgate.yaml', CONFIG + bitbucket);
  return loadConfig(files.config);
}

describe('the token for Bitbucket', () => {
  it('is no problem where none is configured, or where it can be read', async () => {
    expect(await bitbucketTokenProblems(await loaded())).toEqual([]);
    const config = await loaded('bitbucket: {token: {file: secret}, commit: required}\n');
    expect(await bitbucketTokenProblems(config)).toEqual([]);
    const source = await commitSource(config, new Metrics(), new LogLines());
    expect(source.modeFor({ issuerName: 'pipelines' } as never, null)).toBe('required');
  });

  it('keeps the gate from starting where it cannot be read, without a word of what was read', async () => {
    const config = await loaded('bitbucket: {token: {file: nowhere}}\n');
    const [problem] = await bitbucketTokenProblems(config);
    expect(problem).toMatch(/^bitbucket\.token: .*nowhere/);
    await expect(commitSource(config, new Metrics(), new LogLines())).rejects.toThrow(ConfigFault);
  });
});
