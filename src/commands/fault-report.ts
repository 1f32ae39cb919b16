// Errors of the gate itself are logged and counted, each by what was being handled.
import { described, reportFaultsTo } from '../guard.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Log } from '../session/gate.ts';

export function reportFaults(log: Log, metrics: Metrics): void {
  reportFaultsTo((place, error) => {
    metrics.counter('internal_faults_total', place).value++;
    log.error(
      { place, ...described(error) },
      `an internal error ended the handling of one ${place}`,
    );
  });
}
