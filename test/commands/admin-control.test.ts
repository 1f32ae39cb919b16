// What the admin API does to a gate: what a revocation leaves behind, how failures are counted, and its names.
import { beforeEach, describe, expect, it } from 'vitest';
import type { AdminControl } from '../../src/admin/api.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { adminControl, openHosts } from '../../src/commands/admin-control.ts';
import { AuthFault } from '../../src/errors.ts';
import type { RevocationFeed } from '../../src/fleet/revocation-feed.ts';
import type { Principal } from '../../src/identity/principal.ts';
import { ADMIN } from '../../src/limits/process.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Revocation } from '../../src/revocation/revocations.ts';
import type { Gate } from '../../src/session/gate.ts';
import type { WholeGate } from '../../src/workers/worker-group.ts';
import { LogLines } from '../support/log-lines.ts';

const metrics = new Metrics();
const log = new LogLines();
const entries: AuditEntry[] = [];
const failures: unknown[] = [];
const told: unknown[] = [];
let verify: (token: string, source: string) => Promise<Principal>;
let control: AdminControl;

beforeEach(() => {
  for (const list of [log.lines, entries, failures, told]) list.length = 0;
  verify = async () => Promise.reject(new AuthFault('signature', 'no'));
  const gate = {
    metrics,
    log,
    policy: {},
    audit: { append: (entry: AuditEntry) => entries.push(entry) },
    refusals: { failedLogin: (...failure: unknown[]) => failures.push(failure) },
    revocations: { all: [], find: () => null },
    verifier: {
      issuers: [],
      verifyCached: (token: string) => (token === 'known' ? { subject: 'somebody' } : null),
      verify: async (token: string, source: string) => verify(token, source),
    },
  };
  control = adminControl(
    gate as unknown as Gate,
    { revoke: async () => Promise.resolve(true) } as unknown as RevocationFeed,
    { revoked: (one: Revocation) => told.push(one) } as unknown as WholeGate,
    { host: '::1', hosts: ['gate.example.com'] },
  );
});

describe('a token of the admin API', () => {
  it('is not checked again where it is known', async () => {
    expect(await control.verify('known')).toEqual({ subject: 'somebody' });
  });

  it('is checked beside few others, and told so where they are too many', async () => {
    verify = async () => new Promise(() => undefined);
    for (let i = 0; i < ADMIN.checksUnderWay; i++) void control.verify(String(i));
    await expect(control.verify('one more')).rejects.toMatchObject({ reason: 'busy' });
  });

  it('gives its place back however its check ends', async () => {
    for (let i = 0; i < 2 * ADMIN.checksUnderWay; i++) {
      await expect(control.verify('bad')).rejects.toMatchObject({ reason: 'signature' });
    }
  });

  it('that is refused is counted and recorded under a source of its own', async () => {
    const before = metrics.counter('auth_failures_total', 'no_admin').value;
    await control.refused('no_admin', '192.0.2.1');
    expect(metrics.counter('auth_failures_total', 'no_admin').value).toBe(before + 1);
    expect(failures).toEqual([
      ['admin port, 192.0.2.1', { kind: 'auth', session: null, reason: 'no_admin' }],
    ]);
  });
});

it('a revocation is recorded, logged, and told to the other processes and the fleet', async () => {
  const revocation: Revocation = {
    id: 'r1',
    what: 'subject',
    value: 'somebody',
    issuer: null,
    reason: 'left the company',
    revokedBy: 'people admin',
    revokedAtMs: 0 as never,
  };
  expect(await control.revoke(revocation)).toBe(true);
  const { id, what, value, issuer, reason, revokedBy: by } = revocation;
  expect(entries).toEqual([
    {
      kind: 'config',
      session: null,
      reason: 'tokens revoked',
      detail: { id, what, value, issuer, reason, by },
    },
  ]);
  expect(log.lines).toMatchObject([{ message: 'tokens revoked', fields: { id, what, by } }]);
  expect(told).toEqual([revocation]);
});

describe('the names of the admin port', () => {
  it('are its host, as a Host header has it, and those that are configured', () => {
    expect(control.hosts).toEqual(['[::1]', 'gate.example.com']);
  });

  it('of the open paths are also those by which drivers know the gates', () => {
    const admin = { host: '0.0.0.0', port: 9180, hosts: ['probe'] };
    const advertise = { host: 'Gate-1', port: 9042, peers: ['gate-2:9042'] };
    expect(openHosts({ admin, advertise })).toEqual(['probe', 'gate-1', 'gate-2:9042']);
    expect(openHosts({ admin: undefined, advertise: undefined })).toEqual([]);
  });
});
