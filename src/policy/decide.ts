// The one place where it is decided whether a statement may be carried out, and the only one that
// can make a Permit: what forwards a frame demands one, so a forgotten check does not compile.
import { isOfAbsent, needsOf } from '../cql/needs.ts';
import { formatResource } from '../cql/resource.ts';
import type { Need, Permission, Resource, Schema, Statement } from '../cql/statement.ts';
import type { DenialReason } from '../refusals.ts';
import type { Denial } from './denial.ts';
import { mayReadOwnEstimates, OWN_ESTIMATES } from './estimates.ts';
import type { Authority } from './policy.ts';
import type { Role } from './role.ts';
import { GATE_KEYSPACE, hasReadableTables } from './system-keyspaces.ts';

class PermitToken {
  /** Makes the class nominal: nothing of the same shape is a Permit. */
  readonly #made = true;
  readonly role: string;
  readonly cassandraRole: string;
  /** The grant that allowed it: of the first need, where there are several. */
  readonly grant: string;
  readonly policyVersion: string;
  /** What it permits, and nothing else. */
  readonly statement: Statement;

  constructor(role: Role, grant: string, policyVersion: string, statement: Statement) {
    this.role = role.name;
    this.cassandraRole = role.cassandraRole;
    this.grant = grant;
    this.policyVersion = policyVersion;
    this.statement = statement;
  }

  static isPermit(value: object): value is PermitToken {
    return #made in value && value.#made;
  }
}

/** Only `decide` makes one; this module exports the type alone. */
export type Permit = PermitToken;

/** What a role was permitted under one schema. Of each policy a role is another object. */
interface Remembered {
  readonly schema: Schema;
  readonly permits: WeakMap<Statement, Permit>;
}

const REMEMBERED = new WeakMap<Role, Remembered>();

/**
 * Decides anew only what was not permitted before to this role, under this policy and this schema. Who the role
 * is given to, and until when, is looked at on each request (session/session-identity.ts).
 */
export function decide(
  authority: Pick<Authority, 'role' | 'policy'>,
  statement: Statement,
  schema: Schema,
): Permit | Denial {
  const { role } = authority;
  let remembered = REMEMBERED.get(role);
  if (remembered?.schema !== schema) {
    remembered = { schema, permits: new WeakMap() };
    REMEMBERED.set(role, remembered);
  }
  if (!statement.isKept) return decideAnew(authority, statement, schema);
  const known = remembered.permits.get(statement);
  if (known !== undefined) return known;
  const decision = decideAnew(authority, statement, schema);
  if (isPermit(decision) && staysSo(statement, schema)) {
    remembered.permits.set(statement, decision);
  }
  return decision;
}

/** Not where it hangs on the gate's logins: those come and go, and so do their rights. */
function staysSo({ family, tables, roles, children }: Statement, schema: Schema): boolean {
  if ((family !== 'read' && family !== 'write') || roles.length > 0) return false;
  if (tables.some(({ keyspace, table }) => schema.maskedColumns(keyspace, table) !== null)) {
    return false;
  }
  return children.every((child) => staysSo(child, schema));
}

function decideAnew(
  authority: Pick<Authority, 'role' | 'policy'>,
  statement: Statement,
  schema: Schema,
): Permit | Denial {
  const { role, policy } = authority;
  if (role.deny.size > 0) {
    const denied = deniedKind(role, statement);
    if (denied !== null) {
      return denial(
        'kind_denied',
        role,
        `may not use ${denied}: the policy denies it to this role`,
      );
    }
  }
  const special = specialAsked(authority, statement);
  if (special !== null) return special;
  const inKeyspace = keyspaceAsked(statement, role, schema);
  if (inKeyspace !== null) return inKeyspace;
  if (statement.kind === 'CREATE KEYSPACE') return decideCreateKeyspace(authority, statement);
  if (statement.family === 'schema' && isOfAbsent(statement, schema)) {
    return decideOfAbsent(authority, statement);
  }

  const needs = needsOf(statement, schema);
  let grant = '';
  if (statement.family !== 'describe' || !role.asCassandra.has('listing')) {
    for (let i = 0; i < needs.length; i++) {
      const need = needs[i]!;
      const found = role.find(need.permission, need.resource) ?? ownEstimates(role, statement);
      if (found === null) return missing(role, needs);
      if (i === 0) grant = found;
    }
  }
  const masked = masksAsked(role, statement, schema);
  return masked ?? new PermitToken(role, grant, policy.version, statement);
}

