// Counts of requests by family and result, found once instead of by name for each request.
import { STATEMENT_KINDS, type StatementFamily } from '../cql/statement.ts';
import type { Count, Histogram, Metrics } from '../metrics/metrics.ts';

/** How a request that was permitted ended. */
export type RequestResult = 'ok' | 'error' | 'timeout' | 'unknown' | 'unsent';

const RESULTS: readonly RequestResult[] = ['ok', 'error', 'timeout', 'unknown', 'unsent'];

export class RequestCounts {
  readonly #counts = new Map<string, Readonly<Record<RequestResult, Count>>>();
  readonly #durations = new Map<string, Histogram>();

  constructor(metrics: Metrics) {
    for (const family of new Set([...Object.values(STATEMENT_KINDS), 'prepare'])) {
      const counts = {} as Record<RequestResult, Count>;
      for (const result of RESULTS) {
        counts[result] = metrics.counter('requests_total', family, result);
      }
      this.#counts.set(family, counts);
      this.#durations.set(family, metrics.histogram('request_duration_seconds', family));
    }
  }

  /** `durationMs` is negative where the request never left. */
  ended(family: StatementFamily | 'prepare', result: RequestResult, durationMs: number): void {
    this.#counts.get(family)![result].value++;
    if (durationMs >= 0) this.#durations.get(family)!.observe(durationMs / 1000);
  }
}
