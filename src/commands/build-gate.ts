// Builds the parts of a gate from its configuration. Files are read and names are resolved here; nothing is connected and
// no port is open yet.
import { prometheusRegistry } from '../admin/prometheus.ts';
import { Readiness } from '../admin/readiness.ts';
import type { AdminServer } from '../admin/server.ts';
import { ledgerFolders } from '../audit/ledger-files.ts';
import { pastLogins } from '../audit/past-logins.ts';
import { later, wallMs } from '../clock.ts';
import type { LoadedConfig } from '../config/load.ts';
import { loadPolicy, policyContext, type PolicyContext } from '../config/load-policy.ts';
import type { PolicyWatcher } from '../config/policy-watcher.ts';
import { StatementCache } from '../cql/statement-cache.ts';
import { Admission } from '../identity/admission.ts';
import { MemoryBudget } from '../memory/budget.ts';
import { deriveBudget } from '../memory/derive.ts';
import { Metrics } from '../metrics/metrics.ts';
import { Revocations } from '../revocation/revocations.ts';
import type { Logins } from '../secrets/logins.ts';
import { Analyst } from '../session/analyst.ts';
import { decompressionSlots } from '../session/decompress.ts';
import type { Gate, Log } from '../session/gate.ts';
import { RoleLoads } from '../session/in-flight.ts';
import type { Listener } from '../session/listener.ts';
import { RequestCounts } from '../session/request-counts.ts';
import type { RevocationFeed } from '../fleet/revocation-feed.ts';
import type { WholeGate, WorkerGroup } from '../workers/worker-group.ts';
import { advertisingOf } from './advertising.ts';
import { openAuditLogs, type AuditLogs } from './audit-logs.ts';
import { commitSource } from './commits.ts';
import { ddlLane, revocationFeed } from './fleet.ts';
import { gateTls, type GateTls } from './gate-tls.ts';
import { readGauges } from './gauges.ts';
import { loginsOf, refusedLogins } from './logins.ts';
import { recordPolicy, watchPolicy } from './policy-reload.ts';
import { processTelemetry, type ProcessTelemetry } from './process-telemetry.ts';
import { tokenVerifier } from './token-verifier.ts';
import { upstreamCluster } from './upstream-cluster.ts';

/** The ports that are open now. */
interface OpenPorts {
  listener: Listener | null;
  admin: AdminServer | null;
}

export interface GateParts {
  readonly loaded: LoadedConfig;
  readonly gate: Gate;
  readonly telemetry: ProcessTelemetry;
  readonly readiness: Readiness;
  readonly logins: Logins;
  readonly logs: AuditLogs;
  readonly certificates: GateTls;
  readonly feed: RevocationFeed;
  readonly watcher: PolicyWatcher;
  readonly whole: WholeGate;
  readonly ports: OpenPorts;
}

/** Rejects with ConfigFault, or with what else keeps the gate from starting. */
export async function buildGate(
  loaded: LoadedConfig,
  ownLog: Log,
  workers: WorkerGroup,
): Promise<GateParts> {
  const { policyFile } = loaded;
  const metrics = new Metrics();
  const telemetry = await processTelemetry(metrics, ownLog);
  const { log } = telemetry;
  const readiness = new Readiness();
  const memory = memoryBudget(loaded, metrics);
  const logins = await loginsOf(loaded, { metrics, readiness, log });
  const context: PolicyContext = { ...policyContext(loaded), ownLogins: logins.usernames };
  const { policy, content, warnings } = await loadPolicy(policyFile, context);
  for (const warning of [...loaded.warnings, ...warnings]) log.warn({}, warning);
  const around = { limits: loaded.limits, memory, metrics, log };
  const logs = await openAuditLogs(workers.ledgerDir(loaded.auditDir), around);
  const certificates = gateTls(loaded, metrics, log);
  const ports: OpenPorts = { listener: null, admin: null };
  let whole: WholeGate | null = null;
  const gate: Gate = await sharedBySessions(loaded, workers, {
    policy,
    memory,
    metrics,
    telemetry,
    logs,
    logins,
    certificates,
    ports,
    // Only where expired tokens are forgiven does anybody ask whether one was seen before.
    tokenSeen: (sha256) => {
      if (gate.policy.longestGraceMs > 0) whole?.tokenSeen(sha256);
    },
  });
  const feed = revocationFeed(gate);
  await recallPastLogins(gate, loaded.auditDir);
  readGauges(gate, {
    ledger: logs.ledger,
    readiness,
    sessions: () => ports.listener?.sessions ?? 0,
  });
  watchReadiness(readiness, gate, logs);
  whole = await workers.join({
    registry: prometheusRegistry(metrics),
    readiness: () => readiness.report(),
    sessions: () => ports.listener?.list() ?? [],
    tokenSeen: (tokenSha256) => gate.verifier.sawBefore([tokenSha256]),
    revoked: (revocation) => gate.revocations.add([revocation]),
  });
  recordPolicy(logs.ledger, 'gate started', policy.version);
  const watcher = watchPolicy(gate, readiness, { file: policyFile, content, context });
  return {
    loaded,
    gate,
    telemetry,
    readiness,
    logins,
    logs,
    certificates,
    feed,
    watcher,
    whole,
    ports,
  };
}

