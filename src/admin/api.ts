// The admin API: who is connected, what is revoked, and revoking. It needs a token of a configured
// issuer that is bound under `admins:` of the policy; without admins it is not there at all.
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { wallMs } from '../clock.ts';
import { AuthFault } from '../errors.ts';
import type { Principal } from '../identity/principal.ts';
import { ADMIN } from '../limits/process.ts';
import { REVOCATION } from '../limits/fleet.ts';
import { mayDo, type AdminLevel } from '../policy/admins.ts';
import type { Policy } from '../policy/policy.ts';
import type { AdminRefusal } from '../refusals.ts';
import { hostName, HostNames } from './host.ts';
import { newRevocation, REVOCABLES, type Revocation } from '../revocation/revocations.ts';
import { isoTime } from '../wall-clock.ts';

/** As session/session-identity.ts tells of one; printed as it is. */
type SessionInfo = Readonly<Record<'id' | 'client' | 'issuer' | 'subject' | 'role', string>>;

/** What the API reads and does; the composition root puts it together. */
export interface AdminControl {
  readonly policy: () => Policy;
  /** The configured ones: their names, and the URLs by which records name them. */
  readonly issuers: readonly { readonly name: string; readonly issuer: string }[];
  /** Rejects with AuthFault. */
  readonly verify: (token: string) => Promise<Principal>;
  readonly sessions: () => Promise<readonly SessionInfo[]>;
  readonly revocations: () => readonly Revocation[];
  readonly isRevoked: (principal: Principal) => boolean;
  /** In force here when this resolves, and recorded; true where the fleet has it too. */
  readonly revoke: (revocation: Revocation) => Promise<boolean>;
  /** A login that failed; resolves when it may be answered. */
  readonly refused: (reason: AdminRefusal, source: string) => Promise<void>;
  /** Names by which the API may be called, beside loopback's: a page elsewhere must not use it. */
  readonly hosts: readonly string[];
}

/** Beside those of the configuration. */
const LOOPBACK = ['localhost', '127.0.0.1', '::1'];

interface Variables {
  principal: Principal;
  level: AdminLevel;
}

type Api = { Variables: Variables };

const revocationSchema = z.strictObject({
  what: z.enum(REVOCABLES),
  value: z.string().min(1).max(REVOCATION.textLength),
  issuer: z.string().min(1).max(REVOCATION.textLength).nullable().default(null),
  reason: z.string().min(1).max(REVOCATION.textLength),
});

export function adminApi(control: AdminControl, sourceOf: (context: Context) => string): Hono<Api> {
  const api = new Hono<Api>();
  api.use(guard(control, sourceOf));
  api.get('/whoami', (context) => {
    const { issuerName: issuer, subject, expiresAtMs } = context.var.principal;
    const expires = isoTime(expiresAtMs);
    return context.json({ issuer, subject, level: context.var.level, expires });
  });
  api.get('/sessions', async (context) => context.json({ sessions: await control.sessions() }));
  api.get('/revocations', (context) =>
    context.json({ revocations: control.revocations().map(shown) }),
  );
  api.post(
    '/revocations',
    bodyLimit({ maxSize: ADMIN.bodyBytes }),
    needs('operator'),
    async (context) => {
      const type = context.req.header('content-type') ?? '';
      if (!/^application\/json(;|$)/.test(type)) {
        return context.json({ error: 'send JSON, as application/json' }, 415);
      }
      const body: unknown = await context.req.json().catch(() => undefined);
      const { data, error } = revocationSchema.safeParse(body);
      if (data === undefined) {
        return context.json({ error: z.prettifyError(error) }, 400);
      }
      const { issuerName, subject } = context.var.principal;
      const revokedBy = `${issuerName} ${subject}`.slice(0, REVOCATION.textLength);
      const asked = withIssuerNames(data, control.issuers);
      const revocation =
        'problem' in asked ? asked : newRevocation({ ...asked, revokedBy }, wallMs());
      if ('problem' in revocation) return context.json({ error: revocation.problem }, 400);
      const isShared = await control.revoke(revocation);
      return context.json({ revocation: shown(revocation), shared: isShared }, 201);
    },
  );
  api.notFound((context) => context.json({ error: 'there is nothing here' }, 404));
  return api;
}

function guard(
  control: AdminControl,
  sourceOf: (context: Context) => string,
): MiddlewareHandler<Api> {
  const own = new HostNames(control.hosts);
  const isOwn = (host: string): boolean => {
    const name = hostName(host);
    return name !== null && (LOOPBACK.includes(name) || own.has(name));
  };
  return async (context, next) => {
    const policy = control.policy();
    if (!policy.hasAdmins) return context.json({ error: 'there is nothing here' }, 404);
    if (!isOwn(context.req.header('host') ?? '')) {
      return context.json({ error: 'call this port by a name that admin.hosts lists' }, 421);
    }
    const refuse = async (reason: AdminRefusal, error: string, status: 401 | 403) => {
      await control.refused(reason, sourceOf(context));
      if (status === 401) context.header('www-authenticate', 'Bearer');
      return context.json({ error }, status);
    };
    const [, token] = /^Bearer (\S+)$/i.exec(context.req.header('authorization') ?? '') ?? [];
    if (token === undefined) {
      return refuse('token_missing', 'send a token, as Authorization: Bearer', 401);
    }
    let principal: Principal;
    try {
      principal = await control.verify(token);
    } catch (error) {
      if (!(error instanceof AuthFault)) throw error;
      // No fault of the token's, and nothing to slow down for.
      if (error.reason === 'busy') return context.json({ error: error.message }, 503);
      return refuse(error.reason, error.message, 401);
    }
    if (control.isRevoked(principal)) return refuse('revoked', 'this token was revoked', 401);
    const level = policy.adminLevel(principal);
    if (level === null) {
      return refuse('no_admin', 'this token is bound to nothing under admins of the policy', 403);
    }
    context.set('principal', principal);
    context.set('level', level);
    await next();
    return undefined;
  };
}

function needs(asked: AdminLevel): MiddlewareHandler<Api> {
  return async (context, next) => {
    if (!mayDo(context.var.level, asked)) {
      return context.json({ error: `this needs the level ${asked}` }, 403);
    }
    await next();
    return undefined;
  };
}

type Asked = z.infer<typeof revocationSchema>;

/** Issuers by the names they have in the configuration; one that is none would cover nothing. */
function withIssuerNames(
  asked: Asked,
  issuers: AdminControl['issuers'],
): Asked | { readonly problem: string } {
  const given = asked.what === 'issuer' ? asked.value : asked.issuer;
  if (given === null) return asked;
  const found = issuers.find(({ name, issuer }) => given === name || given === issuer);
  if (found === undefined) {
    const names = issuers.map(({ name }) => name).join(', ');
    return { problem: `no issuer is called ${given}; there are ${names}` };
  }
  if (asked.what === 'issuer') return { ...asked, value: found.name, issuer: null };
  return { ...asked, issuer: found.name };
}

function shown({ revokedAtMs, ...revocation }: Revocation) {
  return { ...revocation, revokedAt: isoTime(revokedAtMs) };
}
