// Runs a gate that was built: connects it to the cluster, and opens its ports.
import { startAdmin } from '../admin/server.ts';
import { unattended } from '../guard.ts';
import { endpointText } from '../protocol/inet.ts';
import { Listener } from '../session/listener.ts';
import { ProxySources } from '../session/proxy-sources.ts';
import type { WorkerGroup } from '../workers/worker-group.ts';
import { adminControl, openHosts } from './admin-control.ts';
import type { GateParts } from './build-gate.ts';

/** Resolves with the port that clients connect to, once they can. */
export async function runGate(parts: GateParts, workers: WorkerGroup): Promise<number> {
  const { loaded, gate, certificates, feed, logins, ports, readiness } = parts;
  const { cluster, verifier, policy, log } = gate;
  const { listen } = loaded.config;
  // The admin port comes first: while the cluster is not reached, /readyz says so there.
  await openAdminPort(parts);
  unattended('keys', verifier.prefetchKeys());
  verifier.keepKeysFresh();
  await logins.start();
  await cluster.start();
  await Promise.all([feed.start(), cluster.warmed()]);
  const proxies = new ProxySources(listen.proxyProtocol ?? []);
  ports.listener = new Listener(gate, certificates.detector, proxies);
  const port = await ports.listener.listen(listen.host, listen.port);
  readiness.started();
  workers.up();
  const { clusterName, releaseVersion } = cluster.control.target;
  log.info(
    { cluster: clusterName, cassandra: releaseVersion, policy_version: policy.version },
    `listening on ${endpointText({ host: listen.host, port })}`,
  );
  return port;
}

async function openAdminPort({ loaded, gate, feed, whole, ports }: GateParts): Promise<void> {
  const { config, limits } = loaded;
  if (config.admin === undefined) return;
  const control = adminControl(gate, feed, whole, config.admin);
  const { keepAliveMs } = limits;
  const { host } = config.admin;
  const hosts = openHosts(config);
  ports.admin = await startAdmin({ ...config.admin, ...whole, keepAliveMs, hosts, control });
  gate.log.info({}, `admin port on ${endpointText({ host, port: ports.admin.port })}`);
}