export function isPermit(decision: Permit | Denial): decision is Permit {
  return PermitToken.isPermit(decision);
}

/** Traces hold everybody's statements and values: for those who may read them. */
export function mayTrace({ role }: Authority): boolean {
  return (
    role.find('SELECT', { type: 'TABLE', keyspace: 'system_traces', table: 'sessions' }) !== null
  );
}

/** Whether schema events of a keyspace are passed on. */
export function seesKeyspace({ role }: Authority, keyspace: string): boolean {
  return role.reaches(keyspace);
}

function deniedKind(role: Role, statement: Statement): string | null {
  if (role.deny.has(statement.kind)) return statement.kind;
  return statement.children.find((child) => role.deny.has(child.kind))?.kind ?? null;
}

/** Of the estimates it reads its own part without a grant; the session sees to the rest (estimates.ts). */
function ownEstimates(role: Role, statement: Statement): string | null {
  return mayReadOwnEstimates(role, statement) ? OWN_ESTIMATES : null;
}

/** What no grant gives: capabilities, the gate's own logins, Java classes. */
function specialAsked(
  { role, policy }: Pick<Authority, 'role' | 'policy'>,
  { capability, kind, roles, classes }: Statement,
): Denial | null {
  if (capability !== null && !role.capabilities.has(capability)) {
    return denial(
      'capability_missing',
      role,
      `may not use ${kind}${capability === 'superuser' ? ' with options of superusers' : ''}: it needs the capability '${capability}'`,
    );
  }
  const own = roles.find((name) => policy.isOwnLogin(name));
  if (own !== undefined) {
    const resource = formatResource({ type: 'ROLE', role: own });
    return {
      ...denial('own_login', role, ''),
      message: `${kind} of ${resource} is refused whatever is granted: the gate itself logs in as that role. Change it at the cluster.`,
    };
  }
  const foreign = classes.find((name) => !role.classes.has(name));
  if (foreign === undefined) return null;
  return denial(
    'class_not_allowed',
    role,
    `may not name the class ${foreign.slice(0, 80)}, which is none of Cassandra's own, or has values that name others`,
  );
}

/**
 * Masks are applied by Cassandra for the login that the gate uses, which may see more than the role:
 * then only a role with UNMASK gets an answer. Comparing with a masked column shows its value; and the
 * row that a condition does not fit comes back as it is, for Cassandra masks no answer of a write.
 */
function masksAsked(
  role: Role,
  statement: Statement,
  schema: Schema,
  isInBatch = false,
): Denial | null {
  for (const child of statement.children) {
    const denied = masksAsked(role, child, schema, true);
    if (denied !== null) return denied;
  }
  const table = statement.tables[0];
  const isRow = statement.kind === 'SELECT' || statement.lwt;
  if (table === undefined || !isRow) return null;
  const masked = schema.maskedColumns(table.keyspace, table.table);
  if (masked === null) return null;
  const resource: Resource = { type: 'TABLE', ...table };
  if (role.find('UNMASK', resource) !== null) return null;
  const touches = (columns: readonly string[] | null): boolean =>
    columns === null || columns.some((column) => masked.has(column));
  if (statement.kind !== 'SELECT') {
    // IF EXISTS shows nothing of a row; in a BATCH it shows all of those that are there.
    const showsAll = isInBatch && statement.columns?.length === 0;
    if (showsAll || touches(statement.columns)) return missingOf(role, ['UNMASK'], resource);
  }
  // A row that is found, or not, tells whether a masked key was guessed.
  if (touches(statement.restricted) && role.find('SELECT_MASKED', resource) === null) {
    return missingOf(role, ['UNMASK', 'SELECT_MASKED'], resource);
  }
  if (statement.kind !== 'SELECT') return null;
  const unmasks = (): boolean => schema.unmasks(role.cassandraRole, table.keyspace, table.table);
  if (!touches(statement.columns) || !unmasks()) return null;
  return missingOf(role, ['UNMASK'], resource);
}

function missingOf(role: Role, permissions: readonly Permission[], resource: Resource): Denial {
  const where = formatResource(resource);
  return {
    ...denial('permission_missing', role, `has no ${permissions.join(' or ')} ON ${where}`),
    missing: [`${permissions.at(-1)!} ON ${where}`],
  };
}

