// What is counted while the gate runs. Plain numbers in plain objects: a count on the hot path is one
// addition; names, labels and formats are looked at only when somebody asks.
import { compoundKey } from '../compound-key.ts';
import { METRICS } from '../limits/process.ts';
import {
  COUNTERS,
  GAUGES,
  HISTOGRAMS,
  type CounterName,
  type GaugeName,
  type HistogramName,
} from './catalogue.ts';

export interface Count {
  value: number;
}

/** Label values in the order of the metric's labels. */
export type Labels = readonly string[];

/** A metric's series by label values. Beyond a bound all further ones are counted as `other`, or take another's place. */
class Series<T> {
  readonly #labels: number;
  readonly #make: () => T;
  /** Adds what a series holds to another; given where the one that stood still for longest makes room. */
  readonly #merge: ((from: T, into: T) => void) | null;
  readonly #all = new Map<string, { readonly labels: Labels; readonly series: T }>();

  constructor(labels: number, make: () => T, merge: ((from: T, into: T) => void) | null = null) {
    this.#labels = labels;
    this.#make = make;
    this.#merge = merge;
    if (labels === 0) this.of();
  }

  of(...labels: string[]): T {
    const key = compoundKey(...labels);
    const found = this.#all.get(key);
    if (found !== undefined) {
      if (this.#merge !== null) {
        this.#all.delete(key);
        this.#all.set(key, found);
      }
      return found.series;
    }
    if (this.#all.size >= METRICS.seriesPerMetric) {
      const other = new Array<string>(this.#labels).fill('other');
      if (this.#merge !== null) this.#makeRoom(other, this.#merge);
      else if (key !== compoundKey(...other)) return this.of(...other);
    }
    const series = this.#make();
    this.#all.set(key, { labels, series });
    return series;
  }

  entries(): Iterable<{ readonly labels: Labels; readonly series: T }> {
    return this.#all.values();
  }

  /** What the series of longest ago counted goes into `other`: the sum of all does not change. */
  #makeRoom(other: string[], merge: (from: T, into: T) => void): void {
    const otherKey = compoundKey(...other);
    const into = this.#all.get(otherKey) ?? { labels: other, series: this.#make() };
    for (const [key, { series }] of this.#all) {
      if (this.#all.size < METRICS.seriesPerMetric - 1) break;
      if (key === otherKey) continue;
      this.#all.delete(key);
      merge(series, into.series);
    }
    this.#all.delete(otherKey);
    this.#all.set(otherKey, into);
  }
}

export class Histogram {
  readonly bounds: readonly number[];
  /** One more than bounds: the last is everything above. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.bounds.length && value > this.bounds[i]!) i++;
    this.counts[i]!++;
    this.sum += value;
  }
}

/** A gauge is read when asked for: one value, or one for each combination of labels. */
export type GaugeReader = () => number | Iterable<readonly [Labels, number]>;

export class Metrics {
  readonly #counters = mapped(
    COUNTERS,
    (row) =>
      new Series<Count>(
        row.labels.length,
        () => ({ value: 0 }),
        'isOpen' in row
          ? (from, into) => {
              into.value += from.value;
            }
          : null,
      ),
  );
  readonly #histograms = mapped(
    HISTOGRAMS,
    ({ labels, buckets }) => new Series<Histogram>(labels.length, () => new Histogram(buckets)),
  );
  readonly #gauges = new Map<GaugeName, GaugeReader>();

  /** The count to add to; whoever counts often keeps it. */
  counter(name: CounterName, ...labels: string[]): Count {
    return this.#counters[name].of(...labels);
  }

  histogram(name: HistogramName, ...labels: string[]): Histogram {
    return this.#histograms[name].of(...labels);
  }

  gauge(name: GaugeName, read: GaugeReader): void {
    this.#gauges.set(name, read);
  }

  counts(name: CounterName): Iterable<{ readonly labels: Labels; readonly series: Count }> {
    return this.#counters[name].entries();
  }

  distributions(
    name: HistogramName,
  ): Iterable<{ readonly labels: Labels; readonly series: Histogram }> {
    return this.#histograms[name].entries();
  }

  /** Values of a gauge now; none where nothing reads it. */
  values(name: GaugeName): readonly (readonly [Labels, number])[] {
    const read = this.#gauges.get(name)?.() ?? [];
    return typeof read === 'number' ? [[[], read]] : [...read];
  }
}

export const GAUGE_NAMES = Object.keys(GAUGES) as GaugeName[];
export const COUNTER_NAMES = Object.keys(COUNTERS) as CounterName[];
export const HISTOGRAM_NAMES = Object.keys(HISTOGRAMS) as HistogramName[];

function mapped<Row, Made, Name extends string>(
  table: Readonly<Record<Name, Row>>,
  make: (row: Row) => Made,
): Readonly<Record<Name, Made>> {
  const made = {} as Record<Name, Made>;
  for (const name of Object.keys(table) as Name[]) made[name] = make(table[name]);
  return made;
}
