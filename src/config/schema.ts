// The configuration: keys, types, defaults, and a sentence for each, from which docs/CONFIG.md is
// made. What a later version will enforce is an error here, never ignored.
import { z } from 'zod';
import { ASYMMETRIC_ALGORITHMS } from '../identity/issuers.ts';
import { CLOCK, WORKERS } from '../limits/process.ts';
import { LIMITS, type LimitName } from '../limits/operator.ts';
import { cidrProblem } from './cidr.ts';
import { HOST_PORT, HOW_HOST_PORT, parseHostPort } from './host-port.ts';
import { durationBound, durationPattern, isBoundedDuration } from './duration.ts';
import { COMMIT_MODES } from '../policy/role.ts';
import { urlProblem } from '../outbound/url.ts';

/** In patterns that Helm's engine, which knows no look-ahead, reads in the chart's schema too. */
const hostPort = z
  .string()
  .regex(HOST_PORT, HOW_HOST_PORT)
  .refine((text) => parseHostPort(text) !== null, HOW_HOST_PORT);

const url = z.string().superRefine((text, context) => {
  const problem = urlProblem(text);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});

const duration = z
  .string()
  .regex(durationPattern, 'write a duration as 30s, 10m or 24h')
  .refine(isBoundedDuration, durationBound);

const secret = z.union(
  [z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })],
  {
    error:
      'a secret is {env: NAME} or {file: path}; a literal one is refused, since this file ends up in repositories and logs',
  },
);

const audience = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .meta({ description: 'What the `aud` claim must contain: one value, or any of a list.' });

const ca = z.string().min(1).optional().meta({
  description: 'File with PEM certificates to trust for its addresses, besides the usual ones.',
});

/** The keys that all issuers have but for `issuer` itself. */
const issuerKeys = {
  name: z.string().min(1).meta({ description: 'What policy bindings call it.' }),
  audience,
  jwksUri: url.optional().meta({ description: 'Found by discovery where it is not given.' }),
  ca,
};
const issuerUrl = url.meta({ description: 'The `iss` claim, exactly.' });
const clientId = z.string().min(1).optional().meta({
  description: 'Public client (no secret) that `cqlgate login` signs people in with.',
});

function algorithmProblem({ input }: { readonly input?: unknown }): string {
  const named = typeof input === 'string' ? input.slice(0, 32) : 'this';
  return `${named} is no signature algorithm with a key pair; cqlgate takes ${ASYMMETRIC_ALGORITHMS.join(', ')}`;
}

const issuer = z.discriminatedUnion('type', [
  z.strictObject({
    ...issuerKeys,
    type: z.literal('bitbucket'),
    workspace: z
      .string()
      .min(1)
      .meta({ description: "The workspace's slug, for type `bitbucket`." }),
    workspaceUuid: z
      .string()
      .optional()
      .meta({ description: 'Pins the workspace: slugs can be renamed and taken by others.' }),
    issuer: url.optional().meta({
      description:
        'The `iss` claim, exactly. Required, but for type `bitbucket`, where it replaces the URL of Bitbucket itself.',
    }),
  }),
  z.strictObject({ ...issuerKeys, type: z.literal('okta'), issuer: issuerUrl, clientId }),
  z.strictObject({ ...issuerKeys, type: z.literal('aws'), issuer: issuerUrl }),
  z.strictObject({ ...issuerKeys, type: z.literal('kubernetes'), issuer: issuerUrl }),
  z.strictObject({
    ...issuerKeys,
    type: z.literal('oidc'),
    issuer: issuerUrl,
    clientId,
    algorithms: z
      .array(z.enum(ASYMMETRIC_ALGORITHMS, { error: algorithmProblem }))
      .min(1)
      .default([...ASYMMETRIC_ALGORITHMS])
      .meta({
        description:
          "For type `oidc`: signature algorithms that are taken. By default all that have a key pair; the issuer's key set says which of them each key is for.",
      }),
  }),
]);

