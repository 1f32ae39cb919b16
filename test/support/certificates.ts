// Certificates made at test time, by the openssl command: a CA of one's own and what it signs.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface Issued {
  /** PEM texts; the key is PKCS#8. */
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** Common name. */
  readonly name?: string;
  /** As in openssl's subjectAltName. */
  readonly for?: string;
  /** From when until when, as YYYYMMDDHHMMSSZ; default: a day from now. */
  readonly validity?: readonly [string, string];
}

export class CertificateAuthority {
  readonly dir = mkdtempSync(path.join(os.tmpdir(), 'cqlgate-ca-'));
  #count = 0;

  constructor() {
    this.#openssl('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2', [
      ...['-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test CA'],
    ]);
    // What `openssl ca` needs: it alone can sign for a time that is over.
    writeFileSync(path.join(this.dir, 'index.txt'), '');
    writeFileSync(
      path.join(this.dir, 'ca.cnf'),
      '[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\ndefault_md = sha256\npolicy = any\ncopy_extensions = copy\nunique_subject = no\n[any]\ncommonName = supplied\n',
    );
  }

  get pem(): string {
    return this.#read('ca.crt');
  }

  issue(options: IssueOptions = {}): Issued {
    const id = String(this.#count++);
    const { name = 'localhost', for: names = 'IP:127.0.0.1,DNS:localhost' } = options;
    this.#openssl('req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes', [
      ...['-keyout', `${id}.key`, '-out', `${id}.csr`, '-subj', `/CN=${name}`],
      ...['-addext', `subjectAltName=${names}`],
    ]);
    const validity = options.validity;
    this.#openssl('ca -batch -notext -config ca.cnf -cert ca.crt -keyfile ca.key', [
      ...['-in', `${id}.csr`, '-out', `${id}.crt`],
      ...(validity === undefined
        ? ['-days', '1']
        : ['-startdate', validity[0], '-enddate', validity[1]]),
    ]);
    return { cert: this.#read(`${id}.crt`), key: this.#read(`${id}.key`) };
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  #openssl(line: string, more: readonly string[]): void {
    execFileSync('openssl', [...line.split(' '), ...more], { cwd: this.dir, stdio: 'pipe' });
  }

  #read(name: string): string {
    return readFileSync(path.join(this.dir, name), 'utf8');
  }
}
