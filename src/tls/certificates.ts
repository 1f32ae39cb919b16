// Certificates and their key, read from files. They are checked before they are used, and read again when they
// change. A running gate reports files that are not valid, and goes on with those before.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { msBetween, wallMs, type WallMs } from '../clock.ts';
import { readAgain } from '../file-again.ts';
import { guarded, unattended } from '../guard.ts';
import { CERTIFICATES } from '../limits/services.ts';
import { isoTime, timeOfText } from '../wall-clock.ts';

/** Absolute paths of PEM files. */
export interface CertificateFiles {
  /** The own certificate, followed by the intermediates. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The authorities that may have issued the other side's certificate. */
  readonly ca?: string | undefined;
}

/** PEM texts, named as in node:tls. */
export interface Certificates {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  /** When the first of them expires; null if there is no own certificate. */
  readonly expiresAtMs: WallMs | null;
}

/** The certificates, or why they cannot be used: one sentence for each problem, without any content of the files. */
export async function readCertificates(
  files: CertificateFiles,
  nowMs = wallMs(),
): Promise<Certificates | { readonly problems: readonly string[] }> {
  const problems: string[] = [];
  const read = async (file: string | undefined): Promise<string | undefined> => {
    if (file === undefined) return undefined;
    try {
      return (await readAgain(file, CERTIFICATES.fileBytes)).toString('utf8');
    } catch {
      problems.push(`${file} cannot be read`);
      return undefined;
    }
  };
  const [cert, key, ca] = [await read(files.cert), await read(files.key), await read(files.ca)];
  const own = cert === undefined ? null : leafOf(cert);
  if (cert !== undefined && own === null) {
    problems.push(`${files.cert ?? ''} holds no PEM certificate`);
  }
  const ownKey = key === undefined ? null : keyOf(key);
  if (key !== undefined && ownKey === null) {
    problems.push(`${files.key ?? ''} holds no PEM key that can be read without a passphrase`);
  }
  if (own !== null && ownKey !== null && !own.checkPrivateKey(ownKey)) {
    problems.push(`${files.key ?? ''} is not the key of ${files.cert ?? ''}`);
  }
  if (ca !== undefined && leafOf(ca) === null) {
    problems.push(`${files.ca ?? ''} holds no PEM certificate`);
  }
  const expiresAtMs = own === null ? null : timeOfText(own.validTo);
  if (own !== null && expiresAtMs === null) {
    problems.push(`${files.cert ?? ''} has no end that can be read as a date`);
  }
  if (expiresAtMs !== null && expiresAtMs <= nowMs) {
    problems.push(`${files.cert ?? ''} expired on ${isoTime(expiresAtMs)}`);
  }
  if (problems.length === 0) problems.push(...contextProblems(files, { cert, key, ca }));
  if (problems.length > 0) return { problems };
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
    expiresAtMs,
  };
}

/** What only OpenSSL finds when it gets all of them: a broken intermediate, or a key that is too small. */
function contextProblems(
  files: CertificateFiles,
  texts: { readonly [name in keyof CertificateFiles]: string | undefined },
): string[] {
  const given = Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined));
  try {
    createSecureContext(given);
    return [];
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    const names = Object.values(files).filter((file) => file !== undefined);
    return [`${names.join(', ')} can't be used for TLS (${code})`];
  }
}

export function areCertificates(
  read: Awaited<ReturnType<typeof readCertificates>>,
): read is Certificates {
  return !('problems' in read);
}

/** A sentence if the certificate expires soon; else null. */
export function expiryWarning(
  { expiresAtMs }: Certificates,
  name: string,
  nowMs = wallMs(),
): string | null {
  if (expiresAtMs === null || msBetween(nowMs, expiresAtMs) > CERTIFICATES.warnMs) return null;
  const days = Math.floor(msBetween(nowMs, expiresAtMs) / 86_400_000);
  return `${name}: the certificate ends in ${days} days, on ${isoTime(expiresAtMs)}; renew it in place`;
}

function leafOf(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function keyOf(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

export interface WatcherListener {
  changed(certificates: Certificates): void;
  /** The changed files cannot be used; those before stay in use. */
  invalid(problems: readonly string[]): void;
}

/** Reads the files at regular intervals. A change is used once it was read twice the same. */
export class CertificateWatcher {
  readonly #files: CertificateFiles;
  readonly #listener: WatcherListener;
  readonly #timer: NodeJS.Timeout;
  #current: Certificates;
  /** What was read last, and what was handled last. */
  #seen: string;
  #handled: string;
  #looking = false;

  constructor(
    files: CertificateFiles,
    first: Certificates,
    listener: WatcherListener,
    pollMs: number = CERTIFICATES.pollMs,
  ) {
    this.#files = files;
    this.#listener = listener;
    this.#current = first;
    this.#seen = JSON.stringify(first);
    this.#handled = this.#seen;
    const look = (): void => unattended('certificates', this.#look());
    this.#timer = setInterval(guarded('certificates', look), pollMs);
    this.#timer.unref();
  }

  get current(): Certificates {
    return this.#current;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Between the renewals of certificate and key the two do not fit together. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const read = await readCertificates(this.#files).finally(() => {
      this.#looking = false;
    });
    const now = JSON.stringify(read);
    const isSettled = now === this.#seen;
    this.#seen = now;
    if (!isSettled || now === this.#handled) return;
    this.#handled = now;
    if (!areCertificates(read)) {
      this.#listener.invalid(read.problems);
      return;
    }
    this.#current = read;
    this.#listener.changed(read);
  }
}
