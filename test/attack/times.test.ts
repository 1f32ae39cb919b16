// Times from outside that are no times: numbers beyond every date, durations beyond every timer.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { epochMs, NEVER, wallAt } from '../../src/clock.ts';
import { msUntil } from '../support/moments.ts';
import { durationBound } from '../../src/config/duration.ts';
import { configSchema } from '../../src/config/schema.ts';
import { policySchema } from '../../src/config/policy-schema.ts';
import { CLOCK } from '../../src/limits/process.ts';
import { LIMITS, type LimitName } from '../../src/limits/operator.ts';
import { SECRETS, VCS } from '../../src/limits/services.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { decodeError } from '../../src/protocol/messages/error.ts';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { leaseReader } from '../../src/secrets/leases.ts';
import { staticReader } from '../../src/secrets/vault-readers.ts';
import type { VaultSession } from '../../src/secrets/vault-session.ts';
import { RevocationTable } from '../../src/fleet/revocation-table.ts';
import { OwnQueries } from '../../src/upstream/own-query.ts';
import { retryAfterOf } from '../../src/vcs/bitbucket.ts';
import { durationOf, isoTime, timeOf, timeOfText, timerMs } from '../../src/wall-clock.ts';
import { TestGate } from '../support/gate.ts';
import { RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

/** A number beyond dates in each direction and of each size, and the last that is one. */
const NO_TIMES = [9e12, 8.64e12 + 1, 253_402_300_800, 1e300, Number.MAX_VALUE, -1, -9e12, -1e300];

describe('a signed token whose times are none', () => {
  let cluster: ScriptedCluster;
  let gate: TestGate;

  beforeAll(async () => {
    cluster = await ScriptedCluster.start(['dc1']);
    gate = await TestGate.start({
      contactPoint: cluster.name(0),
      roles: { job: { grants: ['SELECT ON KEYSPACE shop'], session: { grace: '10m' } } },
      config: { cluster: { contactPoints: [cluster.name(0)], allowUntested: true } },
    });
  }, 60_000);

  afterAll(async () => {
    await gate?.close();
    await cluster?.close();
  });

  it('is refused, and the gate serves on', async () => {
    for (const claim of ['exp', 'nbf', 'iat']) {
      for (const value of NO_TIMES) {
        const client = await RawClient.connect(gate.port);
        const answer = await client.logIn('job', gate.issuer.mint({ [claim]: value }));
        expect(answer?.opcode, `${claim} ${value}`).toBe(Opcode.ERROR);
        const isPast = claim === 'exp' && value < 0;
        const message = isPast ? /expired/ : /is not a date between 1970 and 9999/;
        expect(decodeError(answer!).message).toMatch(message);
        client.close();
        // A source that fails is answered ever more slowly: this one starts anew.
        const honest = await RawClient.login(gate.port, 'job', gate.issuer.mint());
        honest.close();
      }
    }
    const last = gate.issuer.mint({ exp: 253_402_300_799 });
    const client = await RawClient.login(gate.port, 'job', last);
    client.close();
    const record = await gate.record(({ principal }) => principal?.expires?.startsWith('9999'));
    expect(record.principal.expires).toBe('9999-12-31T23:59:59.000Z');
    expect(gate.exitCode).toBeNull();
  });
});

describe('a revocation with a time that is none', () => {
  it.each([2n ** 63n - 1n, -(2n ** 63n), 8_640_000_000_000_001n])('of %s holds', async (value) => {
    const type = { code: TypeCode.BLOB, bytes: Buffer.from([0, TypeCode.BLOB]) };
    const names = ['id', 'what', 'issuer', 'value', 'reason', 'revoked_by', 'revoked_at'];
    const at = Buffer.alloc(8);
    at.writeBigInt64BE(value);
    const texts = ['subject', '', 'job', 'leaked', 'operator'].map((text) => Buffer.from(text));
    const body = encodeRows({
      columns: names.map((name) => ({ keyspace: 'k', table: 't', name, type })),
      rows: [[Buffer.alloc(16, 1), ...texts, at]],
    });
    const bytes = encodeFrame({ version: 4, opcode: Opcode.RESULT, streamId: 0, body });
    const queries = new OwnQueries(async () => Promise.resolve(new Frame(bytes, 0, bytes.length)));
    const table = new RevocationTable('cqlgate', queries);
    const [revocation] = (await table.read())!;
    expect(revocation).toMatchObject({ value: 'job' });
    expect(isoTime(revocation!.revokedAtMs)).toMatch(/^\d{4}-/);
    expect(new Date(epochMs(revocation!.revokedAtMs)).toISOString()).toBe(
      isoTime(revocation!.revokedAtMs),
    );
  });
});

describe("Vault's durations", () => {
  const answering = (answer: object): VaultSession =>
    ({ ask: async () => Promise.resolve(answer) }) as unknown as VaultSession;

  it.each([-1e9, -1, 0, 1e300, 3_000_000])('a ttl of %s s is no busy loop', async (ttl) => {
    const data = { username: 'u', password: 'p', ttl, last_vault_rotation: '+275760-09-13' };
    const reading = await staticReader(answering({ data }), 'database/static-creds/x').read('due');
    expect(reading.againInMs).toBeGreaterThanOrEqual(SECRETS.retryMinMs);
    expect(reading.againInMs).toBeLessThanOrEqual(SECRETS.vaultPollMs);
    expect(Number.isFinite(epochMs(reading.sinceMs!))).toBe(true);
  });

  it('a lease for ever is looked at within a day', async () => {
    const token = { endsAtMs: NEVER };
    const leaseMs = durationOf(1e300, 1000);
    const data = { username: 'u', password: 'p' };
    const session = answering({ leaseId: 'l', leaseMs, isRenewable: true, data, token });
    const reading = await leaseReader(session, 'database/creds/x', 1e15).read('due');
    expect(reading.againInMs).toBeLessThanOrEqual(SECRETS.longestWaitMs);
    expect(Number.isFinite(msUntil(reading.lease!.endsAtMs))).toBe(true);
  });
});

describe('Retry-After', () => {
  it.each(['9'.repeat(400), '99999999999', 'Fri, 31 Dec 9999 23:59:59 GMT'])(
    '%s is believed up to a bound',
    (header) => {
      expect(retryAfterOf(header)).toBe(VCS.retryAfterMaxMs);
    },
  );

  it.each(['Infinity', '1e400', '0x7fffffff', 'Fri, 31 Dec 275759 23:59:59 GMT', 'NaN'])(
    '%s is none',
    (header) => {
      expect(retryAfterOf(header)).toBeNull();
    },
  );
});

describe('a duration that an operator writes', () => {
  const waits = (Object.keys(LIMITS) as LimitName[]).filter((name) => LIMITS[name].unit === 'ms');

  it.each(waits)('limits.%s is no longer than a timer waits', (name) => {
    const limits = configSchema.shape.limits;
    expect(limits.safeParse({ [name]: CLOCK.longestTimerMs }).success).toBe(true);
    expect(limits.safeParse({ [name]: CLOCK.longestTimerMs + 1 }).success).toBe(false);
  });

  it('is bounded in the policy and in the configuration', () => {
    const policy = policySchema.safeParse({
      version: 1,
      roles: { r: { cassandraRole: 'c', grants: [], session: { max: '999999999d' } } },
      bindings: [],
    });
    expect(policy.error?.message).toContain(durationBound);
    const age = configSchema.shape.maxSecretAge.safeParse('999999999d');
    expect(age.error?.message).toContain(durationBound);
  });
});

describe('what reads times', () => {
  it('never throws, and never gives what is no date', () => {
    const odd = [...NO_TIMES, NaN, Infinity, -Infinity, '1', null, undefined, {}, [], 2n ** 70n];
    for (const one of odd) {
      expect(timeOf(one, 1000)).toBeNull();
      expect(timeOfText(one)).not.toBeNaN();
      expect(isoTime(wallAt(Number(one)))).toMatch(/^\d{4}-\d\d-\d\dT/);
      expect(timerMs(Number(one))).toBeLessThanOrEqual(2 ** 31 - 1);
      expect(timerMs(Number(one))).toBeGreaterThanOrEqual(0);
    }
  });
});
