// Telemetry of a process: none where its environment asks for none, and then its own log is the log.
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { processTelemetry } from '../../src/commands/process-telemetry.ts';
import { reportFault, reportFaultsTo } from '../../src/guard.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { LogLines } from '../support/log-lines.ts';

afterEach(() => vi.unstubAllEnvs());
afterAll(() => reportFaultsTo(() => undefined));

it('is none where the environment asks for none, and faults go to the log all the same', async () => {
  for (const name of Object.keys(process.env).filter((one) => one.startsWith('OTEL_'))) {
    vi.stubEnv(name, undefined);
  }
  const [log, metrics] = [new LogLines(), new Metrics()];
  const telemetry = await processTelemetry(metrics, log);
  expect(telemetry).toEqual({ running: null, log });
  reportFault('keys', new Error('no'));
  expect(log.lines).toHaveLength(1);
  expect(metrics.counter('internal_faults_total', 'keys').value).toBe(1);
});
