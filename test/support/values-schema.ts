// helm/cqlgate/values.schema.json: the chart's own values, and within them `config` and `policy` as the gate's schemas
// have them, without the keys that are the chart's.
import { z } from 'zod';
import { policySchema } from '../../src/config/policy-schema.ts';
import { configSchema } from '../../src/config/schema.ts';

const text = z.string();
const count = z.int().min(0);
const port = z.int().min(1).max(65_535);
const texts = z.record(text, text);
/** A name of Kubernetes' that ends up in a path. */
const name = text.regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
const optionalName = z.union([z.literal(''), name]);
/** Kubernetes' own shapes: its API server checks them. */
const object = z.record(text, z.unknown());
const objects = z.array(object);
const share = z.union([count, text.regex(/^\d{1,3}%$/)]);
const retention = z.enum(['Retain', 'Delete']);

const chart = z.strictObject({
  global: object,
  image: z.strictObject({
    repository: text,
    tag: text,
    digest: z.union([z.literal(''), text.regex(/^sha256:[0-9a-f]{64}$/)]),
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
  }),
  imagePullSecrets: z.array(name),
  fullnameOverride: optionalName,
  clusterDomain: name,
  replicas: z.int().min(1),
  config: object,
  policy: object,
  existingPolicyConfigMap: optionalName,
  tls: z.strictObject({ existingSecret: optionalName, clientCa: z.boolean() }),
  secrets: z.array(name),
  configMaps: z.array(name),
  ledger: z.strictObject({
    size: text.regex(/^\d+(\.\d+)?(Mi|Gi|Ti|M|G|T)$/),
    storageClassName: text,
    accessMode: z.enum(['ReadWriteOncePod', 'ReadWriteOnce']),
    retention: z.strictObject({ whenScaled: retention, whenDeleted: retention }),
  }),
  service: z.strictObject({
    type: z.enum(['ClusterIP', 'LoadBalancer', 'NodePort']),
    port,
    annotations: texts,
    loadBalancerClass: text,
    loadBalancerSourceRanges: z.array(text),
    externalTrafficPolicy: z.enum(['', 'Cluster', 'Local']),
  }),
  serviceAccount: z.strictObject({
    create: z.boolean(),
    name: optionalName,
    annotations: texts,
    tokenAudience: text,
    tokenExpirationSeconds: z.int().min(600),
  }),
  vaultAgent: z.strictObject({
    enabled: z.boolean(),
    role: text,
    secrets: z.record(
      text.regex(/^[-a-zA-Z0-9_.]+$/),
      z.strictObject({ path: text.min(1), template: text.optional() }),
    ),
  }),
  drain: z.strictObject({ preStopSeconds: count, marginSeconds: count }),
  resources: object,
  autoscaling: z.strictObject({
    enabled: z.boolean(),
    minReplicas: z.int().min(1),
    maxReplicas: z.int().min(1),
    cpuPercent: z.int().min(1),
    podMetrics: z.array(
      z.strictObject({ name: text.regex(/^cqlgate_[a-z_0-9]+$/), averageValue: text.min(1) }),
    ),
  }),
  podDisruptionBudget: z.strictObject({ enabled: z.boolean(), maxUnavailable: share }),
  networkPolicy: z.strictObject({
    enabled: z.boolean(),
    cqlFrom: objects,
    adminFrom: objects,
    dnsTo: objects,
    cassandraTo: objects,
    httpsTo: objects,
    otlpTo: objects,
    extraEgress: objects,
    cassandra: z.strictObject({ podSelector: object, namespace: optionalName, alsoFrom: objects }),
  }),
  metrics: z.strictObject({
    serviceMonitor: z.strictObject({
      enabled: z.boolean(),
      interval: text.regex(/^\d+(ms|s|m)$/),
      labels: texts,
    }),
    prometheusRule: z.strictObject({ enabled: z.boolean(), labels: texts }),
  }),
  ingress: z.strictObject({
    enabled: z.boolean(),
    className: text,
    host: text,
    tlsSecret: optionalName,
    annotations: texts,
  }),
  otlpEndpoint: z.union([z.literal(''), text.regex(/^https?:\/\/[^/\s]+/)]),
  env: z.array(
    z.strictObject({ name: text.min(1), value: text.optional(), valueFrom: object.optional() }),
  ),
  topologySpread: z.array(
    z.strictObject({
      topologyKey: text.min(1),
      whenUnsatisfiable: z.enum(['ScheduleAnyway', 'DoNotSchedule']),
    }),
  ),
  podAnnotations: texts,
  podLabels: texts,
  nodeSelector: texts,
  tolerations: objects,
  affinity: object,
  priorityClassName: text,
});

interface Schema {
  pattern?: string;
  required?: string[];
  properties?: Record<string, Schema>;
  [key: string]: unknown;
}

/** Keys of cqlgate.yaml that the chart sets. */
const OF_THE_CHART = ['listen.port', 'admin.port', 'advertise.peers', 'audit.dir', 'policy'];

export function renderValuesSchema(): string {
  const values = allOptional(jsonSchema(chart));
  const config = jsonSchema(configSchema);
  for (const key of OF_THE_CHART) leaveOut(config, key.split('.'));
  // What is missing is told by the templates: `helm lint` has to take a chart without any values.
  delete config.required;
  const policy = jsonSchema(policySchema);
  delete policy.required;
  values.properties = { ...values.properties, config, policy };
  return `${JSON.stringify(values, null, 2)}\n`;
}

/** values.yaml has a default for each; what lists hold has none. */
function allOptional(given: Schema): Schema {
  const schema = { ...given };
  delete schema.required;
  const { properties } = schema;
  if (properties === undefined) return schema;
  const entries = Object.entries(properties).map(([key, one]) => [key, allOptional(one)]);
  return { ...schema, properties: Object.fromEntries(entries) as Record<string, Schema> };
}

/** In the draft that every Helm 3 reads. */
function jsonSchema(schema: z.ZodType): Schema {
  const made = schema.toJSONSchema({ io: 'input', unrepresentable: 'any', target: 'draft-7' });
  return withoutLookaround(made as Schema);
}

/** Go's regular expressions can't look ahead; those patterns are left to the gate. */
function withoutLookaround(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
    key === 'pattern' && typeof value === 'string' && /\(\?[=!<]/.test(value) ? undefined : value,
  ) as Schema;
}

function leaveOut(schema: Schema, [key, ...rest]: readonly string[]): void {
  const child = schema.properties?.[key!];
  if (child === undefined) throw new Error(`the configuration has no key ${key!}`);
  if (rest.length > 0) {
    leaveOut(child, rest);
    return;
  }
  schema.properties = Object.fromEntries(
    Object.entries(schema.properties!).filter(([name]) => name !== key),
  );
  schema.required = (schema.required ?? []).filter((name) => name !== key);
  if (schema.required.length === 0) delete schema.required;
}
