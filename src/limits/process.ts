// The process as such: clocks, configuration files, workers, the admin port, metrics, telemetry, and its end.

import { KIB, MIB } from './units.ts';

/** Times and durations that come from outside (src/wall-clock.ts). */
export const CLOCK = {
  /** 1970 and 9999: what every reader of a four-digit year understands. Milliseconds since the epoch. */
  earliestMs: 0,
  latestMs: 253_402_300_799_999,
  /** Ten years: longer than any token, lease or session lives. */
  longestDurationMs: 3_650 * 86_400_000,
  /** Node fires a timer at once that is to wait for longer than this, 24 days. */
  longestTimerMs: 2 ** 31 - 1,
} as const;

/** Files that operators write. */
export const FILES = {
  configBytes: 4 * MIB,
  /** A changed policy is seen within this, and taken when it is read the same once more. */
  policyPollMs: 500,
} as const;

/** The processes of a gate, where there are several. */
export const WORKERS = {
  max: 64,
  /** Before one that ended is replaced; doubled each time that it ended soon. */
  restartMinMs: 250,
  restartMaxMs: 30_000,
  /** One that lived this long did not end soon. */
  steadyMs: 60_000,
  /** The admin port leaves out one that does not answer within this. */
  answerMs: 2_000,
} as const;

/** The admin API. */
export const ADMIN = {
  bodyBytes: 16 * KIB,
  /** Failed requests whose answer is delayed at once; those beyond are answered without. */
  refusalsWaiting: 256,
  /** Tokens looked at once for it: those of drivers have a queue of their own, and most of the room. */
  checksUnderWay: 16,
  /** Between two rounds of metrics, or of readiness: whoever reaches the port may ask for them. */
  roundPauseMs: 100,
  /** Connections at once: probes, scrapes and operators need a few. Beyond it the oldest of the source with most goes. */
  connections: 512,
  connectionsPerSource: 128,
} as const;

export const METRICS = {
  /**
   * Combinations of labels kept apart for one metric. Rules times statement kinds make 217; drivers
   * name themselves, so they need a bound.
   */
  seriesPerMetric: 256,
} as const;

/** The collector of OpenTelemetry, where `OTEL_*` names one: nothing waits for it. */
export const TELEMETRY = {
  /** At the end what waits is sent within this, or is lost; where there are workers, once by each of them and once by their primary. */
  closeMs: 700,
  /** The shortest time between two warnings of exports that failed; those in between are counted. */
  warnIntervalMs: 60_000,
  /** The longest reason that is logged, in characters. */
  reasonLength: 256,
} as const;

/** An error of ours that met no guard. */
export const LAST_RESORT = {
  /** The ledger is written within this, or what it holds is lost; a supervisor waits for 10 s or more. */
  sealMs: 5_000,
  /** Of that, sessions have this long to end, so that their ends are in it. */
  sessionsMs: 1_000,
} as const;

/** The end of a process whose work is done. */
export const EXIT = {
  /** What still holds it then, such as a request to a collector that does not answer, holds it no longer. */
  graceMs: 250,
} as const;
