// Every metric of the gate: one table, from which the admin port's /metrics and OpenTelemetry's
// metrics are both made. Names are without the `cqlgate_` prefix; labels are bounded sets, never texts.

interface MetricRow {
  readonly help: string;
  readonly labels: readonly string[];
  /**
   * Clients have a say in the values, within bounds: when the metric is full, the series that stood still for longest
   * goes into `other` for a new one. Nobody keeps a series of such a metric.
   */
  readonly isOpen?: true;
}

export const COUNTERS = {
  connections_total: {
    help: 'Client connections, by whether they were let in.',
    labels: ['result'],
  },
  telemetry_export_failures_total: {
    help: 'Exports of spans, metrics or log records to the collector of `OTEL_*` that failed.',
    labels: [],
  },
  tls_failures_total: {
    help: "TLS handshakes of clients that failed, by OpenSSL's or Node's code.",
    labels: ['code'],
    isOpen: true,
  },
  proxy_header_failures_total: {
    help: 'Connections from addresses under `listen.proxyProtocol` that were refused, by what was wrong with the PROXY header.',
    labels: ['problem'],
  },
  certificate_reloads_total: {
    help: 'Changes of certificate files, by result.',
    labels: ['which', 'result'],
  },
  logins_total: { help: 'Logins that succeeded, by issuer.', labels: ['issuer'] },
  auth_failures_total: { help: 'Logins that were refused, by reason.', labels: ['reason'] },
  issuer_key_failures_total: {
    help: "Fetches of an issuer's keys that failed; those at hand serve on.",
    labels: ['issuer'],
  },
  issuer_keys_withdrawn_total: {
    help: 'Keys that an issuer lists no longer; tokens and sessions that rest on them end.',
    labels: ['issuer'],
  },
  commit_lookups_total: {
    help: 'Pipeline runs that Bitbucket was asked for, by result.',
    labels: ['result'],
  },
  bitbucket_failures_total: { help: 'Requests to Bitbucket that failed.', labels: [] },
  token_expired_closes_total: {
    help: 'Sessions that ended with their token, by expiry, revocation or their longest time.',
    labels: [],
  },
  slow_client_closes_total: {
    help: 'Sessions that ended because the client did not read its answers.',
    labels: [],
  },
  memory_closes_total: {
    help: 'Sessions that were ended for what they held, by reason.',
    labels: ['reason'],
  },
  memory_pauses_total: {
    help: 'Times that a session above its share was no longer read.',
    labels: [],
  },
  memory_evictions_total: {
    help: 'Times that a cache gave back half of what it held.',
    labels: ['cache'],
  },
  protocol_errors_total: { help: 'Sessions that ended on malformed bytes.', labels: [] },
  drivers_total: {
    help: 'Sessions that logged in, by driver; unknown ones are `other`.',
    labels: ['name', 'version'],
    isOpen: true,
  },
  client_protocol_version_total: {
    help: 'Sessions that logged in, by protocol version.',
    labels: ['version'],
  },
  requests_total: {
    help: 'Requests that were decided on and permitted, by statement family and how they ended.',
    labels: ['family', 'result'],
  },
  denied_total: {
    help: 'Statements refused, by rule and statement kind.',
    labels: ['rule', 'kind'],
  },
  internal_faults_total: {
    help: 'Errors of the gate itself, by what was being handled; each ended that alone, and is in the log.',
    labels: ['place'],
  },
  unprepared_total: { help: 'Executions of statements that were not known here.', labels: [] },
  reprepared_total: {
    help: 'Statements prepared at another node behind their clients.',
    labels: [],
  },
  prepared_conflicts_total: {
    help: 'Ids of prepared statements that a node gave to another text or keyspace too.',
    labels: [],
  },
  node_errors_total: { help: 'Errors that nodes answered, by CQL code.', labels: ['code'] },
  requests_repeated_total: {
    help: 'Requests sent to another node than the first, by why: unsent, lost read, or the error of the first.',
    labels: ['reason'],
  },
  schema_disagreements_total: {
    help: 'Schema changes after which the nodes did not agree in time.',
    labels: [],
  },
  fleet_locks_lost_total: {
    help: 'Locks on schema changes that could not be renewed in time.',
    labels: [],
  },
  upstream_faults_total: { help: 'Faults of connections to nodes, by kind.', labels: ['fault'] },
  login_changes_total: {
    help: 'Times that another upstream login came into force.',
    labels: ['cassandra_role'],
  },
  secret_read_failures_total: {
    help: 'Secrets of upstream logins that could not be read, once for each reason in a row.',
    labels: ['cassandra_role'],
  },
  vault_token_failures_total: {
    help: "Renewals of the gate's token for Vault that failed.",
    labels: [],
  },
  audit_waits_total: {
    help: 'Requests and logins that waited for room in the ledger.',
    labels: [],
  },
  audit_refusals_total: {
    help: 'Statements and logins that were refused because they could not be recorded.',
    labels: ['what'],
  },
  audit_late_outcomes_total: {
    help: 'Changes that were answered before the record of their outcome was on disk.',
    labels: [],
  },
  audit_counted_total: {
    help: 'Records that were counted in another, past a bound: refusals, rows counted as others, and beginnings and ends of sessions.',
    labels: ['what'],
  },
  audit_lost_total: {
    help: 'Records that were lost: the disk did not take them, and there was no room to keep them.',
    labels: [],
  },
  audit_write_failures_total: { help: 'Writes of the ledger that failed.', labels: [] },
  worker_restarts_total: { help: 'Workers that ended and were replaced.', labels: [] },
  policy_reloads_total: {
    help: 'Changes of the policy file: taken, invalid, unreadable (a deleted one too), restored.',
    labels: ['result'],
  },
} as const satisfies Record<string, MetricRow>;