function memoryBudget({ limits, workers }: LoadedConfig, metrics: Metrics): MemoryBudget {
  return new MemoryBudget({
    ...deriveBudget(limits, workers),
    requestBytes: limits.inFlightBytes,
    evicted: (cache) => metrics.counter('memory_evictions_total', cache).value++,
    paused: () => metrics.counter('memory_pauses_total').value++,
  });
}

interface Ingredients
  extends
    Pick<Gate, 'policy' | 'memory' | 'metrics'>,
    Pick<GateParts, 'telemetry' | 'logs' | 'logins' | 'certificates' | 'ports'> {
  /** Told the hash of each token that was not verified here before. */
  readonly tokenSeen: (sha256: string) => void;
}

/** What all sessions share. */
async function sharedBySessions(
  loaded: LoadedConfig,
  workers: WorkerGroup,
  parts: Ingredients,
): Promise<Gate> {
  const { config, limits } = loaded;
  const { policy, memory, metrics, telemetry, logs, logins, certificates, ports } = parts;
  const { log, running } = telemetry;
  const { ledger, activity, refusals, sessionLog } = logs;
  const { dial } = certificates;
  const schemaChanged: Listener['schemaChanged'] = (change) =>
    ports.listener?.schemaChanged(change);
  const cluster = upstreamCluster(
    loaded,
    { dial, logins: logins.sources, schemaChanged },
    { memory, metrics, ledger, log },
  );
  const gate: Gate = {
    cluster,
    lane: ddlLane(cluster, limits, workers, metrics, log),
    statements: new StatementCache({
      maxBytes: limits.statementCacheBytes,
      account: memory.heapKind('statements'),
    }),
    analyst: new Analyst(),
    decompressions: decompressionSlots(),
    audit: ledger,
    activity,
    refusals,
    sessionLog,
    verifier: tokenVerifier(loaded, parts.tokenSeen, { memory, metrics, log }),
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
  registerCaches(gate);
  return gate;
}

/** In the order in which they give memory back. */
function registerCaches(gate: Gate): void {
  const { memory, statements, cluster, verifier, activity, refusals, sessionLog } = gate;
  memory.register({ name: 'statements', evict: () => statements.evict() });
  memory.register({ name: 'prepared', evict: () => cluster.prepared.evict() });
  memory.register({ name: 'tokens', evict: () => verifier.evict() });
  memory.register({ name: 'activity', evict: () => activity.flush() });
  memory.register({
    name: 'refusals',
    evict: () => {
      refusals.flush();
      sessionLog.flush();
    },
  });
}

/** Tokens that were good before this start may be forgiven their expiry, as long as the policy says. */
async function recallPastLogins({ verifier, policy }: Gate, auditDir: string): Promise<void> {
  for (const dir of await ledgerFolders(auditDir)) {
    verifier.sawBefore(await pastLogins(dir, later(wallMs(), -policy.longestGraceMs)));
  }
}

function watchReadiness(readiness: Readiness, { cluster }: Gate, { ledger }: AuditLogs): void {
  readiness.watch(
    'the control connection to the cluster is down',
    () => cluster.control.isConnected,
  );
  readiness.advise(() => refusedLogins(cluster));
  readiness.watch('the audit ledger cannot be written', () => ledger.writable);
}
