// The policy file to a Policy: every grant, kind, binding and name checked, all problems at once.
import { createHash } from 'node:crypto';
import { CAPABILITIES, STATEMENT_KINDS, type StatementKind } from '../cql/statement.ts';
import { ConfigFault } from '../errors.ts';
import { AWS_CLAIMS, type IssuerConfig } from '../identity/issuers.ts';
import { PIPELINE_TARGETS, type PipelineTarget } from '../identity/principal.ts';
import { PIPELINE_TARGET, type Binding } from '../policy/bindings.ts';
import { matchesGlob } from '../policy/glob.ts';
import type { AdminBinding } from '../policy/admins.ts';
import { deniedKinds } from '../policy/deny.ts';
import { parseGrant, type Grant } from '../policy/grant.ts';
import { ANY_ROLE, Policy } from '../policy/policy.ts';
import { RELAXATIONS, type RoleDocument } from '../policy/role.ts';
import { GATE_KEYSPACE } from '../policy/system-keyspaces.ts';
import { TOKENS } from '../limits/identity.ts';
import { durationMs } from './duration.ts';
import { POLICY_NOT_YET, policySchema, type PolicyFile } from './policy-schema.ts';
import type { LoadedConfig } from './load.ts';
import { nearestOf, parseYaml, readText, type TextFile, type YamlFile } from './yaml-file.ts';

/** What of the configuration a policy refers to. */
export interface PolicyContext {
  readonly issuers: readonly IssuerConfig[];
  readonly cassandraRoles: readonly string[];
  /** What the gate's logins are called in Cassandra; `serve` keeps the list true, since leases change. */
  readonly ownLogins: readonly string[];
  /** Whether Bitbucket can be asked what a pipeline runs for. */
  readonly knowsTargets?: boolean;
}

export function policyContext({ issuers, logins, bitbucket }: LoadedConfig): PolicyContext {
  return {
    issuers,
    cassandraRoles: [...logins.keys()],
    ownLogins: [...logins.values()].flatMap((login) =>
      'username' in login ? [login.username] : [],
    ),
    knowsTargets: bitbucket.token !== null,
  };
}

export interface LoadedPolicy {
  readonly policy: Policy;
  /** The text that it was made of. */
  readonly content: string;
  /** What the policy was made of, for those who do something else with it than decide. */
  readonly roles: readonly RoleDocument[];
  readonly warnings: readonly string[];
  /** What the `deny` of each role comes to, for people. */
  readonly denied: readonly string[];
}

const KINDS = Object.keys(STATEMENT_KINDS) as StatementKind[];

/** Hex digits of the content's hash that name a policy in records. */
const VERSION_LENGTH = 12;

/** Rejects with ConfigFault. */
export async function loadPolicy(file: string, context: PolicyContext): Promise<LoadedPolicy> {
  return policyOf(await readText(file), context);
}

/** The policy of a text that was read before. Throws ConfigFault. */
export function policyOf(text: TextFile, context: PolicyContext): LoadedPolicy {
  const yaml = parseYaml(text, policySchema, POLICY_NOT_YET);
  const problems: string[] = [];
  const roles = Object.entries(yaml.value.roles).map(([name, role]) =>
    roleOf(yaml, name, role, context, problems),
  );
  const bindings = yaml.value.bindings.map((binding, index) =>
    bindingOf(yaml, binding, index, context, problems),
  );
  const admins = yaml.value.admins.map((admin, index) =>
    adminOf(yaml, admin, index, context, problems),
  );
  if (problems.length > 0) throw new ConfigFault(problems);
  const version = createHash('sha256').update(yaml.content).digest('hex').slice(0, VERSION_LENGTH);
  return {
    policy: new Policy({ roles, bindings, admins, ownLogins: context.ownLogins }, version),
    content: yaml.content,
    roles,
    warnings: warningsOf(roles, bindings, context),
    denied: roles
      .filter(({ deny }) => deny.length > 0)
      .map(({ name, deny }) => `roles.${name}.deny covers ${[...deniedKinds(deny)].join(', ')}`),
  };
}

