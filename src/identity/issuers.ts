// Who may issue tokens: one row of data for each type, so that the verifier knows none by name.

export interface BitbucketIssuer {
  readonly name: string;
  readonly type: 'bitbucket';
  /** The workspace's slug, which is part of the issuer's URL. */
  readonly workspace: string;
  /** Slugs can be renamed and taken by others; the uuid can't. */
  readonly workspaceUuid?: string | undefined;
  readonly audience: string | readonly string[];
  readonly issuer?: string | undefined;
  readonly jwksUri?: string | undefined;
}

export interface OidcIssuer {
  readonly name: string;
  readonly type: 'oidc';
  readonly issuer: string;
  readonly jwksUri?: string | undefined;
  readonly audience: string | readonly string[];
  readonly algorithms: readonly string[];
}

export type IssuerConfig = BitbucketIssuer | OidcIssuer;

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
  /** How a user comes by a fresh token. */
  readonly renewal: string;
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
] as const;

const TYPES: {
  readonly [Type in IssuerConfig['type']]: (
    config: Extract<IssuerConfig, { type: Type }>,
  ) => Issuer;
} = {
  bitbucket: (config) => {
    const issuer =
      config.issuer ??
      `https://api.bitbucket.org/2.0/workspaces/${encodeURIComponent(config.workspace)}/pipelines-config/identity/oidc`;
    return {
      name: config.name,
      issuer,
      jwksUri: config.jwksUri ?? `${issuer}/keys.json`,
      audiences: listOf(config.audience),
      algorithms: ['RS256'],
      pinned: config.workspaceUuid === undefined ? {} : { workspaceUuid: config.workspaceUuid },
      renewal: 'Each pipeline step gets its own in BITBUCKET_STEP_OIDC_TOKEN; run the step again.',
    };
  },
  oidc: (config) => ({
    name: config.name,
    issuer: config.issuer,
    jwksUri: config.jwksUri ?? null,
    audiences: listOf(config.audience),
    algorithms: config.algorithms,
    pinned: {},
    renewal: 'Ask the issuer for a fresh one.',
  }),
};

export function issuerOf(config: IssuerConfig): Issuer {
  return config.type === 'bitbucket' ? TYPES.bitbucket(config) : TYPES.oidc(config);
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}
