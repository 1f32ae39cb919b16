// Who may issue tokens: one row of data for each type, so that the verifier knows none by name.
import type { Principal } from './principal.ts';

type Claims = Principal['claims'];

interface IssuerBase {
  readonly name: string;
  readonly audience: string | readonly string[];
  readonly jwksUri?: string | undefined;
  /** PEM certificates that are trusted for the issuer's addresses, besides the usual ones. */
  readonly ca?: string | undefined;
}

export interface BitbucketIssuer extends IssuerBase {
  readonly type: 'bitbucket';
  /** The workspace's slug, which is part of the issuer's URL. */
  readonly workspace: string;
  /** Slugs can be renamed and taken by others; the uuid can't. */
  readonly workspaceUuid?: string | undefined;
  readonly issuer?: string | undefined;
}

export interface OktaIssuer extends IssuerBase {
  readonly type: 'okta';
  readonly issuer: string;
  /** Of the public client that `cqlgate login` signs in with. */
  readonly clientId?: string | undefined;
}

export interface AwsIssuer extends IssuerBase {
  readonly type: 'aws';
  readonly issuer: string;
}

export interface KubernetesIssuer extends IssuerBase {
  readonly type: 'kubernetes';
  readonly issuer: string;
}

export interface OidcIssuer extends IssuerBase {
  readonly type: 'oidc';
  readonly issuer: string;
  readonly algorithms: readonly string[];
  readonly clientId?: string | undefined;
}

export type IssuerConfig = BitbucketIssuer | OktaIssuer | AwsIssuer | KubernetesIssuer | OidcIssuer;

/** What the verifier needs to know of an issuer. */
export interface Issuer {
  readonly name: string;
  readonly issuer: string;
  /** null: found by discovery. */
  readonly jwksUri: string | null;
  readonly audiences: readonly string[];
  readonly algorithms: readonly string[];
  /** Claims that must have exactly this value, UUIDs compared without braces and case. */
  readonly pinned: Readonly<Record<string, string>>;
  /** Says how a user gets a fresh token. */
  readonly renewal: string;
  /** Why a token with these claims cannot be verified here; null if it can. */
  readonly refusal: (claims: Claims) => string | null;
  /** Whether the token stands for a person, whose sessions have limits of their own. */
  readonly isHuman: (claims: Claims) => boolean;
}

/** Signature algorithms with a key pair; a shared secret would let this gate mint tokens. */
export const ASYMMETRIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** The object that AWS STS puts its own claims into. */
export const AWS_CLAIMS = 'https://sts.amazonaws.com/';

const NOTHING = () => null;
const NOBODY = () => false;

const TYPES: {
  readonly [Type in IssuerConfig['type']]: (
    config: Extract<IssuerConfig, { type: Type }>,
  ) => Omit<Issuer, 'name' | 'audiences'>;
} = {
  bitbucket: (config) => {
    const issuer =
      config.issuer ??
      `https://api.bitbucket.org/2.0/workspaces/${encodeURIComponent(config.workspace)}/pipelines-config/identity/oidc`;
    return {
      issuer,
      jwksUri: config.jwksUri ?? `${issuer}/keys.json`,
      algorithms: ['RS256'],
      pinned: config.workspaceUuid === undefined ? {} : { workspaceUuid: config.workspaceUuid },
      renewal: 'Each pipeline step gets its own in BITBUCKET_STEP_OIDC_TOKEN; run the step again.',
      refusal: NOTHING,
      isHuman: NOBODY,
    };
  },
  okta: (config) => ({
    issuer: config.issuer,
    jwksUri: config.jwksUri ?? null,
    algorithms: ['RS256'],
    pinned: {},
    renewal: "Sign in again with 'cqlgate login'.",
    refusal: orgAccessToken,
    // A service's own token (client credentials) has no user id; an ID token has no client id.
    isHuman: (claims) => typeof claims['uid'] === 'string' || claims['cid'] === undefined,
  }),
  aws: (config) => ({
    issuer: config.issuer,
    jwksUri: config.jwksUri ?? null,
    algorithms: ['RS256', 'ES384'],
    pinned: {},
    renewal: 'Ask STS again (GetWebIdentityToken).',
    refusal: NOTHING,
    isHuman: NOBODY,
  }),
  kubernetes: (config) => ({
    issuer: config.issuer,
    jwksUri: config.jwksUri ?? null,
    algorithms: ['RS256', 'ES256'],
    pinned: {},
    renewal: 'Read the projected token file again: the kubelet renews it.',
    refusal: NOTHING,
    isHuman: NOBODY,
  }),
  oidc: (config) => ({
    issuer: config.issuer,
    jwksUri: config.jwksUri ?? null,
    algorithms: config.algorithms,
    pinned: {},
    renewal: 'Ask the issuer for a fresh one.',
    refusal: NOTHING,
    isHuman: NOBODY,
  }),
};

export function issuerOf(config: IssuerConfig): Issuer {
  const row = TYPES[config.type] as (config: IssuerConfig) => Omit<Issuer, 'name' | 'audiences'>;
  const { name, audience } = config;
  return { name, audiences: typeof audience === 'string' ? [audience] : audience, ...row(config) };
}

/** Access tokens of Okta's org server are for Okta's own APIs: nobody else can verify them. */
function orgAccessToken({ iss, cid, scp }: Claims): string | null {
  if (typeof iss !== 'string' || /\/oauth2\//.test(iss)) return null;
  if (cid === undefined && scp === undefined) return null;
  return "This is an access token of Okta's org authorization server, which only Okta itself can verify. Use one of a custom authorization server (its issuer ends in /oauth2/default or /oauth2/aus...), or the ID token.";
}