function roleOf(
  yaml: YamlFile<PolicyFile>,
  name: string,
  role: PolicyFile['roles'][string],
  context: PolicyContext,
  problems: string[],
): RoleDocument {
  const at = (...path: PropertyKey[]): string => yaml.place(['roles', name, ...path]);
  if (name === ANY_ROLE) {
    problems.push(
      `${at()}: no role may be called ${ANY_ROLE}: as a username it means the one role bound`,
    );
  }
  if (!context.cassandraRoles.includes(role.cassandraRole)) {
    problems.push(
      `${at('cassandraRole')}: roles.${name}.cassandraRole: ${role.cassandraRole} is not in cassandraRoles of the configuration${hint(role.cassandraRole, context.cassandraRoles)}`,
    );
  }
  const { grace } = role.session ?? {};
  if (grace !== undefined && durationMs(grace) > TOKENS.graceMaxMs) {
    problems.push(
      `${at('session', 'grace')}: roles.${name}.session.grace: at most 24h; an expired token is not remembered for longer`,
    );
  }
  const grants: Grant[] = [];
  role.grants.forEach((text, index) => {
    const grant = parseGrant(text);
    const problem = 'problem' in grant ? grant.problem : grantProblem(grant);
    if (problem !== null)
      problems.push(`${at('grants', index)}: roles.${name}: '${text}': ${problem}`);
    else if (!('problem' in grant)) grants.push(grant);
  });
  const known = <Word extends string>(
    key: 'deny' | 'capabilities' | 'asCassandra',
    words: readonly Word[],
    normalize: (text: string) => string,
    what: string,
  ): Word[] =>
    role[key].flatMap((text, index) => {
      const word = words.find((one) => one === normalize(text.trim()));
      if (word !== undefined) return [word];
      problems.push(
        `${at(key, index)}: roles.${name}.${key}: '${text}' is no ${what}${hint(normalize(text), words)}`,
      );
      return [];
    });
  const upper = (text: string): string => text.replaceAll(/\s+/g, ' ').toUpperCase();
  const asIs = (text: string): string => text;
  return {
    name,
    cassandraRole: role.cassandraRole,
    grants,
    deny: known('deny', KINDS, upper, 'kind of statement'),
    capabilities: known('capabilities', CAPABILITIES, asIs, 'capability'),
    classes: role.classes,
    asCassandra: known('asCassandra', RELAXATIONS, asIs, 'relaxation'),
    commit: role.commit,
    session: {
      graceMs: role.session?.grace === undefined ? 0 : durationMs(role.session.grace),
      maxMs: role.session?.max === undefined ? null : durationMs(role.session.max),
    },
  };
}

/** Grants that parse, and still may not stand in a policy. */
function grantProblem({ resource }: Grant): string | null {
  const reachesGate =
    ('keyspace' in resource && resource.keyspace === GATE_KEYSPACE) ||
    (resource.type === 'KEYSPACE PREFIX' && resource.prefix === GATE_KEYSPACE);
  if (reachesGate) return `keyspace ${GATE_KEYSPACE} is the gate's own and can't be granted`;
  if (resource.type === 'MBEAN' || resource.type === 'ALL MBEANS') {
    return 'JMX is not reached through cqlgate; remove the grant';
  }
  return null;
}

/** Claims of which a binding names one: those that say who it is and that nobody chooses for himself. */
const NAMED_BY: Readonly<
  Record<IssuerConfig['type'], { readonly anyOf: readonly string[]; readonly advice: string }>
> = {
  bitbucket: {
    anyOf: ['repositoryUuid'],
    advice: 'name repositoryUuid; a whole workspace is written as repositoryUuid: "*"',
  },
  aws: {
    anyOf: ['sub', `/${AWS_CLAIMS.replaceAll('~', '~0').replaceAll('/', '~1')}/aws_account`],
    advice:
      'name sub (the ARN of the role) or "/https:~1~1sts.amazonaws.com~1/aws_account"; tags of the request are chosen by whoever asks',
  },
  kubernetes: {
    anyOf: ['sub'],
    advice: 'name sub, as in sub: system:serviceaccount:NAMESPACE:NAME',
  },
  okta: { anyOf: [], advice: '' },
  oidc: { anyOf: [], advice: '' },
};

function bindingOf(
  yaml: YamlFile<PolicyFile>,
  binding: PolicyFile['bindings'][number],
  index: number,
  context: PolicyContext,
  problems: string[],
): Binding {
  const name = binding.name ?? `bindings[${index}]`;
  const roleNames = Object.keys(yaml.value.roles);
  if (!roleNames.includes(binding.role)) {
    problems.push(
      `${yaml.place(['bindings', index, 'role'])}: ${name}: no role is called ${binding.role}${hint(binding.role, roleNames)}`,
    );
  }
  const at = (...path: PropertyKey[]): string => yaml.place(['bindings', index, ...path]);
  const where = conditionsOf(binding, name, at, context, problems);
  return { name, role: binding.role, issuer: binding.issuer, where };
}

