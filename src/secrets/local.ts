// Secrets of this machine: environment variables, and files, which may change at any time.
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { later, wallAt, wallMs, type WallMs } from '../clock.ts';
import { checkFile } from '../file-again.ts';
import { SECRETS } from '../limits/services.ts';
import { SecretFault } from './fault.ts';
import type { LocalSecretSpec } from './upstream-login.ts';
import type { Reader, Reading } from './reader.ts';

export interface LocalSecret {
  readonly value: string;
  /** A file's time of change; for a variable the start of this process. */
  readonly sinceMs: WallMs;
}

/** Relative paths start at `base`; one line end after the secret is dropped. Rejects with SecretFault. */
export async function readLocal(spec: LocalSecretSpec, base: string): Promise<LocalSecret> {
  if ('file' in spec) return readSecretFile(spec.file, base);
  const text = process.env[spec.env] ?? '';
  const value = withoutLineEnd(text);
  if (value === '') {
    const what = text === '' ? 'is not set' : 'is empty but for a line end';
    throw new SecretFault(`the environment variable ${spec.env} ${what}`);
  }
  return { value, sinceMs: later(wallMs(), -process.uptime() * 1000) };
}

export async function readSecretFile(file: string, base: string): Promise<LocalSecret> {
  const { content, sinceMs } = await contentOf(file, path.resolve(base, file));
  const value = withoutLineEnd(content.toString('utf8'));
  if (value === '') throw new SecretFault(`${file} is empty; write the secret into it`);
  return { value, sinceMs };
}

/**
 * Editors, `echo` and the stores that secrets are kept in end a text with a line end, which no password has. One is
 * dropped, and nothing else.
 */
export function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}

async function contentOf(
  file: string,
  full: string,
): Promise<{ content: Buffer; sinceMs: WallMs }> {
  let handle: FileHandle | null = null;
  try {
    await checkFile(full, Infinity);
    handle = await open(full);
    const { mtimeMs } = await handle.stat();
    const room = Buffer.alloc(SECRETS.fileBytes + 1);
    const { bytesRead } = await handle.read(room, 0, room.length, 0);
    if (bytesRead > SECRETS.fileBytes) {
      throw new SecretFault(`${file} has more than ${SECRETS.fileBytes} bytes; it is no secret`);
    }
    return { content: room.subarray(0, bytesRead), sinceMs: wallAt(mtimeMs) };
  } catch (error) {
    if (error instanceof SecretFault) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new SecretFault(`${file} cannot be read (${code}); check the path and its permissions`);
  } finally {
    await handle?.close();
  }
}

/** A password of this machine. A changed file is believed when it was read the same twice. */
export function localReader(username: string, spec: LocalSecretSpec, base: string): Reader {
  let taken: LocalSecret | null = null;
  let seen: string | null = null;
  const reading = ({ value, sinceMs }: LocalSecret): Reading => ({
    username,
    password: value,
    sinceMs,
    lease: null,
    againInMs: 'file' in spec ? SECRETS.filePollMs : null,
  });
  return {
    async read(why) {
      const now = await readLocal(spec, base);
      const isHalf = taken !== null && now.value !== taken.value && now.value !== seen;
      seen = now.value;
      // Perhaps still being written.
      if (isHalf && why === 'due' && taken !== null) return reading(taken);
      taken = now;
      return reading(taken);
    },
    usernames: () => [username],
  };
}
