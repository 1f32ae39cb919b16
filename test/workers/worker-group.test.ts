// A gate of one process: it is all of the gate, so what it tells the others reaches nobody.
import { expect, it } from 'vitest';
import { prometheusRegistry } from '../../src/admin/prometheus.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { SessionInfo } from '../../src/session/session-identity.ts';
import type { FleetLock } from '../../src/fleet/ddl-lane.ts';
import { newRevocation } from '../../src/revocation/revocations.ts';
import { wallMs } from '../../src/clock.ts';
import { SINGLE_PROCESS } from '../../src/workers/worker-group.ts';

const SESSION: SessionInfo = {
  id: 'a1',
  client: '',
  issuer: '',
  subject: '',
  role: '',
  since: '',
  expires: '',
};

it('keeps its ledger where the configuration says, and has no lock but the fleet’s', () => {
  const fleet: FleetLock = { acquire: async () => Promise.resolve(null) };
  expect(SINGLE_PROCESS.ledgerDir('/audit')).toBe('/audit');
  expect(SINGLE_PROCESS.lock(fleet)).toBe(fleet);
});

it('reports of itself what it is asked of the whole, as it is at that moment', async () => {
  const metrics = new Metrics();
  const heard: string[] = [];
  let sessions: SessionInfo[] = [];
  let reasons = ['starting'];
  const whole = await SINGLE_PROCESS.join({
    registry: prometheusRegistry(metrics),
    readiness: () => ({ isStarting: false, reasons, warnings: [] }),
    sessions: () => sessions,
    tokenSeen: () => heard.push('token'),
    revoked: () => heard.push('revoked'),
  });
  [sessions, reasons] = [[SESSION], []];
  metrics.counter('logins_total', 'pipelines').value = 7;
  expect(await whole.sessions()).toEqual([SESSION]);
  expect((await whole.readiness()).reasons).toEqual([]);
  expect(await whole.metrics()).toContain('cqlgate_logins_total{issuer="pipelines"} 7');

  const revoked = newRevocation(
    { what: 'subject', value: 'x', issuer: null, reason: 'x', revokedBy: 'me' },
    wallMs(),
  );
  whole.tokenSeen('abc');
  if (!('problem' in revoked)) whole.revoked(revoked);
  SINGLE_PROCESS.up();
  expect(heard).toEqual([]);
});
