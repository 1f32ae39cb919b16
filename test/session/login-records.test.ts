// What is counted and recorded of a login, and of one that failed.
import { describe, expect, it } from 'vitest';
import { RefusalLog } from '../../src/audit/refusals.ts';
import { SessionLog } from '../../src/audit/session-log.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { recordFailedLogin, recordLogin } from '../../src/session/login-records.ts';
import { authorityOf, sessionOf } from '../support/exchanges.ts';
import { memoryLedger } from '../support/request-services.ts';

const CLIENT = {
  address: '192.0.2.9:4000',
  tls: null,
  driver: 'made up',
  driver_version: '1.2.3',
  protocol: 4,
};

describe('a login', () => {
  it('is counted by its issuer, driver and version, and begins a session in the ledger', () => {
    const metrics = new Metrics();
    const { audit, records } = memoryLedger();
    const sessionLog = new SessionLog(audit);
    const gate = { metrics, sessionLog, telemetry: null };
    const authority = authorityOf({ grants: [] });
    expect(recordLogin(sessionOf(), gate, authority, CLIENT)).toBe(true);
    sessionLog.close();
    expect(metrics.counter('logins_total', 'pipelines').value).toBe(1);
    expect(metrics.counter('drivers_total', 'other', 'other').value).toBe(1);
    expect(metrics.counter('client_protocol_version_total', 'v4').value).toBe(1);
    expect(records).toMatchObject([{ kind: 'session_start', session: 's1', role: 'r' }]);
  });

  it('that failed is counted by its reason, and recorded without what the client sent', () => {
    const metrics = new Metrics();
    const { audit, records } = memoryLedger();
    const refusals = new RefusalLog(audit);
    const gate = { metrics, refusals, telemetry: null };
    recordFailedLogin('s1', gate, '192.0.2.9', CLIENT, 'token_expired');
    refusals.close();
    expect(metrics.counter('auth_failures_total', 'token_expired').value).toBe(1);
    // What strangers call themselves is no driver in use.
    expect(metrics.counter('drivers_total', 'other', 'other').value).toBe(0);
    expect(records).toEqual([
      { kind: 'auth', session: 's1', client: CLIENT, reason: 'token_expired' },
    ]);
  });
});
