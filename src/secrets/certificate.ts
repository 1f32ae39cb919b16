// A certificate as the login of a Cassandra role: files, which may be renewed at any time.
import path from 'node:path';
import { SECRETS } from '../limits/services.ts';
import { areCertificates, readCertificates } from '../tls/certificates.ts';
import { SecretFault } from './fault.ts';
import type { LoginCertificate } from './upstream-login.ts';
import type { Reader } from './reader.ts';

/** Rejects with SecretFault, which names the files and says what is wrong with them. */
export async function readCertificate(
  files: LoginCertificate,
  base: string,
): Promise<LoginCertificate> {
  const read = await readCertificates({
    cert: path.resolve(base, files.cert),
    key: path.resolve(base, files.key),
  });
  if (!areCertificates(read)) throw new SecretFault(read.problems.join('; '));
  return { cert: read.cert ?? '', key: read.key ?? '' };
}

/** A certificate that was renewed by half does not fit its key, and is not taken. */
export function certificateReader(username: string, files: LoginCertificate, base: string): Reader {
  return {
    async read() {
      const certificate = await readCertificate(files, base);
      return {
        username,
        password: '',
        certificate,
        // It says itself how long it is good; its age is no matter.
        sinceMs: null,
        lease: null,
        againInMs: SECRETS.filePollMs,
      };
    },
    usernames: () => [username],
  };
}