/** Of USE and DESCRIBE Cassandra asks nothing; here they need some grant in the keyspace. */
function keyspaceAsked(statement: Statement, role: Role, schema: Schema): Denial | null {
  const { kind, keyspace, describe } = statement;
  const open = (name: string): boolean =>
    name !== GATE_KEYSPACE &&
    (role.asCassandra.has('keyspaces') || role.reaches(name) || hasReadableTables(name));
  if (kind === 'USE' && !open(keyspace ?? '')) return closedKeyspace(role, keyspace ?? '');
  if (describe === null) return null;
  const seesAll = role.reachesAll || role.asCassandra.has('keyspaces');
  if (describe.form === 'cluster' && !seesAll) {
    return denial(
      'no_grant_in_keyspace',
      role,
      'may describe only keyspaces in which it has a grant; name one, as in DESCRIBE KEYSPACE ks',
    );
  }
  // `DESCRIBE x` is of keyspace x where there is one, else of what the session's keyspace calls x.
  const asked =
    describe.form === 'either'
      ? describe.keyspaces.filter((name) => schema.hasKeyspace(name))
      : describe.keyspaces;
  const closed = asked.find((name) => !open(name));
  return closed === undefined || describe.form === 'names' ? null : closedKeyspace(role, closed);
}

function closedKeyspace(role: Role, keyspace: string): Denial {
  const resource = formatResource({ type: 'KEYSPACE', keyspace });
  return denial('no_grant_in_keyspace', role, `has no grant in ${resource}`);
}

/** What the record says of it, in the place of a grant. */
const OF_ABSENT = 'what it names is not there: any grant in its keyspace will do';

/** Cassandra asks for nothing; here a role learns nothing of keyspaces it has no part in. */
function decideOfAbsent(
  { role, policy }: Pick<Authority, 'role' | 'policy'>,
  statement: Statement,
): Permit | Denial {
  const keyspace = statement.keyspace ?? '';
  const isOpen = role.asCassandra.has('keyspaces') && keyspace !== GATE_KEYSPACE;
  if (!isOpen && !role.reaches(keyspace)) return closedKeyspace(role, keyspace);
  return new PermitToken(role, OF_ABSENT, policy.version, statement);
}

/**
 * Whether the decision hangs on what is in the schema, so that it has to be read anew: where it is absent now, or
 * on which table. Not where the role may do it to all there.
 */
export function hangsOnSchema(
  { role }: Pick<Authority, 'role'>,
  { lookup, defines }: Statement,
): boolean {
  if (lookup !== null) {
    const { keyspace } = lookup;
    return role.find('ALTER', { type: 'ALL TABLES IN KEYSPACE', keyspace }) === null;
  }
  if (defines === null || defines.change === 'create') return false;
  const { keyspace, change } = defines;
  const permissions = change === 'drop' ? ONLY_DROP : MAKE_OR_CHANGE;
  return permissions.some(
    (one) => role.find(one, { type: 'ALL FUNCTIONS IN KEYSPACE', keyspace }) === null,
  );
}

const ONLY_DROP: readonly Permission[] = ['DROP'];
const MAKE_OR_CHANGE: readonly Permission[] = ['CREATE', 'ALTER'];

function decideCreateKeyspace(
  authority: Pick<Authority, 'role' | 'policy'>,
  statement: Statement,
): Permit | Denial {
  const { role, policy } = authority;
  const keyspace = statement.keyspace ?? '';
  const grant = role.findCreateKeyspace(keyspace);
  if (grant !== null) return new PermitToken(role, grant, policy.version, statement);
  return missing(role, statement.needs);
}

function missing(role: Role, needs: readonly Need[]): Denial {
  const lacking = needs.filter(
    ({ permission, resource }) => role.find(permission, resource) === null || needs.length === 1,
  );
  const texts = [
    ...new Set(
      lacking.map(({ permission, resource }) => `${permission} ON ${formatResource(resource)}`),
    ),
  ];
  return {
    ...denial('permission_missing', role, `has no ${texts.join(' and no ')}`),
    missing: texts,
  };
}

function denial(reason: DenialReason, role: Role, what: string): Denial {
  return {
    reason,
    message: `Role ${role.name} ${what}. If it should, ask for it in the policy of cqlgate.`,
    missing: [],
  };
}
