// `cqlgate token inspect`: a token from a file or from standard input, and the exit code of one that is refused.
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command } from '../../src/commands/token-inspect.ts';
import { Files } from '../config/files.ts';
import { runCommand } from '../support/terminal.ts';

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const TOKEN = `${part({ alg: 'RS256', kid: 'k' })}.${part({ iss: 'https://nobody' })}.signature`;

let files: Files;
beforeEach(async () => {
  files = await Files.create();
});
afterEach(async () => files.remove());

const inspect = async (file: string | undefined, input = '') =>
  runCommand(command, { config: files.config }, file, input);

describe('cqlgate token inspect', () => {
  it.each([undefined, '-'])('reads standard input (%s), and shows no signature', async (file) => {
    const { exitCode, output } = await inspect(file, `${TOKEN}\n`);
    expect(exitCode).toBe(1);
    expect(JSON.parse(output)).toMatchObject({
      header: { alg: 'RS256', kid: 'k' },
      claims: { iss: 'https://nobody' },
      valid: false,
      roles: [],
      problem: expect.stringContaining('not one that cqlgate is configured for'),
    });
    expect(output).not.toContain('signature"');
    expect(output).not.toContain(TOKEN);
  });

  it('reads a file', async () => {
    await files.write('token', TOKEN);
    const { exitCode, output } = await inspect(path.join(files.dir, 'token'));
    expect(exitCode).toBe(1);
    expect(JSON.parse(output)).toMatchObject({ claims: { iss: 'https://nobody' } });
  });

  it('says of what is no token at all that it is none', async () => {
    const { exitCode, output } = await inspect(undefined, 'no token');
    expect(exitCode).toBe(1);
    expect(JSON.parse(output)).toMatchObject({ header: null, claims: null, valid: false });
  });
});
