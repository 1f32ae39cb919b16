// OpenTelemetry as the `OTEL_*` variables say: spans, the gate's metrics, and its log lines. Loaded
// only where they ask for it (wanted.ts).
import { randomUUID } from 'node:crypto';
import { metrics as metricsApi, trace, type BatchObservableResult } from '@opentelemetry/api';
import { logs, SeverityNumber } from '@opentelemetry/api-logs';
import { NodeSDK, resources } from '@opentelemetry/sdk-node';
import { COUNTERS, GAUGES } from '../metrics/catalogue.ts';
import { COUNTER_NAMES, GAUGE_NAMES, type Labels, type Metrics } from '../metrics/metrics.ts';
import type { Log } from '../session/gate.ts';
import type { Telemetry } from '../session/telemetry.ts';
import { samplerOf } from './sampler.ts';
import { Spans } from './spans.ts';

const SCOPE = 'cqlgate';

export interface RunningTelemetry {
  readonly telemetry: Telemetry;
  /** The same log, each line also a log record. */
  withLog(log: Log): Log;
  /** Sends what is waiting, and ends. */
  close(): Promise<void>;
}

export function startTelemetry(metrics: Metrics, env = process.env): RunningTelemetry {
  const sdk = new NodeSDK({
    sampler: samplerOf(env),
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over it. Each process is an instance: without
    // that the metrics of workers would be taken for one and the same.
    resource: resources.resourceFromAttributes({
      'service.name': SCOPE,
      'service.instance.id': randomUUID(),
    }),
    instrumentations: [],
  });
  sdk.start();
  const meter = metricsApi.getMeter(SCOPE);
  observe(metrics, meter);
  const durations = meter.createHistogram('db.client.operation.duration', {
    unit: 's',
    description: 'Duration of database client operations.',
    advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
  });
  return {
    telemetry: new Spans(trace.getTracer(SCOPE), durations),
    withLog: emitting,
    close: async () => sdk.shutdown().catch(() => undefined),
  };
}

/** The table of metrics as instruments that are read when an export is due. */
function observe(metrics: Metrics, meter: ReturnType<typeof metricsApi.getMeter>): void {
  const named = (names: readonly string[], values: Labels) =>
    Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
  const counters = COUNTER_NAMES.map((name) => ({
    name,
    instrument: meter.createObservableCounter(`cqlgate.${name.replace(/_total$/, '')}`, {
      description: COUNTERS[name].help,
    }),
  }));
  const gauges = GAUGE_NAMES.map((name) => ({
    name,
    instrument: meter.createObservableGauge(`cqlgate.${name}`, { description: GAUGES[name].help }),
  }));
  meter.addBatchObservableCallback(
    (result: BatchObservableResult) => {
      for (const { name, instrument } of counters) {
        for (const { labels, series } of metrics.counts(name)) {
          result.observe(instrument, series.value, named(COUNTERS[name].labels, labels));
        }
      }
      for (const { name, instrument } of gauges) {
        for (const [labels, value] of metrics.values(name)) {
          result.observe(instrument, value, named(GAUGES[name].labels, labels));
        }
      }
    },
    [...counters, ...gauges].map(({ instrument }) => instrument),
  );
}

const SEVERITIES = {
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
} as const;

function emitting(log: Log): Log {
  const logger = logs.getLogger(SCOPE);
  const line =
    (level: keyof typeof SEVERITIES) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      log[level](fields, message);
      logger.emit({
        severityNumber: SEVERITIES[level],
        severityText: level.toUpperCase(),
        body: message,
        attributes: Object.fromEntries(
          Object.entries(fields).map(([key, value]) => [
            key,
            typeof value === 'number' || typeof value === 'boolean' ? value : textOf(value),
          ]),
        ),
      });
    };
  return { info: line('info'), warn: line('warn'), error: line('error') };
}

function textOf(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
