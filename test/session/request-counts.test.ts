// Counts of requests by family and result: each in its own series, and a duration where there is one.
import { beforeEach, describe, expect, it } from 'vitest';
import { STATEMENT_KINDS } from '../../src/cql/statement.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { RequestCounts, type RequestResult } from '../../src/session/request-counts.ts';

const RESULTS: readonly RequestResult[] = ['ok', 'error', 'timeout', 'unknown', 'unsent'];
const FAMILIES = [...new Set([...Object.values(STATEMENT_KINDS), 'prepare' as const])];

let metrics: Metrics;
let counts: RequestCounts;

beforeEach(() => {
  metrics = new Metrics();
  counts = new RequestCounts(metrics);
});

/** Series of requests_total that are not zero. */
const counted = (): string[] =>
  [...metrics.counts('requests_total')]
    .filter(({ series }) => series.value !== 0)
    .map(({ labels, series }) => [...labels, series.value].join(' '));

describe('a request that ended', () => {
  it.each(FAMILIES.flatMap((family) => RESULTS.map((result) => [family, result] as const)))(
    'of family %s with %s counts once, there and nowhere else',
    (family, result) => {
      counts.ended(family, result, 1);
      expect(counted()).toEqual([`${family} ${result} 1`]);
    },
  );

  it('shows its duration in seconds', () => {
    counts.ended('read', 'ok', 1_500);
    counts.ended('read', 'error', 500);
    counts.ended('write', 'ok', 7_000);
    expect(metrics.histogram('request_duration_seconds', 'read').sum).toBe(2);
    expect(metrics.histogram('request_duration_seconds', 'write').sum).toBe(7);
  });

  it('has no duration where it never left; one of no time at all has', () => {
    const { counts: buckets } = metrics.histogram('request_duration_seconds', 'read');
    counts.ended('read', 'unsent', -1);
    expect(buckets.every((count) => count === 0)).toBe(true);
    expect(counted()).toEqual(['read unsent 1']);
    counts.ended('read', 'ok', 0);
    expect(buckets[0]).toBe(1);
  });
});

it('a series that nothing came of yet is there with zero, so that its first count is a step', () => {
  expect([...metrics.counts('requests_total')]).toHaveLength(FAMILIES.length * RESULTS.length);
  expect(counted()).toEqual([]);
});