/** As in Vault's API, after /v1/. */
const vaultPath = z
  .string()
  .regex(
    /^(?!.*(^|\/)\.{1,2}(\/|$))[^\s/?#%]+(\/[^\s/?#%]+)+$/,
    'write a path as in the API, without /v1/: secret/data/cassandra',
  );

const vaultLease = z.strictObject({
  path: vaultPath.regex(
    /\/(static-)?creds\/[^/]+$/,
    'username and password come from database/creds/<role> or database/static-creds/<role>; a password alone is {username, password: {vault: {path, field}}}',
  ),
});

const passwordInVault = z.strictObject({
  vault: z
    .strictObject({ path: vaultPath, field: z.string().min(1) })
    .meta({ description: 'A field of a secret in KV version 2: secret/data/cassandra.' }),
});

const cassandraRole = z.union(
  [
    z.strictObject({
      username: z.string().min(1).meta({ description: 'What it is called in Cassandra.' }),
      password: z.union([secret, passwordInVault]).meta({
        description: 'A secret; a changed file or field is taken without a restart.',
      }),
    }),
    z.strictObject({
      username: z.string().min(1),
      certificate: z.strictObject({ cert: z.string().min(1), key: z.string().min(1) }).meta({
        description:
          "PEM files that this role logs in with, for Cassandra's mutual TLS authenticators; needs `cluster.tls`.",
      }),
    }),
    z.strictObject({
      vault: vaultLease.meta({
        description:
          'Username and password from the database engine: database/creds/<role>, database/static-creds/<role>.',
      }),
    }),
    z.strictObject({
      open: z.literal(true).meta({ description: 'For a cluster without authentication.' }),
    }),
  ],
  {
    error:
      'a Cassandra role is {username, password: {env: NAME} or {file: path} or {vault: {path, field}}}, {username, certificate: {cert, key}}, {vault: {path: database/creds/<role>}}, or {open: true} for a cluster without authentication; a literal password is refused',
  },
);

const mount = z.string().min(1).optional().meta({ description: 'Where the method is mounted.' });

const vaultAuth = z.union(
  [
    z.strictObject({ token: secret.meta({ description: 'A token that somebody else keeps.' }) }),
    z.strictObject({
      approle: z
        .strictObject({ roleId: z.string().min(1), secretId: secret, mount })
        .meta({ description: 'Role and secret id.' }),
    }),
    z.strictObject({
      kubernetes: z
        .strictObject({
          role: z.string().min(1),
          tokenFile: z
            .string()
            .min(1)
            .default('/var/run/secrets/kubernetes.io/serviceaccount/token')
            .meta({ description: 'Read at each login to Vault: projected tokens change.' }),
          mount,
        })
        .meta({ description: "The pod's service-account token." }),
    }),
    z.strictObject({
      jwt: z
        .strictObject({ role: z.string().min(1), tokenFile: z.string().min(1), mount })
        .meta({ description: 'A token in a file.' }),
    }),
  ],
  {
    error:
      'the way to log in to Vault is one of {token: {env} or {file}}, {approle: {roleId, secretId: {env} or {file}}}, {kubernetes: {role}}, {jwt: {role, tokenFile}}',
  },
);

const limitShape = Object.fromEntries(
  (Object.keys(LIMITS) as LimitName[]).map((name) => [
    name,
    z
      .int()
      // 0 stands only where it means a value that is worked out.
      .min(LIMITS[name].default === 0 ? 0 : 1)
      // Most of these are waited for by a timer, which would fire at once if it were to wait for longer.
      .max(LIMITS[name].unit === 'ms' ? CLOCK.longestTimerMs : Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({
        description: `${LIMITS[name].reason} Unit: ${LIMITS[name].unit}. Default: ${LIMITS[name].default}.`,
      }),
  ]),
) as Record<LimitName, z.ZodOptional<z.ZodInt>>;

const cidr = z.string().superRefine((text, context) => {
  const problem = cidrProblem(text);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});

const hostPattern = z
  .string()
  .toLowerCase()
  .regex(
    /^(?:(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[?[0-9a-f:.]+\]?)$/,
    'write a name without a port: gate.example.com, or *.gate.example.com for one label more',
  );

/** Of a port that this process listens on; 0 is any that is free. */
const ownPort = z.int().min(0).max(65_535);
/** Of a port that somebody connects to. */
const port = ownPort.min(1);

export const configSchema = z.strictObject({
  listen: z
    .strictObject({
      host: z.string().default('0.0.0.0').meta({ description: 'Address to listen on.' }),
      port: ownPort.default(9042).meta({ description: 'Port to listen on; 0 takes any free one.' }),
      tls: z
        .strictObject({
          cert: z.string().min(1).meta({
            description:
              'PEM file with the certificate, then its intermediates; read anew when it changes.',
          }),
          key: z.string().min(1).meta({ description: 'PEM file with its key.' }),
          clientCa: z.string().min(1).optional().meta({
            description: 'PEM file with CAs: with it a client certificate is required.',
          }),
        })
        .optional(),
      allowPlaintext: z.boolean().default(false).meta({
        description:
          'Take tokens over plaintext from other machines too. Only where the network itself is trusted.',
      }),
      proxyProtocol: z.array(cidr).min(1).optional().meta({
        description:
          'Load balancers in front of the gate, as ranges of addresses: connections from these must begin with a header of the PROXY protocol (version 2), before TLS, and the address in it is the client; from all other addresses such a header is refused.',
      }),
    })
    .prefault({}),
  advertise: z
    .strictObject({
      host: z.string().min(1).meta({ description: 'The address drivers are told.' }),
      port: port.meta({ description: 'The port drivers are told.' }),
      peers: z.array(hostPort).default([]).meta({
        description:
          'Gates in front of the same cluster, told as peers, each by the host and port of its own `advertise`; the same list may stand at all of them.',
      }),
    })
    .optional(),
  admin: z
    .strictObject({
      host: z.string().default('127.0.0.1').meta({ description: 'Address of the admin port.' }),
      port: ownPort.default(9180).meta({
        description:
          'Port of /healthz, /readyz and /metrics, which are open, and of the API, which is not; 0 takes any free one.',
      }),
      hosts: z.array(hostPattern).default([]).meta({
        description:
          'Names by which the port may be called, without a port; `*.` in front stands for one label. The API is called by these, `admin.host`, localhost, 127.0.0.1 or [::1] only; /healthz, /readyz and /metrics also by any address and by the hosts of `advertise`.',
      }),
    })
    .optional(),
  cluster: z.strictObject({
    contactPoints: z
      .array(hostPort)
      .min(1)
      .meta({ description: 'Nodes of the cluster; the first that answers is used.' }),
    tls: z
      .strictObject({
        ca: z.string().min(1).optional().meta({
          description: "PEM file with the CAs of the nodes' certificates; default: the usual ones.",
        }),
        cert: z.string().min(1).optional().meta({
          description: 'PEM file with a client certificate, for nodes that ask for one.',
        }),
        key: z.string().min(1).optional().meta({ description: 'PEM file with its key.' }),
        serverName: z.string().min(1).optional().meta({
          description:
            "What the nodes' certificates must be for; default: the host that is dialled.",
        }),
      })
      .refine((tls) => (tls.cert === undefined) === (tls.key === undefined), {
        error: 'a client certificate needs both cert and key',
      })
      .optional(),
    connectionsPerPool: z
      .int()
      .min(1)
      .max(16)
      .default(2)
      .meta({ description: 'Connections kept for each Cassandra role and protocol version.' }),
    compression: z.enum(['none', 'lz4']).default('none').meta({
      description:
        'Towards the nodes, whatever clients use: worth it where the network is slow or metered.',
    }),
    gateRole: z.string().optional().meta({
      description: "Entry of cassandraRoles for the gate's own queries; default: the first.",
    }),
    localDatacenter: z.string().min(1).optional().meta({
      description:
        'Whose nodes are used; default: the datacenter of the first node reached. Name it where there are several.',
    }),
    remoteDatacenters: z.array(z.string().min(1)).default([]).meta({
      description: 'Used in this order while no node of the local datacenter is reached.',
    }),
    keyspace: z
      .strictObject({
        name: z.literal('cqlgate', { error: "the gate's own keyspace is called cqlgate" }),
        replication: z.record(z.string(), z.union([z.string(), z.int()])).meta({
          description:
            'As in CREATE KEYSPACE, for instance `{class: NetworkTopologyStrategy, dc1: 3}`; `cqlgate provision` makes it.',
        }),
      })
      .optional()
      .meta({
        description:
          "The gate's own keyspace, shared by the fleet: revocations, and locks on schema changes.",
      }),
    allowUntested: z
      .boolean()
      .default(false)
      .meta({ description: 'Serve clusters other than Apache Cassandra 5.0 and 4.1.' }),
  }),
  cassandraRoles: z
    .record(z.string().min(1), cassandraRole)
    .refine((roles) => Object.keys(roles).length > 0, 'name at least one Cassandra role')
    .meta({ description: 'The logins used towards the cluster, by name.' }),
  vault: z
    .strictObject({
      address: url.meta({ description: 'Of Vault or OpenBao, without /v1.' }),
      namespace: z.string().min(1).optional(),
      ca: z.string().min(1).optional().meta({
        description:
          "PEM file of the CA that signed Vault's certificate, where it is a private one.",
      }),
      auth: vaultAuth.meta({ description: 'How the gate logs in to Vault.' }),
    })
    .optional(),
  maxSecretAge: duration.default('24h').meta({
    description:
      'Older secrets of cassandraRoles raise a warning in /readyz; leases are replaced before. A number with ms, s, m, h or d.',
  }),
  issuers: z.array(issuer).min(1).meta({ description: 'Who may issue tokens.' }),
  bitbucket: z
    .strictObject({
      apiUrl: url
        .default('https://api.bitbucket.org/2.0')
        .meta({ description: "Bitbucket's REST API." }),
      token: secret.optional().meta({
        description:
          'Access token that may read pipelines and repositories: `{env: NAME}` or `{file: path}`. Without one no commit is looked up.',
      }),
      username: z
        .string()
        .regex(/^[^:\s]+$/, "it is the account's email address")
        .optional()
        .meta({
          description:
            "Email address of the account, where the token is an Atlassian API token (scopes `read:pipeline:bitbucket`, `read:repository:bitbucket`) rather than a workspace's, project's or repository's access token.",
        }),
      commit: z.enum(COMMIT_MODES).optional().meta({
        description:
          "Changes to schema and roles by tokens of bitbucket issuers: `required` refuses them without a verified commit, `best-effort` looks it up and goes on, `off` does not look. A role's own `commit` goes before it. Default: `required` where a token is set, else `off`.",
      }),
    })
    .optional(),
  policy: z
    .string()
    .min(1)
    .meta({ description: 'The policy file, relative to this one; taken anew when it changes.' }),
  audit: z.strictObject({
    dir: z.string().min(1).meta({ description: 'Directory of the ledger, relative to this file.' }),
    dml: z.enum(['all', 'activity']).default('activity').meta({
      description:
        'Reads and writes of rows: a record each, or counts per session, statement and minute.',
    }),
  }),
  workers: z.int().min(0).max(WORKERS.max).default(1).meta({
    description:
      'Processes that serve the port, each with connections, caches and a ledger of its own; 0: one for each core.',
  }),
  limits: z.strictObject(limitShape).prefault({}),
});

export type Config = z.infer<typeof configSchema>;

/** Keys of the design that this version does not enforce yet: named, so that the error can say so. */
export const NOT_YET: ReadonlySet<string> = new Set(['audit.signingKey']);
