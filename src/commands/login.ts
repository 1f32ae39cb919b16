// `cqlgate login` signs a person in through the browser (device flow, RFC 8628), and writes the token into a file that
// cqlsh reads; the token never reaches the screen.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { ConfigFault } from '../errors.ts';
import { DEVICE_FLOW } from '../limits/identity.ts';
import { OutboundClient } from '../outbound/client.ts';
import { isoTime, nearestTime, timeOf } from '../wall-clock.ts';
import { EXIT, JSON_OPTION, print, printJson, type CommandDefinition } from './command.ts';
import { loginIssuer } from './login-issuer.ts';

interface LoginFlags {
  readonly config?: string;
  readonly issuer?: string;
  readonly issuerUrl?: string;
  readonly clientId?: string;
  readonly scope: string;
  readonly role: string;
  readonly file: string;
  readonly json?: boolean;
}

export const command: CommandDefinition<LoginFlags> = {
  summary:
    'sign in in the browser (Okta and others with a device flow) and write a credentials file for cqlsh; needs no gate on this machine',
  options: [
    { flags: '-c, --config <file>', summary: 'take issuer and client from this configuration' },
    {
      flags: '--issuer <name>',
      summary: 'row of the configuration; default: the only one with a clientId',
    },
    { flags: '--issuer-url <url>', summary: 'without a configuration: the issuer' },
    { flags: '--client-id <id>', summary: 'without a configuration: its public client' },
    { flags: '--scope <scopes>', summary: 'what to ask for', default: 'openid profile' },
    { flags: '--role <name>', summary: 'username for cqlsh', default: 'oidc' },
    {
      flags: '--file <file>',
      summary: 'where the credentials go',
      default: path.join(os.homedir(), '.cassandra', 'cqlgate-credentials'),
    },
    JSON_OPTION,
  ],
  run: async ({ scope, role, file, json, ...from }, terminal) => {
    const { issuer, clientId, ca } = await loginIssuer(from);
    const outbound = new OutboundClient({ ca });
    const tell = (text: string): void => void terminal.messages.write(`${text}\n`);
    const done = await login({ issuer, clientId, scope, role, file, outbound, tell });
    await outbound.close();
    if (json === true) printJson(terminal, done);
    else {
      print(terminal, `signed in as ${done.subject} until ${done.expires}`);
      print(terminal, `cqlsh HOST PORT --credentials ${done.file}`);
    }
    return EXIT.ok;
  },
};

interface LoginOptions {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** The id of a public client, which has no secret. */
  readonly clientId: string;
  readonly scope: string;
  /** The username for cqlsh: the role that is wanted, or `oidc`. */
  readonly role: string;
  readonly file: string;
  readonly outbound: OutboundClient;
  /** Tells the person what to do. */
  readonly tell: (text: string) => void;
  readonly wait?: (ms: number) => Promise<void>;
}

interface SignedIn {
  readonly subject: string;
  readonly expires: string;
  readonly file: string;
}

const discoverySchema = z.object({
  issuer: z.string(),
  device_authorization_endpoint: z.string(),
  token_endpoint: z.string(),
});

const deviceSchema = z.object({
  device_code: z.string().min(1),
  user_code: z.string().min(1).max(64),
  verification_uri: z.string(),
  verification_uri_complete: z.string().optional(),
  expires_in: z.number().positive(),
  interval: z
    .number()
    .positive()
    .max(60)
    .default(DEVICE_FLOW.intervalMs / 1000),
});

const tokenSchema = z.object({
  access_token: z.string().optional(),
  id_token: z.string().optional(),
});

const claimsSchema = z.object({
  sub: z.string(),
  exp: z.number().refine((exp) => timeOf(exp, 1000) !== null),
});

/** Rejects with ConfigFault, or with OutboundFault where the issuer cannot be reached. */
export async function login(options: LoginOptions): Promise<SignedIn> {
  const { issuer, file, role } = options;
  const endpoints = await discover(options);
  const device = await begin(options, endpoints.device_authorization_endpoint);
  options.tell(
    `Open ${device.verification_uri_complete ?? device.verification_uri} and enter the code ${asciiOnly(device.user_code)}`,
  );
  const tokens = await poll(options, endpoints.token_endpoint, device);
  const token = passwordOf(tokens, issuer);
  const { sub, exp } = claimsOf(token);
  await writeCredentials(file, role, token);
  return { subject: sub, expires: isoTime(nearestTime(exp * 1000)), file };
}