function adminOf(
  yaml: YamlFile<PolicyFile>,
  admin: PolicyFile['admins'][number],
  index: number,
  context: PolicyContext,
  problems: string[],
): AdminBinding {
  const name = `admins[${index}]`;
  const at = (...path: PropertyKey[]): string => yaml.place(['admins', index, ...path]);
  const where = conditionsOf(admin, name, at, context, problems);
  return { name, role: admin.level, issuer: admin.issuer, where };
}

/** The conditions of a binding, checked against its issuer. */
function conditionsOf(
  binding: Pick<PolicyFile['bindings'][number], 'issuer' | 'where'>,
  name: string,
  at: (...path: PropertyKey[]) => string,
  context: PolicyContext,
  problems: string[],
): Binding['where'] {
  const issuer = context.issuers.find((one) => one.name === binding.issuer);
  if (issuer === undefined) {
    const names = context.issuers.map((one) => one.name);
    problems.push(
      `${at('issuer')}: ${name}: no issuer is called ${binding.issuer}${hint(binding.issuer, names)}`,
    );
  }
  const where = new Map(
    Object.entries(binding.where).map(([key, value]) => [
      key,
      typeof value === 'string' ? [value] : value,
    ]),
  );
  if (where.size === 0) {
    problems.push(
      `${at('where')}: ${name}: where is empty and would bind every token of the issuer; name claims`,
    );
  } else if (issuer !== undefined) {
    const { anyOf, advice } = NAMED_BY[issuer.type];
    if (anyOf.length > 0 && !anyOf.some((key) => where.has(key))) {
      problems.push(`${at('where')}: ${name}: ${advice}`);
    }
  }
  const problem = targetProblem(where);
  if (problem !== null) problems.push(`${at('where', PIPELINE_TARGET)}: ${name}: ${problem}`);
  return where;
}

/** A target that is none would bind nobody. */
function targetProblem(where: Binding['where']): string | null {
  if (where.has(`/${PIPELINE_TARGET}`)) {
    return `${PIPELINE_TARGET} is no claim of the token; write it without the slash`;
  }
  const unknown = where.get(PIPELINE_TARGET)?.find((one) => targetsOf([one]).length === 0);
  if (unknown === undefined) return null;
  return `${PIPELINE_TARGET} '${unknown}' is none of ${PIPELINE_TARGETS.join(', ')}`;
}

function targetsOf(patterns: readonly string[]): PipelineTarget[] {
  return PIPELINE_TARGETS.filter((target) => patterns.some((one) => matchesGlob(one, target)));
}

function hint(given: string, known: readonly string[]): string {
  const nearest = nearestOf(given, known);
  if (nearest !== null) return `; did you mean ${nearest}?`;
  return known.length === 0 ? '' : `; there are ${known.slice(0, 20).join(', ')}`;
}

/** Why a binding binds more than it seems to, or nobody. */
function warningsOf(
  roles: readonly RoleDocument[],
  bindings: readonly Binding[],
  { issuers, knowsTargets = false }: PolicyContext,
): string[] {
  const warnings: string[] = [];
  for (const binding of bindings) {
    const role = roles.find((one) => one.name === binding.role);
    const writes = role?.grants.some((grant) => grant.permissions.some((one) => one !== 'SELECT'));
    const patterns = binding.where.get(PIPELINE_TARGET);
    const gated =
      binding.where.has('deploymentEnvironmentUuid') ||
      (patterns !== undefined && !targetsOf(patterns).includes('pull_request'));
    // A branch name is no production gate: in a pull request it is the source branch.
    if (writes === true && binding.where.has('branchName') && !gated) {
      warnings.push(
        `binding ${binding.name}: more than SELECT hangs on branchName alone, which in a pull request is the source branch; add pipelineTarget: branch, or bind a deploymentEnvironmentUuid with deployment permissions`,
      );
    }
    if (patterns === undefined) continue;
    const isPipeline = issuers.some(
      ({ name, type }) => name === binding.issuer && type === 'bitbucket',
    );
    if (!isPipeline) {
      warnings.push(
        `binding ${binding.name} matches nobody: ${PIPELINE_TARGET} is known of tokens of bitbucket issuers only`,
      );
    } else if (!knowsTargets) {
      warnings.push(
        `binding ${binding.name} matches nobody: ${PIPELINE_TARGET} is asked of Bitbucket; set bitbucket.token in the configuration`,
      );
    }
  }
  return warnings;
}
