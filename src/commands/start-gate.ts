// Puts the parts of a gate together from the configuration, and takes them apart again.
import { setTimeout as delay } from 'node:timers/promises';
import { later, wallMs } from '../clock.ts';
import { Readiness } from '../admin/readiness.ts';
import { prometheusRegistry } from '../admin/prometheus.ts';
import { startAdmin, type AdminServer } from '../admin/server.ts';
import { ActivityLog } from '../audit/activity.ts';
import { Ledger } from '../audit/ledger.ts';
import { ledgerFolders } from '../audit/ledger-files.ts';
import { pastLogins } from '../audit/past-logins.ts';
import { RefusalLog } from '../audit/refusals.ts';
import { SessionLog } from '../audit/session-log.ts';
import { StatementCache } from '../cql/statement-cache.ts';
import type { LoadedConfig } from '../config/load.ts';
import { loadPolicy, policyContext, type PolicyContext } from '../config/load-policy.ts';
import { PolicyWatcher } from '../config/policy-watcher.ts';
import { JWKS } from '../limits/identity.ts';
import { LAST_RESORT } from '../limits/process.ts';
import { Admission } from '../identity/admission.ts';
import { TokenVerifier } from '../identity/verifier.ts';
import { unattended } from '../guard.ts';
import { MemoryBudget } from '../memory/budget.ts';
import { deriveBudget } from '../memory/derive.ts';
import { Metrics } from '../metrics/metrics.ts';
import { endpointText } from '../protocol/inet.ts';
import type { Exchange } from '../session/exchange.ts';
import type { Gate, Log } from '../session/gate.ts';
import { Analyst } from '../session/analyst.ts';
import { decompressionSlots } from '../session/decompress.ts';
import { RoleLoads } from '../session/in-flight.ts';
import { Listener } from '../session/listener.ts';
import { ProxySources } from '../session/proxy-sources.ts';
import { Revocations } from '../revocation/revocations.ts';
import { RequestCounts } from '../session/request-counts.ts';
import { activitySource } from '../session/recording.ts';
import { adminControl, openHosts } from './admin-control.ts';
import { advertisingOf } from './advertising.ts';
import { ddlLane, revocationFeed } from './fleet.ts';
import { gateTls } from './gate-tls.ts';
import { commitSource } from './commits.ts';
import { reportFaults } from './fault-report.ts';
import { readGauges } from './gauges.ts';
import { logNodes } from './log-nodes.ts';
import { loginsOf, recordLogin, refusedLogins } from './logins.ts';
import { isTelemetryEnabled } from '../telemetry/enabled.ts';
import { Cluster } from '../upstream/cluster.ts';
import { SINGLE_PROCESS, type WholeGate, type WorkerGroup } from '../workers/worker-group.ts';

