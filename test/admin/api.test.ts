// The admin API: who may, from where, and what it takes.
import { Hono } from 'hono';
import { beforeEach, describe, expect, it } from 'vitest';
import { wallAt } from '../../src/clock.ts';
import { adminApi, type AdminControl } from '../../src/admin/api.ts';
import { AuthFault } from '../../src/errors.ts';
import type { Principal } from '../../src/identity/principal.ts';
import { Policy } from '../../src/policy/policy.ts';
import type { Revocation } from '../../src/revocation/revocations.ts';

const principal = (group: string): Principal => ({
  issuerName: 'people',
  issuer: 'https://issuer',
  subject: group,
  claims: { groups: [group] },
  tokenSha256: '',
  isHuman: true,
  expiresAtMs: wallAt(0),
});

const admin = (role: 'viewer' | 'operator') => ({
  name: role,
  role,
  issuer: 'people',
  where: new Map([['groups', [role]]]),
});

let revoked: Revocation[];
let refused: string[];
let policy: Policy;
let control: AdminControl;

beforeEach(() => {
  revoked = [];
  refused = [];
  const admins = [admin('viewer'), admin('operator')];
  policy = new Policy({ roles: [], bindings: [], admins, ownLogins: [] }, 'v1');
  control = {
    policy: () => policy,
    issuers: [{ name: 'people', issuer: 'https://issuer' }],
    verify: async (token) => {
      await Promise.resolve();
      if (token === 'bad') throw new AuthFault('signature', 'The signature is not right.');
      return principal(token);
    },
    sessions: async () =>
      Promise.resolve([{ id: 's', client: 'c', issuer: 'i', subject: 'x', role: 'r' }]),
    revocations: () => revoked,
    isRevoked: ({ subject }) => subject === 'gone',
    revoke: async (revocation) => {
      revoked.push(revocation);
      return Promise.resolve(true);
    },
    refused: async (reason) => {
      refused.push(reason);
      return Promise.resolve();
    },
    hosts: ['gate.example.com'],
  };
});

const ask = async (
  path: string,
  token: string | null,
  init: RequestInit & { host?: string } = {},
) => {
  const app = new Hono().route(
    '/api/v1',
    adminApi(control, () => '10.0.0.1'),
  );
  const headers = new Headers(init.headers);
  headers.set('host', init.host ?? '127.0.0.1:9180');
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  const response = await app.request(`http://x/api/v1${path}`, { ...init, headers });
  return {
    status: response.status,
    headers: response.headers,
    json: (await response.json()) as any,
  };
};

const post = (body: string, type = 'application/json') => ({
  method: 'POST',
  body,
  headers: { 'content-type': type },
});
const REVOCATION = JSON.stringify({ what: 'subject', value: 'job', reason: 'leaked' });

describe('the admin API', () => {
  it.each([
    [null, 401, 'token_missing'],
    ['bad', 401, 'signature'],
    ['gone', 401, 'revoked'],
    ['somebody', 403, 'no_admin'],
  ])('refuses token %s with %i, and that is counted', async (token, status, reason) => {
    for (const path of ['/sessions', '/revocations', '/whoami', '/nothing']) {
      const answer = await ask(path, token);
      expect([path, answer.status]).toEqual([path, status]);
      expect(JSON.stringify(answer.json)).not.toContain('"id":"s"');
    }
    expect(new Set(refused)).toEqual(new Set([reason]));
  });

  it('is not there without admins', async () => {
    policy = new Policy({ roles: [], bindings: [], ownLogins: [] }, 'v1');
    expect((await ask('/sessions', 'operator')).status).toBe(404);
  });

  it.each([
    ['localhost:9180', 200],
    ['[::1]:9180', 200],
    ['gate.example.com', 200],
    ['evil.example.com', 421],
    ['127.0.0.1.evil.com:9180', 421],
    ['', 421],
  ])('called as %s answers %i', async (host, status) => {
    expect((await ask('/whoami', 'viewer', { host })).status).toBe(status);
  });

  it('shows a viewer sessions and revocations, and lets no page elsewhere read them', async () => {
    const sessions = await ask('/sessions', 'viewer', { headers: { origin: 'https://evil' } });
    expect(sessions.json.sessions).toHaveLength(1);
    expect(sessions.headers.get('access-control-allow-origin')).toBeNull();
    expect((await ask('/revocations', 'viewer')).json).toEqual({ revocations: [] });
    expect((await ask('/whoami', 'viewer')).json).toMatchObject({ level: 'viewer' });
  });

  it('lets an operator revoke, and a viewer not', async () => {
    expect((await ask('/revocations', 'viewer', post(REVOCATION))).status).toBe(403);
    expect(revoked).toEqual([]);
    const answer = await ask('/revocations', 'operator', post(REVOCATION));
    expect(answer).toMatchObject({ status: 201, json: { shared: true } });
    expect(answer.json.revocation).toMatchObject({
      what: 'subject',
      value: 'job',
      revokedBy: 'people operator',
    });
    expect(revoked).toHaveLength(1);
  });

  it.each([
    ['its name', 'people'],
    ['the URL that records have', 'https://issuer'],
  ])('takes an issuer by %s', async (_name, issuer) => {
    const all = { what: 'issuer', value: issuer, reason: 'x' };
    const one = { what: 'subject', value: 'job', issuer, reason: 'x' };
    for (const body of [all, one]) {
      expect((await ask('/revocations', 'operator', post(JSON.stringify(body)))).status).toBe(201);
    }
    expect(revoked).toMatchObject([
      { what: 'issuer', value: 'people', issuer: null },
      { what: 'subject', value: 'job', issuer: 'people' },
    ]);
  });

  it.each([
    [{ what: 'issuer', value: 'peopel' }, 'there are people'],
    [{ what: 'subject', value: 'x', issuer: 'https://issuer/' }, 'there are people'],
    [{ what: 'pipeline', value: '17' }, 'a UUID'],
    [{ what: 'token', value: 'eyJhbGciOi' }, '64 hex digits'],
  ])('says that %j would cover nothing', async (body, text) => {
    const answer = await ask(
      '/revocations',
      'operator',
      post(JSON.stringify({ ...body, reason: 'x' })),
    );
    expect(answer).toMatchObject({
      status: 400,
      json: { error: expect.stringContaining(text) as string },
    });
    expect(revoked).toEqual([]);
  });

  it.each([
    ['a form', post('what=subject', 'application/x-www-form-urlencoded'), 415],
    ['text', post(REVOCATION, 'text/plain'), 415],
    ['no JSON', post('{'), 400],
    ['an unknown kind', post('{"what":"all","value":"x","reason":"y"}'), 400],
    ['no reason', post('{"what":"subject","value":"x"}'), 400],
    ['an empty value', post('{"what":"subject","value":"","reason":"y"}'), 400],
    ['a key more', post(REVOCATION.replace('{', '{"by":"me",')), 400],
    ['too much', post(JSON.stringify({ what: 'subject', value: 'x'.repeat(100_000) })), 413],
    ['GET with a body to act on', { method: 'GET' }, 200],
    ['DELETE', { method: 'DELETE' }, 404],
  ])('changes nothing by %s', async (_name, init, status) => {
    const response = await ask('/revocations', 'operator', init).catch(() => null);
    if (response !== null) expect(response.status).toBe(status);
    expect(revoked).toEqual([]);
  });
});