export const HISTOGRAMS = {
  request_duration_seconds: {
    help: 'From forwarding a request to its answer, by statement family.',
    labels: ['family'],
    buckets: [
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ],
  },
  ddl_lane_wait_seconds: {
    help: 'How long schema changes waited for their turn.',
    labels: [],
    buckets: [0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60],
  },
  schema_agreement_seconds: {
    help: 'From the answer of a node to a schema change until all nodes had it.',
    labels: [],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
} as const satisfies Record<string, MetricRow & { readonly buckets: readonly number[] }>;

interface GaugeRow extends MetricRow {
  /** What the gate has of its workers' values; their sum where it does not say. */
  readonly ofWorkers?: 'min' | 'max';
}

export const GAUGES = {
  workers: { help: 'Workers that accept clients; absent where `workers` is 1.', labels: [] },
  ready: { help: '1 while the gate is ready, as /readyz says.', labels: [], ofWorkers: 'min' },
  sessions: { help: 'Client connections open.', labels: [] },
  unauthenticated_connections: { help: 'Client connections without a login.', labels: [] },
  issuer_keys_age_seconds: {
    help: "Since an issuer's keys were last fetched; they serve on for a day while it is down.",
    labels: ['issuer'],
    ofWorkers: 'max',
  },
  revocations_age_seconds: {
    help: "Since the fleet's revocations were last read; absent where they are not shared.",
    labels: [],
    ofWorkers: 'max',
  },
  certificate_expiry_seconds: {
    help: 'Until a certificate of this gate ends: of `listen` or `cluster`.',
    labels: ['which'],
    ofWorkers: 'min',
  },
  memory_bytes: {
    help: 'What clients make the gate hold on the heap or in Buffers, by kind.',
    labels: ['store', 'kind'],
  },
  memory_budget_bytes: { help: 'What they may make it hold.', labels: ['store'] },
  memory_role_bytes: {
    help: 'Buffers that the sessions of a role hold; of the roles that hold the most.',
    labels: ['role'],
  },
  memory_largest_session_bytes: {
    help: 'Buffers that the session with the most holds.',
    labels: [],
    ofWorkers: 'max',
  },
  memory_paused_sessions: {
    help: 'Sessions that are not read because they are above their share.',
    labels: [],
  },
  bytes_in_flight: { help: 'Read buffers held by requests in flight.', labels: [] },
  upstream_nodes: {
    help: 'Nodes of the cluster, by datacenter and whether the gate has a connection: yes, no, or unused where none is meant to exist.',
    labels: ['datacenter', 'reached'],
    ofWorkers: 'max',
  },
  upstream_connections: {
    help: 'Connections to nodes that are open.',
    labels: ['cassandra_role', 'version'],
  },
  upstream_in_flight: {
    help: 'Stream ids taken on connections to nodes, quarantined ones included.',
    labels: ['cassandra_role', 'version'],
  },
  upstream_waiting: {
    help: 'Requests that wait for a connection to a node.',
    labels: ['cassandra_role', 'version'],
  },
  secret_age_seconds: {
    help: 'Age of the secret behind each upstream login.',
    labels: ['cassandra_role'],
    ofWorkers: 'max',
  },
  control_connected: {
    help: '1 while the control connection stands.',
    labels: [],
    ofWorkers: 'min',
  },
  ddl_lane_waiting: { help: 'Schema changes that wait for their turn.', labels: [] },
  ddl_lane_shared: {
    help: '1 where schema changes wait for those of the other gates too; absent before the first.',
    labels: [],
    ofWorkers: 'min',
  },
  prepared_statements: { help: 'Prepared statements in the registry.', labels: [] },
  audit_waiting: { help: 'Requests and logins that wait for room in the ledger.', labels: [] },
  audit_kept_bytes: {
    help: 'Of the queue of the ledger: records that wait, and room kept for those to come.',
    labels: [],
  },
  audit_queue_bytes: { help: 'Records waiting for the disk.', labels: [] },
  audit_writable: { help: '1 while the ledger can be written.', labels: [], ofWorkers: 'min' },
  policy_file_usable: {
    help: '0 while the policy file cannot be read or is not valid; the policy before stays in force.',
    labels: [],
    ofWorkers: 'min',
  },
  policy_info: { help: 'The policy in force.', labels: ['version'], ofWorkers: 'max' },
} as const satisfies Record<string, GaugeRow>;

export type CounterName = keyof typeof COUNTERS;
export type GaugeName = keyof typeof GAUGES;
export type HistogramName = keyof typeof HISTOGRAMS;