export interface RunningGate {
  readonly port: number;
  readonly drainTimeoutMs: number;
  /** Not ready, no new connections, sessions served until they end or `timeoutMs`; then `close`. */
  drain(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
  /** Ends all sessions and writes what the ledger holds; whatever else there is, the process is about to end. */
  seal(): Promise<void>;
}

/**
 * The gate, or one of its workers. Rejects with ConfigFault, or with what keeps it from
 * starting.
 */
export async function startGate(
  loaded: LoadedConfig,
  ownLog: Log,
  workers: WorkerGroup = SINGLE_PROCESS,
): Promise<RunningGate> {
  const { config, limits } = loaded;
  const metrics = new Metrics();
  const running = isTelemetryEnabled(process.env)
    ? (await import('../telemetry/start.ts')).startTelemetry(metrics, ownLog)
    : null;
  const log = running?.withLog(ownLog) ?? ownLog;
  reportFaults(log, metrics);
  const readiness = new Readiness();
  const memory = new MemoryBudget({
    ...deriveBudget(limits, loaded.workers),
    requestBytes: limits.inFlightBytes,
    evicted: (cache) => metrics.counter('memory_evictions_total', cache).value++,
    paused: () => metrics.counter('memory_pauses_total').value++,
  });
  const logins = await loginsOf(loaded, { metrics, readiness, log });
  const context: PolicyContext = { ...policyContext(loaded), ownLogins: logins.usernames };
  const { policy, content, warnings } = await loadPolicy(loaded.policyFile, context);
  for (const warning of [...loaded.warnings, ...warnings]) log.warn({}, warning);

  const ledger = await Ledger.open({
    dir: workers.ledgerDir(loaded.auditDir),
    onError: (error) => {
      metrics.counter('audit_write_failures_total').value++;
      log.error({ err: error }, 'the ledger cannot be written');
    },
    onLost: (isFirst) => {
      metrics.counter('audit_lost_total').value++;
      if (isFirst)
        log.error({}, 'records of the ledger are lost: it is full, and its disk refuses');
    },
  });
  const others = metrics.counter('audit_counted_total', 'other_rows');
  const activity = new ActivityLog<Exchange>(ledger, activitySource, {
    account: memory.heapKind('activity'),
    bytesPerRole: limits.activityBytesPerRole,
    onOther: () => others.value++,
  });
  const counted = metrics.counter('audit_counted_total', 'refusal');
  const refusals = new RefusalLog(ledger, {
    account: memory.heapKind('refusals'),
    onCounted: () => counted.value++,
  });
  const countedSessions = metrics.counter('audit_counted_total', 'session');
  const sessionLog = new SessionLog(ledger, {
    account: memory.heapKind('refusals'),
    onCounted: () => countedSessions.value++,
  });
  let listener: Listener | null = null;
  let whole: WholeGate | null = null;
  const certificates = gateTls(loaded, metrics, log);
  const cluster = new Cluster({
    contactPoints: loaded.contactPoints,
    datacenters: {
      local: config.cluster.localDatacenter ?? null,
      remote: config.cluster.remoteDatacenters,
    },
    dial: certificates.dial,
    logins: logins.sources,
    gateRole: loaded.gateRole,
    compression: config.cluster.compression,
    connectionsPerPool: config.cluster.connectionsPerPool,
    poolConnections: limits.poolConnections,
    preparedRegistryBytes: limits.preparedRegistryBytes,
    memory,
    allowUntested: config.cluster.allowUntested,
    listener: {
      schemaChanged: (change) => listener?.schemaChanged(change),
      superuser: (name) =>
        log.warn(
          { cassandra_role: name },
          'an upstream login is a superuser: Cassandra is no second wall behind the policy; use a login with grants',
        ),
      nodesChanged: (nodes, local) => logNodes(nodes, local, config.cluster.localDatacenter, log),
      loginChanged: (login) => recordLogin(login, { metrics, ledger, log }),
      fault: (fault, isRepeated) => {
        metrics.counter('upstream_faults_total', fault.code).value++;
        if (!isRepeated) log.warn({ code: fault.code }, `upstream: ${fault.message}`);
      },
    },
  });
  const analyst = new Analyst();
  const gate: Gate = {
    cluster,
    lane: ddlLane(cluster, limits, workers, metrics, log),
    statements: new StatementCache({
      maxBytes: limits.statementCacheBytes,
      account: memory.heapKind('statements'),
    }),
    analyst,
    decompressions: decompressionSlots(),
    audit: ledger,
    activity,
    refusals,
    sessionLog,
    verifier: new TokenVerifier({
      account: memory.heapKind('tokens'),
      issuers: loaded.issuers,
      onVerified: (tokenSha256) => {
        // Only a grace asks whether a token was seen before.
        if (gate.policy.longestGraceMs > 0) whole?.tokenSeen(tokenSha256);
      },
      onKeysWithdrawn: (issuer, keyIds) => {
        metrics.counter('issuer_keys_withdrawn_total', issuer).value += keyIds.length;
        const named = keyIds.slice(0, JWKS.idsLogged).map((id) => id.slice(0, JWKS.idLength));
        log.warn(
          { issuer, keys: keyIds.length, key_ids: named },
          'an issuer withdrew keys; tokens and sessions that rest on them end',
        );
      },
      onKeysFailed: (issuer, error) => {
        metrics.counter('issuer_key_failures_total', issuer).value++;
        log.warn({ issuer, reason: error.message }, 'the keys of an issuer could not be fetched');
      },
    }),
    commits: await commitSource(loaded, metrics, log),
    revocations: new Revocations(),
    admission: new Admission(limits),
    advertising: await advertisingOf(loaded, log),
    limits,
    allowPlaintext: config.listen.allowPlaintext,
    dml: config.audit.dml,
    log,
    metrics,
    telemetry: running?.telemetry ?? null,
    requestCounts: new RequestCounts(metrics),
    roleLoads: new RoleLoads(),
    policy,
    memory,
  };
  memory.register({ name: 'statements', evict: () => gate.statements.evict() });
  memory.register({ name: 'prepared', evict: () => cluster.prepared.evict() });
  memory.register({ name: 'tokens', evict: () => gate.verifier.evict() });
  memory.register({ name: 'activity', evict: () => activity.flush() });
  memory.register({
    name: 'refusals',
    evict: () => {
      refusals.flush();
      sessionLog.flush();
    },
  });
  const feed = revocationFeed(gate);
  for (const dir of await ledgerFolders(loaded.auditDir)) {
    gate.verifier.sawBefore(await pastLogins(dir, later(wallMs(), -policy.longestGraceMs)));
  }
  readGauges(gate, { ledger, readiness, sessions: () => listener?.sessions ?? 0 });
  readiness.watch(
    'the control connection to the cluster is down',
    () => cluster.control.isConnected,
  );
  readiness.advise(() => refusedLogins(cluster));
  readiness.watch('the audit ledger cannot be written', () => ledger.writable);
  whole = await workers.join({
    registry: prometheusRegistry(metrics),
    readiness: () => readiness.report(),
    sessions: () => listener?.list() ?? [],
    tokenSeen: (tokenSha256) => gate.verifier.sawBefore([tokenSha256]),
    revoked: (revocation) => gate.revocations.add([revocation]),
  });
  ledger.append(configEntry('gate started', policy.version));
  const watcher = new PolicyWatcher(
    {
      file: loaded.policyFile,
      context,
      onPolicy: (taken) => {
        gate.policy = taken.policy;
        metrics.counter('policy_reloads_total', 'taken').value++;
        ledger.append(configEntry('policy taken', taken.policy.version));
        for (const warning of taken.warnings) log.warn({}, warning);
        log.info({ policy_version: taken.policy.version }, 'policy taken');
      },
      onProblem: (fault, state) => {
        metrics.counter('policy_reloads_total', state).value++;
        log.error(
          { problems: fault.problems },
          state === 'invalid'
            ? 'the changed policy is not valid; the one before stays in force'
            : 'the policy file cannot be read, or is gone; the policy read before stays in force',
        );
      },
      onRestored: () => {
        metrics.counter('policy_reloads_total', 'restored').value++;
        log.info({}, 'the policy file is again what the policy in force was made of');
      },
    },
    content,
  );
  readiness.advise(() => (watcher.problem === null ? [] : [watcher.problem]));
  metrics.gauge('policy_file_usable', () => Number(watcher.problem === null));
  let admin: AdminServer | null = null;
  const close = async (): Promise<void> => {
    watcher.close();
    gate.verifier.close();
    await listener?.close();
    feed.close();
    await gate.lane.close();
    cluster.close();
    await logins.close();
    await analyst.close();
    certificates.close();
    activity.close();
    refusals.close();
    sessionLog.close();
    await ledger.close();
    admin?.close();
    await running?.close();
  };
  const seal = async (): Promise<void> => {
    await Promise.race([listener?.close(), delay(LAST_RESORT.sessionsMs)]);
    await ledger.close();
    await running?.close();
  };
  const drain = async (timeoutMs: number): Promise<void> => {
    readiness.drain();
    log.info({ sessions: listener?.sessions ?? 0, timeout_ms: timeoutMs }, 'draining');
    // Whoever routes to this gate reads /readyz before it meets a closed port.
    if (admin !== null && timeoutMs > 0) await delay(Math.min(limits.drainNoticeMs, timeoutMs));
    await listener?.drain(timeoutMs);
    log.info({}, 'drained');
  };
  try {
    if (config.admin !== undefined) {
      // Before the cluster is there: /readyz says that it is not.
      const control = adminControl(gate, feed, whole, config.admin);
      const { keepAliveMs } = limits;
      const hosts = openHosts(config);
      admin = await startAdmin({ ...config.admin, ...whole, keepAliveMs, hosts, control });
      log.info({}, `admin port on ${endpointText({ host: config.admin.host, port: admin.port })}`);
    }
    unattended('keys', gate.verifier.prefetchKeys());
    gate.verifier.keepKeysFresh();
    await logins.start();
    await cluster.start();
    await Promise.all([feed.start(), cluster.warmed()]);
    const proxies = new ProxySources(config.listen.proxyProtocol ?? []);
    listener = new Listener(gate, certificates.detector, proxies);
    const port = await listener.listen(config.listen.host, config.listen.port);
    readiness.started();
    workers.up();
    const { clusterName, releaseVersion } = cluster.control.target;
    log.info(
      { cluster: clusterName, cassandra: releaseVersion, policy_version: policy.version },
      `listening on ${endpointText({ host: config.listen.host, port })}`,
    );
    return { port, drainTimeoutMs: limits.drainTimeoutMs, drain, close, seal };
  } catch (error) {
    await close();
    throw error;
  }
}

function configEntry(reason: string, policyVersion: string) {
  return {
    kind: 'config',
    session: null,
    reason,
    detail: { policy_version: policyVersion },
  } as const;
}
