// Files with secrets that every user of the machine may read or change: told at the start and by check-config, and used all the
// same. Groups are let be: Kubernetes gives files to a pod by its group (fsGroup, mode 0440).
import { stat } from 'node:fs/promises';
import path from 'node:path';

const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o002;

/** Keys of the configuration whose value is the path of a file that holds a secret, wherever they stand. */
const SECRET_KEYS: ReadonlySet<string> = new Set(['file', 'tokenFile', 'key']);

/** A sentence for each such file of a configuration; relative paths start at `base`. */
export async function exposedSecrets(config: object, base: string): Promise<string[]> {
  const found = secretFilesIn(config, '');
  const warnings = found.map(async ([name, file]) => exposure(name, path.resolve(base, file)));
  return (await Promise.all(warnings)).flatMap((warning) => warning ?? []);
}

/** null where the file is not open to all, or not there: others say that. */
export async function exposure(name: string, file: string): Promise<string | null> {
  // Rights of other kinds than Unix has are not known here.
  if (process.platform === 'win32') return null;
  const mode = await stat(file).then(
    (found) => found.mode & 0o777,
    () => 0,
  );
  const may = [
    ...((mode & OTHERS_READ) === 0 ? [] : ['read']),
    ...((mode & OTHERS_WRITE) === 0 ? [] : ['changed']),
  ];
  if (may.length === 0) return null;
  const octal = mode.toString(8).padStart(4, '0');
  return `${name}: ${file} can be ${may.join(' and ')} by every user of this machine (mode ${octal}); take that away: chmod o-rwx (in Kubernetes: defaultMode 0440)`;
}

function secretFilesIn(value: object, at: string): [name: string, file: string][] {
  return Object.entries(value).flatMap(([key, child]: [string, unknown]) => {
    const name = at === '' ? key : `${at}.${key}`;
    if (typeof child === 'string') return SECRET_KEYS.has(key) ? [[name, child]] : [];
    return typeof child === 'object' && child !== null ? secretFilesIn(child, name) : [];
  });
}
