// The certificates of a running gate: those of its port and those it shows its nodes. Both are read again
// when their files change.
import { msBetween, wallMs } from '../clock.ts';
import type { LoadedConfig, LoadedTls } from '../config/load.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Log } from '../session/gate.ts';
import { CertificateWatcher, expiryWarning, type Certificates } from '../tls/certificates.ts';
import { TlsDetector } from '../tls/tls-detector.ts';
import { dialPlain, dialTls, type Dial } from '../upstream/dial.ts';

export interface GateTls {
  /** null: the port speaks plaintext. */
  readonly detector: TlsDetector | null;
  readonly dial: Dial;
  close(): void;
}

export function gateTls(
  { config, tls, limits }: LoadedConfig,
  metrics: Metrics,
  log: Log,
): GateTls {
  const watchers = new Map<string, CertificateWatcher>();
  const watch = (
    which: 'listen' | 'cluster',
    { files, certificates }: LoadedTls,
    changed: (certificates: Certificates) => void,
  ): CertificateWatcher => {
    const watcher = new CertificateWatcher(files, certificates, {
      changed: (renewed) => {
        metrics.counter('certificate_reloads_total', which, 'taken').value++;
        changed(renewed);
        log.info({}, `${which}.tls: new certificates are in use`);
        const warning = expiryWarning(renewed, `${which}.tls`);
        if (warning !== null) log.warn({}, warning);
      },
      invalid: (problems) => {
        metrics.counter('certificate_reloads_total', which, 'invalid').value++;
        log.error(
          { problems },
          `${which}.tls: the changed files are not valid; those before serve on`,
        );
      },
    });
    watchers.set(which, watcher);
    return watcher;
  };
  let detector: TlsDetector | null = null;
  if (tls.listen !== null) {
    const created = new TlsDetector(tls.listen.certificates);
    watch('listen', tls.listen, (renewed) => created.renew(renewed));
    detector = created;
  }
  let dial = dialPlain(limits.keepAliveMs);
  if (tls.cluster !== null) {
    const watcher = watch('cluster', tls.cluster, () => undefined);
    const serverName = config.cluster.tls?.serverName ?? null;
    dial = dialTls(() => watcher.current, serverName, limits.keepAliveMs);
  }
  metrics.gauge('certificate_expiry_seconds', () =>
    [...watchers].flatMap(([which, { current }]) =>
      current.expiresAtMs === null
        ? []
        : [[[which], msBetween(wallMs(), current.expiresAtMs) / 1000] as const],
    ),
  );
  return {
    detector,
    dial,
    close: () => {
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
