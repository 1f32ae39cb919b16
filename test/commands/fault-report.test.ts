// Errors of the gate itself: a line of the log and a count, by what was being handled, and no text of the error.
import { afterAll, expect, it } from 'vitest';
import { reportFaults } from '../../src/commands/fault-report.ts';
import { reportFault, reportFaultsTo } from '../../src/guard.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { LogLines } from '../support/log-lines.ts';

afterAll(() => reportFaultsTo(() => undefined));

it('are logged and counted, and what they quote is not told', () => {
  const [log, metrics] = [new LogLines(), new Metrics()];
  reportFaults(log, metrics);
  reportFault('policy', new TypeError('secret-canary'));
  reportFault('policy', 'thrown');
  expect(metrics.counter('internal_faults_total', 'policy').value).toBe(2);
  expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
    ['error', 'an internal error ended the handling of one policy'],
    ['error', 'an internal error ended the handling of one policy'],
  ]);
  expect(log.lines[0]!.fields).toMatchObject({ place: 'policy', error: 'TypeError' });
  expect(JSON.stringify(log.lines)).not.toContain('secret-canary');
});