async function discover({ issuer, outbound }: LoginOptions) {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { data } = discoverySchema.safeParse((await outbound.ask(url)).json);
  if (data?.issuer === issuer) return data;
  throw new ConfigFault([
    data === undefined
      ? `${url} offers no device flow; turn the grant type "Device Authorization" on at the issuer`
      : `${url} is of ${data.issuer}, not of this issuer`,
  ]);
}

async function begin({ clientId, scope, outbound }: LoginOptions, url: string) {
  const form = { client_id: clientId, scope };
  const { status, json } = await outbound.ask(url, { method: 'POST', form });
  const { data } = deviceSchema.safeParse(json);
  if (status === 200 && data !== undefined) return data;
  throw new ConfigFault([`the issuer began no login: ${errorOf(json) ?? `it answered ${status}`}`]);
}

/** Asks until the person has signed in (RFC 8628 section 3.5). */
async function poll(
  { clientId, outbound, wait = async (ms) => delay(ms) }: LoginOptions,
  url: string,
  device: z.infer<typeof deviceSchema>,
): Promise<z.infer<typeof tokenSchema>> {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: device.device_code,
    client_id: clientId,
  };
  let intervalMs = device.interval * 1000;
  const lifeMs = Math.min(device.expires_in * 1000, DEVICE_FLOW.longestMs);
  for (let waitedMs = 0; waitedMs < lifeMs; waitedMs += intervalMs) {
    await wait(intervalMs);
    const { status, json } = await outbound.ask(url, { method: 'POST', form });
    if (status === 200) return tokenSchema.parse(json);
    const error = errorOf(json);
    if (error === 'authorization_pending' || status >= 500) continue;
    if (error !== 'slow_down') {
      throw new ConfigFault([
        ENDS.get(error ?? '') ?? `the issuer refused the login: ${error ?? status}`,
      ]);
    }
    intervalMs += DEVICE_FLOW.slowDownMs;
  }
  throw new ConfigFault([EXPIRED]);
}

const EXPIRED = 'nobody entered the code in time; run the command again';

/** Texts for the errors that end a login; an issuer may name others too. */
const ENDS: ReadonlyMap<string, string> = new Map([
  ['expired_token', EXPIRED],
  ['access_denied', 'the login was refused in the browser'],
]);

/** Prefers the access token; that of Okta's org server is for Okta alone, so there the ID token is taken. */
function passwordOf(tokens: z.infer<typeof tokenSchema>, issuer: string): string {
  const isOrgServer = /\.okta(?:preview|-emea)?\.com\/?$/.test(issuer);
  const { access_token: access, id_token: id } = tokens;
  const candidates = isOrgServer ? [id] : [access, id];
  const token = candidates.find((one) => one?.split('.').length === 3);
  if (token !== undefined) return token;
  throw new ConfigFault([
    'the issuer gave no token that cqlgate can verify; ask for the scope openid, or use a custom authorization server',
  ]);
}

function claimsOf(token: string): z.infer<typeof claimsSchema> {
  try {
    const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
    return claimsSchema.parse(JSON.parse(payload));
  } catch {
    throw new ConfigFault([
      'the issuer gave a token without a subject, or without an expiry that is a date',
    ]);
  }
}

/** Writes what cqlsh --credentials reads. The file is replaced as a whole, and only its owner may read it. */
async function writeCredentials(file: string, role: string, token: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.${process.pid}`;
  const content = `[PlainTextAuthProvider]\nusername = ${role}\npassword = ${token}\n`;
  await writeFile(next, content, { mode: 0o600, flag: 'wx' });
  await rename(next, file);
}

function errorOf(json: unknown): string | null {
  const error = (json as { error?: unknown } | null)?.error;
  return typeof error === 'string' ? asciiOnly(error) : null;
}

/** Removes from an issuer's text what could control a terminal. */
function asciiOnly(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 128);
}
