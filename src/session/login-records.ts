// What is counted and recorded of logins, and of the session that begins with one.
import type { ClientRecord } from '../audit/record.ts';
import { driverLabels } from '../metrics/drivers.ts';
import type { AuthFault } from '../errors.ts';
import type { Authority } from '../policy/policy.ts';
import type { Gate } from './gate.ts';
import type { SessionFacts } from './session-facts.ts';

/** Returns true if the beginning of the session has a record of its own. */
export function recordLogin(
  session: SessionFacts,
  { metrics, telemetry, sessionLog }: Pick<Gate, 'metrics' | 'sessionLog' | 'telemetry'>,
  authority: Authority,
  { driver, driver_version }: ClientRecord,
): boolean {
  metrics.counter('logins_total', authority.principal.issuerName).value++;
  // Only now: what strangers call themselves says nothing of the drivers in use.
  metrics.counter('drivers_total', ...driverLabels(driver, driver_version)).value++;
  metrics.counter('client_protocol_version_total', `v${session.version}`).value++;
  telemetry?.loggedIn(session, authority);
  const start = { kind: 'session_start', ...session.auditBase() } as const;
  return sessionLog.started(session.who(), () => start);
}

export function recordFailedLogin(
  sessionId: string,
  { metrics, telemetry, refusals }: Pick<Gate, 'metrics' | 'refusals' | 'telemetry'>,
  source: string,
  client: ClientRecord,
  reason: AuthFault['reason'],
): void {
  metrics.counter('auth_failures_total', reason).value++;
  telemetry?.loginFailed(sessionId, client, reason);
  refusals.failedLogin(source, { kind: 'auth', session: sessionId, client, reason });
}
