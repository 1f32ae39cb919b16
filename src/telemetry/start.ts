// OpenTelemetry as the `OTEL_*` variables say: spans, the gate's metrics, and its log lines. Loaded
// only where they ask for it (enabled.ts).
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { metrics as metricsApi, trace, type BatchObservableResult } from '@opentelemetry/api';
import { logs, SeverityNumber } from '@opentelemetry/api-logs';
import { core, NodeSDK, resources } from '@opentelemetry/sdk-node';
import { TELEMETRY } from '../limits/process.ts';
import { COUNTERS, GAUGES } from '../metrics/catalogue.ts';
import { COUNTER_NAMES, GAUGE_NAMES, type Labels, type Metrics } from '../metrics/metrics.ts';
import type { Log } from '../session/gate.ts';
import { Seldom } from '../session/seldom.ts';
import type { Telemetry } from '../session/telemetry.ts';
import { samplerOf } from './sampler.ts';
import { Spans } from './spans.ts';

const SCOPE = 'cqlgate';

export interface RunningTelemetry {
  readonly telemetry: Telemetry;
  /** The same log, each line also a log record. */
  withLog(log: Log): Log;
  /** Sends what is waiting, and ends; a collector that does not answer is not waited for. */
  close(): Promise<void>;
}

/** `log` is the log of the process alone: failed exports are not reported to a collector. */
export function startTelemetry(metrics: Metrics, log: Log, env = process.env): RunningTelemetry {
  reportFailures(metrics, log);
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
    close: async () => {
      const sent = sdk.shutdown().catch(() => undefined);
      await Promise.race([sent, delay(TELEMETRY.closeMs)]);
    },
  };
}

/** The exporters of all three signals tell of their failures here, after they tried for as long as `OTEL_*` says. */
function reportFailures(metrics: Metrics, log: Log): void {
  const failures = metrics.counter('telemetry_export_failures_total');
  const warning = new Seldom(TELEMETRY.warnIntervalMs);
  core.setGlobalErrorHandler((error) => {
    failures.value++;
    warning.tell((untold) =>
      log.warn(
        { reason: reasonOf(error), untold },
        'spans, metrics or log records could not be exported to the collector of OTEL_*; what is not taken in time is lost',
      ),
    );
  });
}

/** An exporter's error holds the collector's whole answer too, which is nobody's business here. */
function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: unknown; code?: unknown };
  const text =
    typeof error === 'string' ? error : typeof message === 'string' ? message : 'unknown';
  const known = typeof code === 'string' || typeof code === 'number' ? ` (${code})` : '';
  return (text.split('\n')[0]! + known).slice(0, TELEMETRY.reasonLength);
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
