// The certificate that a document's configuration names, so that it can be loaded.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CertificateAuthority } from '../support/certificates.ts';

export async function putCertificate(dir: string): Promise<void> {
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue();
  authority.remove();
  await writeFile(path.join(dir, 'gate.crt'), cert);
  await writeFile(path.join(dir, 'gate.key'), key);
}
