// The certificates of a gate: for its port and towards the nodes, with the time until each ends.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gateTls } from '../../src/commands/gate-tls.ts';
import { loadConfig } from '../../src/config/load.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { CONFIG, Files } from '../config/files.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { LogLines } from '../support/log-lines.ts';

const DAY_SECONDS = 24 * 3_600;
let authority: CertificateAuthority;
let files: Files;
beforeAll(() => {
  authority = new CertificateAuthority();
});
afterAll(() => authority.remove());
beforeEach(async () => {
  files = await Files.create();
});
afterEach(async () => files.remove());

async function tlsOf() {
  const metrics = new Metrics();
  const tls = gateTls(await loadConfig(files.config), metrics, new LogLines());
  tls.close();
  return { detector: tls.detector, expiries: metrics.values('certificate_expiry_seconds') };
}

describe('the port of a gate', () => {
  it('speaks plaintext without certificates, of which none ends then', async () => {
    expect(await tlsOf()).toEqual({ detector: null, expiries: [] });
  });

  it('speaks TLS with them, and tells until when they are good', async () => {
    const { cert, key } = authority.issue();
    await files.write('tls.crt', cert);
    await files.write('tls.key', key);
    await files.write('ca.crt', authority.pem);
    await files.write(
      'cqlgate.yaml',
      CONFIG.replace('port: 9042}', 'port: 9042, tls: {cert: tls.crt, key: tls.key}}').replace(
        'cluster:',
        'cluster:\n  tls: {ca: ca.crt}',
      ),
    );
    const { detector, expiries } = await tlsOf();
    expect(detector).not.toBeNull();
    const [[labels, seconds]] = expiries as [(typeof expiries)[number]];
    expect(labels).toEqual(['listen']);
    expect(seconds).toBeGreaterThan(DAY_SECONDS / 2);
    expect(seconds).toBeLessThanOrEqual(DAY_SECONDS);
  });
});
