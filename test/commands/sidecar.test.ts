// `cqlgate sidecar`: options that would open it to others, or send a token where it must not go, start nothing.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import path from 'node:path';
import { command } from '../../src/commands/sidecar.ts';
import { ConfigFault } from '../../src/errors.ts';
import { Files } from '../config/files.ts';
import { runCommand } from '../support/terminal.ts';

let files: Files;
beforeEach(async () => {
  files = await Files.create();
});
afterEach(async () => {
  // Each run is ready for an error that no guard catches.
  process.removeAllListeners('uncaughtException');
  await files.remove();
});

const sidecar = async (options: object, words: readonly string[] = []) =>
  runCommand(
    command,
    {
      gate: '127.0.0.1:1',
      listen: '127.0.0.1:0',
      role: 'oidc',
      tokenEnv: 'NO_SUCH_TOKEN',
      ...options,
    },
    words,
  );

describe('cqlgate sidecar', () => {
  it.each([
    [{ gate: 'nowhere' }, '--gate nowhere'],
    [{ gate: '127.0.0.1:0' }, '--gate 127.0.0.1:0'],
    [{ listen: '0.0.0.0:9042' }, '--listen is on this machine only'],
    [{ listen: '127.0.0.1:70000' }, '--listen 127.0.0.1:70000'],
    [{ keepAlive: '0' }, '--keep-alive takes a number of seconds'],
    [{ keepAlive: '1e3' }, '--keep-alive takes a number of seconds'],
    [{ plaintext: true, gate: 'gate.example.com:9042' }, '--plaintext would send the token'],
    [{ dropToken: true, plaintext: true }, '--drop-token is for the command behind --'],
    [{ wait: 'soon', plaintext: true }, '--wait takes a number of seconds'],
    [{ wait: '1', plaintext: true }, 'the variable NO_SUCH_TOKEN holds no token'],
  ])('refuses %j', async (options, text) => {
    const running = sidecar(options);
    await expect(running).rejects.toThrow(ConfigFault);
    await expect(running).rejects.toThrow(text);
  });

  it('refuses an empty file of the password that applications have to give', async () => {
    await files.write('empty', '\n');
    const passwordFile = path.join(files.dir, 'empty');
    await expect(sidecar({ passwordFile, plaintext: true })).rejects.toThrow('is empty');
  });

  it('runs no command while the gate does not take the token', async () => {
    const made = path.join(files.dir, 'made');
    await expect(
      sidecar({ plaintext: true }, [process.execPath, '-e', `fs.writeFileSync('${made}', '')`]),
    ).rejects.toThrow('NO_SUCH_TOKEN');
    await expect(files.write('made', '')).resolves.toBeUndefined();
  });
});
