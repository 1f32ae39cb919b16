// Files that are read again and again while the gate runs: they may have become anything in the meantime. A pipe would never
// answer and keep one of the few threads that read files, a device or a huge file would fill memory; so what it is comes
// first.
import { readFile, stat } from 'node:fs/promises';

/** Rejects with an Error that has a code where it is no regular file, or has more than `maxBytes`. */
export async function readAgain(file: string, maxBytes: number): Promise<Buffer> {
  await checkFile(file, maxBytes);
  return readFile(file);
}

/** The check alone, for whoever opens the file itself. */
export async function checkFile(file: string, maxBytes: number): Promise<void> {
  const found = await stat(file);
  if (found.isDirectory()) throw coded('EISDIR');
  if (!found.isFile()) throw coded('no regular file');
  if (found.size > maxBytes) throw coded(`larger than ${maxBytes} bytes`);
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}
