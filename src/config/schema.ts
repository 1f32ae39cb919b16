// The configuration: keys, types, defaults, and a sentence for each, from which docs/CONFIG.md is
// made. What a later version will enforce is an error here, never ignored.
import { z } from 'zod';
import { ASYMMETRIC_ALGORITHMS } from '../identity/issuers.ts';
import { LIMITS, type LimitName } from '../limits.ts';
import { urlProblem } from '../outbound/url.ts';

const hostPort = z
  .string()
  .regex(
    /^(?:\[[0-9a-fA-F:]+\]|[^\s:[\]]+):\d{1,5}$/,
    'write it as host:port, for instance 10.0.0.11:9042',
  );

const url = z.string().superRefine((text, context) => {
  const problem = urlProblem(text);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});

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

const issuer = z.discriminatedUnion('type', [
  z.strictObject({
    ...issuerKeys,
    type: z.literal('bitbucket'),
    workspace: z.string().min(1).meta({ description: "The workspace's slug." }),
    workspaceUuid: z
      .string()
      .optional()
      .meta({ description: 'Pins the workspace: slugs can be renamed and taken by others.' }),
    issuer: url.optional().meta({ description: "Instead of Bitbucket's own issuer URL." }),
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
      .array(z.enum(ASYMMETRIC_ALGORITHMS))
      .min(1)
      .meta({ description: 'Signature algorithms that are taken.' }),
  }),
]);

const cassandraRole = z.union(
  [
    z.strictObject({ username: z.string().min(1), password: secret }),
    z.strictObject({ open: z.literal(true) }),
  ],
  {
    error:
      'a Cassandra role is {username, password: {env: NAME} or {file: path}}, or {open: true} for a cluster without authentication; a literal password is refused',
  },
);

const limitShape = Object.fromEntries(
  (Object.keys(LIMITS) as LimitName[]).map((name) => [
    name,
    z
      .int()
      .positive()
      .optional()
      .meta({
        description: `${LIMITS[name].reason} Unit: ${LIMITS[name].unit}. Default: ${LIMITS[name].default}.`,
      }),
  ]),
) as Record<LimitName, z.ZodOptional<z.ZodInt>>;

const port = z.int().min(0).max(65_535);

export const configSchema = z.strictObject({
  listen: z
    .strictObject({
      host: z.string().default('0.0.0.0').meta({ description: 'Address to listen on.' }),
      port: port.default(9042).meta({ description: 'Port to listen on; 0 takes any free one.' }),
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
    })
    .prefault({}),
  advertise: z
    .strictObject({
      host: z.string().min(1).meta({ description: 'The address drivers are told.' }),
      port: port.meta({ description: 'The port drivers are told.' }),
      peers: z
        .array(hostPort)
        .default([])
        .meta({ description: 'Other gates in front of the same cluster, told as peers.' }),
    })
    .optional(),
  admin: z
    .strictObject({
      host: z.string().default('127.0.0.1').meta({ description: 'Address of the admin port.' }),
      port: port.default(9180).meta({
        description:
          'Port of /healthz, /readyz and /metrics, which are open; 0 takes any free one.',
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
    allowUntested: z
      .boolean()
      .default(false)
      .meta({ description: 'Serve clusters other than Apache Cassandra 5.0 and 4.1.' }),
  }),
  cassandraRoles: z
    .record(z.string().min(1), cassandraRole)
    .refine((roles) => Object.keys(roles).length > 0, 'name at least one Cassandra role')
    .meta({ description: 'The logins used towards the cluster, by name.' }),
  issuers: z.array(issuer).min(1).meta({ description: 'Who may issue tokens.' }),
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
  limits: z.strictObject(limitShape).prefault({}),
});

export type Config = z.infer<typeof configSchema>;

/** Keys of the design that this version does not enforce yet: named, so that the error can say so. */
export const NOT_YET: ReadonlySet<string> = new Set([
  'listen.proxyProtocol',
  'workers',
  'cluster.localDatacenter',
  'cluster.keyspace',
  'vault',
  'bitbucket',
  'audit.signingKey',
]);
