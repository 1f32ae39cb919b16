// The file of `cqlgate policy test`: who sends what, and whether it is to be permitted.
import { z } from 'zod';
import { ConfigFault } from '../errors.ts';
import { PIPELINE_TARGETS } from '../identity/principal.ts';
import { parseYaml, readText } from './yaml-file.ts';

const name = z.string().min(1);
const statement = z.string().min(1);

const denied = z.union([
  statement,
  z.strictObject({
    statement,
    /** Part of the reason that the user would read. */
    because: z.string().min(1),
  }),
]);

const qualified = z
  .string()
  .regex(/^[^.]+\.[^.]+$/, 'write it as keyspace.name, as the schema has it, without quotes');

const expectationsSchema = z.strictObject({
  version: z.literal(1, { error: 'version must be 1' }),
  tokens: z.record(
    name,
    z.strictObject({
      issuer: name,
      claims: z.record(z.string(), z.json()).default({}),
      /** No claim: what Bitbucket would say that the pipeline runs for. */
      pipelineTarget: z.enum(PIPELINE_TARGETS).nullable().default(null),
    }),
  ),
  /** What of the cluster's schema decisions hang on; without it the wider permission is asked for. */
  schema: z
    .strictObject({
      views: z.record(qualified, qualified).default({}),
      indexes: z.record(qualified, qualified).default({}),
    })
    .prefault({}),
  tests: z
    .array(
      z
        .strictObject({
          name,
          token: name,
          role: name.default('oidc'),
          keyspace: name.optional(),
          login: z.enum(['permit', 'deny']).default('permit'),
          permit: z.array(statement).default([]),
          deny: z.array(denied).default([]),
        })
        .refine(
          ({ login, permit, deny }) => login === 'permit' || permit.length + deny.length === 0,
          'a login that is to be refused sends no statements',
        ),
    )
    .min(1),
});

export type Expectations = z.infer<typeof expectationsSchema>;

/** Rejects with ConfigFault. */
export async function loadExpectations(file: string): Promise<Expectations> {
  const yaml = parseYaml(await readText(file), expectationsSchema, new Set());
  const { tokens, tests } = yaml.value;
  const problems = tests.flatMap(({ name: test, token }, index) => {
    if (Object.hasOwn(tokens, token)) return [];
    const known = Object.keys(tokens).join(', ');
    return [
      `${yaml.place(['tests', index, 'token'])}: ${test}: no token is called ${token}; there are ${known}`,
    ];
  });
  if (problems.length > 0) throw new ConfigFault(problems);
  return yaml.value;
}
