// The gate's metrics in Prometheus' text format, with those of the Node process beside them.
import { collectDefaultMetrics, Registry, type Metric } from 'prom-client';
import { COUNTERS, GAUGES, HISTOGRAMS } from '../metrics/catalogue.ts';
import {
  COUNTER_NAMES,
  GAUGE_NAMES,
  HISTOGRAM_NAMES,
  type Labels,
  type Metrics,
} from '../metrics/metrics.ts';

const PREFIX = 'cqlgate_';

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

export function prometheusRegistry(metrics: Metrics): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: PREFIX });
  const serve = (
    name: string,
    help: string,
    type: string,
    read: () => Sample[],
    /** How the values of several processes become one. */
    aggregator = 'sum',
  ): void => {
    // A metric that is read when asked for: what the registry needs of one, and no more.
    const get = async () =>
      Promise.resolve({ name: PREFIX + name, help, type, values: read(), aggregator });
    registry.registerMetric({ name: PREFIX + name, help, type, get } as unknown as Metric);
  };
  for (const name of COUNTER_NAMES) {
    const { help, labels } = COUNTERS[name];
    serve(name, help, 'counter', () =>
      [...metrics.counts(name)].map((one) => ({
        value: one.series.value,
        labels: named(labels, one.labels),
      })),
    );
  }
  for (const name of GAUGE_NAMES) {
    const { help, labels, ...rest } = GAUGES[name];
    serve(
      name,
      help,
      'gauge',
      () =>
        metrics.values(name).map(([values, value]) => ({ value, labels: named(labels, values) })),
      'ofWorkers' in rest ? rest.ofWorkers : 'sum',
    );
  }
  for (const name of HISTOGRAM_NAMES) {
    const { help, labels } = HISTOGRAMS[name];
    serve(name, help, 'histogram', () =>
      [...metrics.distributions(name)].flatMap(({ labels: values, series }) => {
        const own = named(labels, values);
        let below = 0;
        const buckets = series.counts.map((count, i): Sample => {
          below += count;
          const le = series.bounds[i] ?? '+Inf';
          return { value: below, labels: { ...own, le }, metricName: `${PREFIX}${name}_bucket` };
        });
        return [
          ...buckets,
          { value: series.sum, labels: own, metricName: `${PREFIX}${name}_sum` },
          { value: below, labels: own, metricName: `${PREFIX}${name}_count` },
        ];
      }),
    );
  }
  return registry;
}

function named(names: readonly string[], values: Labels): Record<string, string> {
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
}
