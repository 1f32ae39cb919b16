// Durations as operators write them: 500ms, 30s, 10m, 24h, 7d.

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export const durationPattern = /^([1-9]\d{0,8})(ms|s|m|h|d)$/;

/** Milliseconds of a text that fits `durationPattern`; NaN of any other. */
export function durationMs(text: string): number {
  const [, count, unit] = durationPattern.exec(text) ?? [];
  return Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
}
