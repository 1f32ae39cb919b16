// Signing in by the device flow: what the person is told, what is written, and what goes wrong.
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { login } from '../../src/commands/login.ts';
import { loginIssuer } from '../../src/commands/login-issuer.ts';
import { TokenVerifier } from '../../src/identity/verifier.ts';
import { OutboundClient } from '../../src/outbound/client.ts';
import { CONFIG, Files } from '../config/files.ts';
import { OidcIssuer } from '../support/oidc-issuer.ts';

const CLIENT = '0oaclient';
let issuer: OidcIssuer;
let dir: string;
let told: string[];
let waits: number[];
/** Answers of the token endpoint, one after the other. */
let answers: { status: number; json: unknown }[];
let asked: URLSearchParams[];

beforeEach(async () => {
  issuer = await OidcIssuer.start({ path: '/oauth2/default' });
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-login-'));
  [told, waits, answers, asked] = [[], [], [], []];
  issuer.metadata = {
    device_authorization_endpoint: `${issuer.issuer}/v1/device/authorize`,
    token_endpoint: `${issuer.issuer}/v1/token`,
  };
  issuer.routes.set('POST /v1/device/authorize', (form) => {
    asked.push(form);
    return {
      status: 200,
      json: {
        device_code: 'device-secret',
        user_code: 'ABCD-EFGH',
        verification_uri: 'https://acme.okta.com/activate',
        expires_in: 600,
        interval: 5,
      },
    };
  });
  issuer.routes.set('POST /v1/token', (form) => {
    asked.push(form);
    return answers.shift() ?? { status: 400, json: { error: 'authorization_pending' } };
  });
});
afterEach(async () => {
  await issuer.close();
  await rm(dir, { recursive: true });
});

const pending = (error: string) => ({ status: 400, json: { error } });
const token = () =>
  issuer.mint({ sub: 'alice@acme.com', aud: 'api://cqlgate', uid: '00u1', cid: CLIENT });
const granted = (tokens: Record<string, string>) => ({ status: 200, json: tokens });

const signIn = async (changes: Partial<Parameters<typeof login>[0]> = {}) =>
  login({
    issuer: issuer.issuer,
    clientId: CLIENT,
    scope: 'openid profile',
    role: 'reader',
    file: path.join(dir, 'sub', 'credentials'),
    outbound: new OutboundClient(),
    tell: (text) => told.push(text),
    wait: async (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    ...changes,
  });

describe('login', () => {
  it('writes a file for cqlsh that nobody else can read, with a token that the gate takes', async () => {
    const access = token();
    answers = [
      pending('authorization_pending'),
      pending('slow_down'),
      granted({ access_token: access }),
    ];
    const done = await signIn();
    expect(done).toMatchObject({ subject: 'alice@acme.com' });
    expect(told).toEqual(['Open https://acme.okta.com/activate and enter the code ABCD-EFGH']);
    expect(waits).toEqual([5_000, 5_000, 10_000]);
    expect(asked[0]?.get('client_id')).toBe(CLIENT);
    expect(asked[1]?.get('device_code')).toBe('device-secret');
    expect(await readFile(done.file, 'utf8')).toBe(
      `[PlainTextAuthProvider]\nusername = reader\npassword = ${access}\n`,
    );
    expect((await stat(done.file)).mode & 0o777).toBe(0o600);
    expect((await stat(path.dirname(done.file))).mode & 0o077).toBe(0);
    const verifier = new TokenVerifier({
      issuers: [{ name: 'people', type: 'okta', issuer: issuer.issuer, audience: 'api://cqlgate' }],
    });
    expect(await verifier.verify(access)).toMatchObject({ isHuman: true });
  });

  it('takes the place of an older file in one step', async () => {
    answers = [granted({ access_token: token() })];
    const { file } = await signIn();
    const again = token();
    answers = [granted({ access_token: 'opaque', id_token: again })];
    await signIn();
    expect(await readFile(file, 'utf8')).toContain(again);
    expect(await readdir(path.dirname(file))).toEqual(['credentials']);
  });

  it('goes on asking while the issuer stumbles', async () => {
    answers = [{ status: 503, json: null }, granted({ access_token: token() })];
    await signIn();
    expect(waits).toHaveLength(2);
  });

  it.each([
    ['expired_token', /nobody entered the code in time/],
    ['access_denied', /refused in the browser/],
    ['invalid_client', /invalid_client/],
    ['\u001b[31mred', /\[31mred$/],
  ])('ends with %j, and writes nothing', async (error, text) => {
    answers = [pending(error)];
    await expect(signIn()).rejects.toMatchObject({ problems: [expect.stringMatching(text)] });
    expect(await readdir(dir)).toEqual([]);
  });

  it('ends when nobody enters the code', async () => {
    await expect(signIn()).rejects.toMatchObject({
      problems: [expect.stringContaining('in time') as string],
    });
    expect(waits.reduce((sum, ms) => sum + ms)).toBe(600_000);
  });

  it.each([
    ['no device flow', { device_authorization_endpoint: null }, /Device Authorization/],
    ['another issuer', { issuer: 'https://evil.example.com' }, /not of this issuer/],
    [
      'an endpoint over plain http',
      { device_authorization_endpoint: 'http://evil.example.com/' },
      /not https/,
    ],
  ])('refuses an issuer with %s', async (_name, metadata, text) => {
    issuer.metadata = { ...issuer.metadata, ...metadata };
    const problem = await signIn().catch(
      (error: unknown) => error as Error & { problems?: string[] },
    );
    expect(String((problem as any).problems ?? (problem as any).message)).toMatch(text);
  });

  it('refuses tokens that no gate could verify', async () => {
    answers = [granted({ access_token: 'opaque' })];
    await expect(signIn()).rejects.toMatchObject({
      problems: [expect.stringContaining('no token that cqlgate can verify') as string],
    });
  });
});

describe('whom login signs in with', () => {
  const row = (name: string, client: string) =>
    `  - {name: ${name}, type: okta, issuer: "https://${name}.okta.com/oauth2/default", audience: a${client}}\n`;
  const choose = async (rows: string, issuerName?: string) => {
    const files = await Files.create(CONFIG.replace('policy:', `${rows}policy:`));
    const found = await loginIssuer({
      config: files.config,
      ...(issuerName === undefined ? {} : { issuer: issuerName }),
    }).catch((error: unknown) => (error as { problems: string[] }).problems.join());
    await files.remove();
    return found;
  };

  it('is the row that has a client, or the one that is named', async () => {
    const [one, other] = [row('one', ', clientId: c1'), row('other', ', clientId: c2')];
    expect(await choose(one + row('third', ''))).toMatchObject({ clientId: 'c1' });
    expect(await choose(one + other, 'other')).toMatchObject({ clientId: 'c2' });
    expect(await choose(one + other)).toContain('several issuers have a clientId');
    expect(await choose(row('third', ''))).toContain(
      'no issuer of the configuration has a clientId',
    );
    expect(await choose(one, 'pipelines')).toContain('called pipelines has a clientId');
  });

  it('may be said without a configuration', async () => {
    const given = { issuerUrl: 'https://acme.okta.com', clientId: 'c' };
    expect(await loginIssuer(given)).toMatchObject({ issuer: 'https://acme.okta.com' });
    await expect(loginIssuer({ clientId: 'c' })).rejects.toMatchObject({
      problems: [expect.stringContaining('--issuer-url') as string],
    });
  });
});
