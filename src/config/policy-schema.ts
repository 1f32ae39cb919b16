// The policy file's shape. Grants, kinds and bindings are checked further in load-policy.ts.
import { z } from 'zod';
import { ADMIN_LEVELS } from '../policy/admins.ts';
import { COMMIT_MODES } from '../policy/role.ts';
import { durationBound, durationPattern, isBoundedDuration } from './duration.ts';

const claim = z.union([z.string(), z.array(z.string()).min(1)], {
  error: 'a claim is compared with a string or a list of strings; quote numbers and booleans',
});

const duration = z
  .string()
  .regex(durationPattern, 'write a duration as a number with ms, s, m, h or d, for instance 10m')
  .refine(isBoundedDuration, durationBound);

export const policySchema = z.strictObject({
  version: z.literal(1, { error: 'version must be 1' }),
  roles: z.record(
    z.string().min(1),
    z.strictObject({
      cassandraRole: z.string().min(1).meta({
        description: 'Entry of `cassandraRoles`: the login that its statements run under.',
      }),
      grants: z.array(z.string()).meta({ description: "Texts of Cassandra's GRANT without `TO`." }),
      deny: z.array(z.string()).default([]).meta({
        description:
          'Kinds of statements that are refused whatever the grants, with those that do the same by other words.',
      }),
      capabilities: z.array(z.string()).default([]).meta({
        description:
          'What no grant gives: `triggers`, `identities`, `superuser` (options that Cassandra keeps for superusers, and statements about roles that are).',
      }),
      classes: z.array(z.string().min(1)).default([]).meta({
        description: "Java classes that its statements may name beside Cassandra's own.",
      }),
      asCassandra: z.array(z.string()).default([]).meta({
        description:
          'Where the gate asks for more than Cassandra and this role is let off: `keyspaces`, `listing`, `traces`, `authorize`.',
      }),
      session: z
        .strictObject({
          grace: duration.optional().meta({
            description:
              'How long a session goes on after its token expired, and may reconnect with it; at most 24h.',
          }),
          max: duration.optional().meta({ description: 'Longest session, from its login.' }),
        })
        .optional(),
      commit: z.enum(COMMIT_MODES).optional().meta({
        description: "Over the configuration's `bitbucket.commit`, for tokens of every issuer.",
      }),
    }),
  ),
  bindings: z.array(
    z.strictObject({
      name: z.string().min(1).optional(),
      role: z.string().min(1),
      issuer: z.string().min(1),
      where: z.record(z.string(), claim),
    }),
  ),
  admins: z
    .array(
      z.strictObject({
        level: z.enum(ADMIN_LEVELS).meta({
          description: '`viewer` sees sessions and revocations; `operator` revokes, too.',
        }),
        issuer: z.string().min(1),
        where: z.record(z.string(), claim),
      }),
    )
    .default([])
    .meta({ description: 'Who may use the admin API; without any it is off.' }),
});

export type PolicyFile = z.infer<typeof policySchema>;

/** Keys of the design that this version does not enforce yet. */
export const POLICY_NOT_YET: ReadonlySet<string> = new Set(['roles.*.limits']);
