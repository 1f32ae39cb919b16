// Roles, users, identities, GRANT, REVOKE and LIST, with the traps of words that are names as well:
// `GRANT all TO r` grants a role called all, `ON role.t` is a table.
import {
  PERMISSIONS,
  type Need,
  type Permission,
  type Resource,
  type Statement,
  type StatementKind,
  type TableName,
} from '../statement.ts';
import { Kind } from '../tokens.ts';
import { signature } from './functions.ts';
import { commaList, type Parser } from './parser.ts';
import { propertyMap } from './properties.ts';
import { functionEnd } from './terms.ts';

export interface RoleStatement {
  readonly kind: StatementKind;
  readonly needs: readonly Need[];
  readonly capability: Statement['capability'];
  /** Cassandra roles that it makes, changes, drops, grants or grants to: what it is about first. */
  readonly roles: readonly string[];
  /** The identity that is dropped. */
  readonly identity?: string;
  readonly tables: readonly TableName[];
}

const NOTHING = { needs: [], capability: null, roles: [], tables: [] } as const;

const PERMISSION_WORDS = new Map<string, Permission>(
  PERMISSIONS.map((permission) => [permission.toLowerCase(), permission]),
);

function roleName(p: Parser): string {
  return p.kind === Kind.STRING ? p.nameLiteral() : p.name('a role');
}

/**
 * Names of the old USER statements, and identities: an identifier, whose case is kept, or a string.
 * Neither quoted names nor keywords.
 */
function plainName(p: Parser, what: string): string {
  if (p.kind === Kind.STRING) return p.nameLiteral();
  if (p.kind !== Kind.IDENT) throw p.unexpected(`${what} as a string`);
  const name = p.sourceText();
  p.advance();
  return name;
}

function onRole(permission: Permission, role: string): Need[] {
  return [{ permission, resource: { type: 'ROLE', role } }];
}

function onAllRoles(permission: Permission): Need[] {
  return [{ permission, resource: { type: 'ALL ROLES' } }];
}

/** GRANT and REVOKE, of permissions and of roles. */
export function grantOrRevoke(p: Parser): RoleStatement {
  const isGrant = p.accept('grant');
  if (!isGrant) p.expect('revoke');
  const word = isGrant ? 'to' : 'from';
  const permissions = isPermissionList(p) ? permissionList(p) : null;
  if (permissions === null) {
    const granted = roleName(p);
    p.expect(word);
    const roles = [granted, roleName(p)];
    const kind = isGrant ? 'GRANT ROLE' : 'REVOKE ROLE';
    return { ...NOTHING, kind, needs: onRole('AUTHORIZE', granted), roles };
  }
  p.expect('on');
  const where = resource(p);
  p.expect(word);
  const roles = [roleName(p)];
  if (where.type === 'ROLE') roles.push(where.role);
  // Whoever grants must hold what he grants; what does not apply to the resource is left out.
  const held = applicable(where).filter((one) => permissions === 'ALL' || permissions.has(one));
  if (held.length === 0) throw p.refusal(`none of these permissions applies to ${where.type}`);
  const needs = ['AUTHORIZE' as const, ...held.filter((one) => one !== 'AUTHORIZE')].map(
    (permission) => ({ permission, resource: where }),
  );
  const tables = where.type === 'TABLE' ? [{ keyspace: where.keyspace, table: where.table }] : [];
  return { ...NOTHING, kind: isGrant ? 'GRANT' : 'REVOKE', needs, roles, tables };
}

function isPermissionAt(p: Parser, index: number): boolean {
  return p.kindAt(index) !== Kind.QUOTED && PERMISSION_WORDS.has(p.wordAt(index));
}

/** Whether permissions come, and not the name of a role. */
function isPermissionList(p: Parser): boolean {
  if (p.is('all')) return p.isNext('on') || p.isNext('permissions');
  if (!isPermissionAt(p, p.index)) return false;
  return p.isNext('on') || p.isNext(',') || p.isNext('permission');
}

function permissionList(p: Parser): ReadonlySet<Permission> | 'ALL' {
  if (p.accept('all')) {
    p.accept('permissions');
    return 'ALL';
  }
  const permissions = new Set<Permission>();
  commaList(p, () => {
    const permission = isPermissionAt(p, p.index)
      ? PERMISSION_WORDS.get(p.wordAt(p.index))
      : undefined;
    if (permission === undefined) throw p.unexpected('a permission');
    p.advance();
    p.accept('permission');
    permissions.add(permission);
  });
  return permissions;
}

const DATA_PERMISSIONS: readonly Permission[] = [
  'CREATE',
  'ALTER',
  'DROP',
  'SELECT',
  'MODIFY',
  'AUTHORIZE',
  'UNMASK',
  'SELECT_MASKED',
];
const withoutCreate = (permissions: readonly Permission[]): readonly Permission[] =>
  permissions.filter((permission) => permission !== 'CREATE');
const FUNCTION_PERMISSIONS: readonly Permission[] = [
  'CREATE',
  'ALTER',
  'DROP',
  'AUTHORIZE',
  'EXECUTE',
];
const ROLE_PERMISSIONS: readonly Permission[] = [
  'CREATE',
  'ALTER',
  'DROP',
  'AUTHORIZE',
  'DESCRIBE',
];
const MBEAN_PERMISSIONS: readonly Permission[] = [
  'AUTHORIZE',
  'DESCRIBE',
  'EXECUTE',
  'MODIFY',
  'SELECT',
];

const APPLICABLE: Readonly<Record<Resource['type'], readonly Permission[]>> = {
  'ALL KEYSPACES': DATA_PERMISSIONS,
  KEYSPACE: DATA_PERMISSIONS,
  'ALL TABLES IN KEYSPACE': DATA_PERMISSIONS,
  TABLE: withoutCreate(DATA_PERMISSIONS),
  'ALL FUNCTIONS': FUNCTION_PERMISSIONS,
  'ALL FUNCTIONS IN KEYSPACE': FUNCTION_PERMISSIONS,
  FUNCTION: withoutCreate(FUNCTION_PERMISSIONS),
  'ALL ROLES': ROLE_PERMISSIONS,
  ROLE: withoutCreate(ROLE_PERMISSIONS),
  'ALL MBEANS': MBEAN_PERMISSIONS,
  MBEAN: MBEAN_PERMISSIONS,
};

/** The permissions that can be granted on a resource (Cassandra's applicablePermissions). */
export function applicable(where: Resource): readonly Permission[] {
  return APPLICABLE[where.type];
}

/** A resource of GRANT, REVOKE and LIST. */
export function resource(p: Parser): Resource {
  if (p.is('all')) {
    const all = allResource(p);
    if (all !== null) return all;
  }
  if (p.accept('keyspace')) return { type: 'KEYSPACE', keyspace: p.name('a keyspace') };
  const next = p.kindAt(p.index + 1);
  if (p.is('role') && (p.isNameAt(p.index + 1) || next === Kind.STRING)) {
    p.advance();
    return { type: 'ROLE', role: roleName(p) };
  }
  if ((p.is('mbean') || p.is('mbeans')) && next === Kind.STRING) return mbean(p);
  if (p.is('function') && functionEnd(p, p.index + 1) > 0) return functionResource(p);
  if (!p.accept('table')) p.accept('columnfamily');
  return { type: 'TABLE', ...p.table() };
}

/** `ALL ...`; null where `all` is a table's name. */
function allResource(p: Parser): Resource | null {
  if (p.acceptBoth('all', 'keyspaces')) return { type: 'ALL KEYSPACES' };
  if (p.acceptBoth('all', 'roles')) return { type: 'ALL ROLES' };
  if (p.acceptBoth('all', 'mbeans')) return { type: 'ALL MBEANS' };
  if (p.acceptBoth('all', 'tables')) {
    p.expectAll('in', 'keyspace');
    return { type: 'ALL TABLES IN KEYSPACE', keyspace: p.name('a keyspace') };
  }
  if (!p.acceptBoth('all', 'functions')) return null;
  if (!p.accept('in')) return { type: 'ALL FUNCTIONS' };
  p.expect('keyspace');
  return { type: 'ALL FUNCTIONS IN KEYSPACE', keyspace: p.name('a keyspace') };
}

/** One bean, or with MBEANS a pattern of them: `domain:key=value,...`. */
function mbean(p: Parser): Resource {
  const isPlural = p.is('mbeans');
  p.advance();
  const pattern = p.nameLiteral();
  const isPattern = /[*?]/.test(pattern);
  if (!isObjectName(pattern) || pattern === '*:*' || isPlural !== isPattern) {
    throw p.notUnderstood('MBEAN takes the name of a bean, MBEANS a pattern');
  }
  return { type: 'MBEAN', pattern };
}

/** `domain:key=value,...`, where `*` may stand for all the rest (javax.management.ObjectName). */
const PROPERTY = /[^,=:*?\n]+=(?:"(?:[^"\\\n]|\\.)*"|[^,=:"\n]*)/.source;
const OBJECT_NAME = new RegExp(`^[^:\\n]*:(?:\\*|${PROPERTY}(?:,${PROPERTY})*(?:,\\*)?)$`);

function isObjectName(text: string): boolean {
  if (!OBJECT_NAME.test(text)) return false;
  const keys = [...text.matchAll(/[:,]([^,=]+)=/g)].map(([, key]) => key);
  return new Set(keys).size === keys.length;
}

function functionResource(p: Parser): Resource {
  p.expect('function');
  const open = functionEnd(p, p.index);
  const keyspace = open === p.index + 3 ? p.nameAt(p.index) : null;
  const name = p.resolve({ keyspace, name: p.functionNameAt(open - 1) });
  p.namedFunctions.push(name);
  p.rewind(open + 1);
  return { type: 'FUNCTION', ...name, signature: signature(p, name.keyspace) };
}

/**
 * Cassandra filters what LIST shows by what the login may see. Behind the gate that is a login of
 * many, so the role itself must be allowed to see it.
 */
export function list(p: Parser): RoleStatement {
  p.expect('list');
  if (p.accept('roles')) {
    if (p.accept('of')) roleName(p);
    p.accept('norecursive');
    return { ...NOTHING, kind: 'LIST ROLES', needs: onAllRoles('DESCRIBE') };
  }
  if (p.accept('users')) {
    return { ...NOTHING, kind: 'LIST USERS', needs: onAllRoles('DESCRIBE') };
  }
  permissionList(p);
  const where = p.accept('on') ? resource(p) : null;
  const needs = p.accept('of') ? onRole('DESCRIBE', roleName(p)) : onAllRoles('DESCRIBE');
  p.accept('norecursive');
  const tables = where?.type === 'TABLE' ? [{ keyspace: where.keyspace, table: where.table }] : [];
  return { ...NOTHING, kind: 'LIST PERMISSIONS', needs, tables };
}

/** CREATE, ALTER and DROP of ROLE and USER; null where it is something else. */
export function roleDefinition(p: Parser): RoleStatement | null {
  const verb = p.wordAt(p.index);
  const object = p.wordAt(p.index + 1);
  if (object !== 'role' && object !== 'user') return null;
  p.expectAll(verb, object);
  if (p.accept('if')) {
    if (verb === 'create') p.expect('not');
    p.expect('exists');
  }
  const role = object === 'role' ? roleName(p) : plainName(p, 'a user name');
  const kind = `${verb.toUpperCase()} ${object.toUpperCase()}` as StatementKind;
  const roles = [role];
  if (verb === 'drop') return { ...NOTHING, kind, needs: onRole('DROP', role), roles };
  const isForSuperusers =
    object === 'role' ? roleOptions(p, verb === 'create') : userOptions(p, verb === 'create');
  return {
    ...NOTHING,
    kind,
    needs: verb === 'create' ? onAllRoles('CREATE') : onRole('ALTER', role),
    capability: isForSuperusers ? 'superuser' : null,
    roles,
  };
}

/** True where an option is one that Cassandra keeps for superusers. */
function roleOptions(p: Parser, isNew: boolean): boolean {
  let isForSuperusers = false;
  if (!p.accept('with')) return false;
  const given = new Set<string>();
  do {
    const option = p.wordAt(p.index);
    // ACCESS TO and ACCESS FROM are no options to Cassandra, and may come again.
    if (option !== 'access' && given.has(option)) {
      throw p.refusal(`${option.toUpperCase()} is given twice`);
    }
    given.add(option);
    if (p.accept('hashed')) {
      p.expectAll('password', '=');
      p.stringLiteral();
    } else if (p.accept('password')) {
      p.expect('=');
      p.stringLiteral();
    } else if (p.accept('options')) {
      p.expect('=');
      propertyMap(p);
    } else if (p.accept('login')) {
      p.expect('=');
      booleanValue(p);
    } else if (p.accept('superuser')) {
      p.expect('=');
      // A new role is none anyway; taking it from one that is there is a superuser's business.
      if (booleanValue(p) || !isNew) isForSuperusers = true;
    } else {
      const to = access(p);
      // The same again adds to it; ALL and some exclude each other.
      if (given.has(to.replace(/^\w+/, (which) => (which === 'all' ? 'some' : 'all')))) {
        throw p.refusal('ACCESS is given both for all and for some');
      }
      given.add(to);
      // Cassandra asks nothing of it for a role that is made.
      if (!isNew) isForSuperusers = true;
    }
  } while (p.accept('and'));
  return isForSuperusers;
}

function booleanValue(p: Parser): boolean {
  const isTrue = p.is('true');
  if (!p.acceptKind(Kind.BOOLEAN)) throw p.unexpected('true or false');
  return isTrue;
}

/** `ACCESS TO ... DATACENTERS`, `ACCESS FROM ... CIDRS`: as `all datacenters`, `some cidrs`. */
function access(p: Parser): string {
  p.expect('access');
  const what = p.accept('to') ? 'datacenters' : (p.expect('from'), 'cidrs');
  if (p.accept('all')) {
    p.expect(what);
    return `all ${what}`;
  }
  p.expectAll(what, '{');
  commaList(p, () => p.nameLiteral());
  p.expect('}');
  return `some ${what}`;
}

function userOptions(p: Parser, isNew: boolean): boolean {
  if (p.accept('with')) {
    p.accept('hashed');
    p.expect('password');
    p.stringLiteral();
  }
  if (p.accept('nosuperuser')) return !isNew;
  return p.accept('superuser');
}

/** ADD IDENTITY (5.0). */
export function addIdentity(p: Parser): RoleStatement {
  p.expectAll('add', 'identity');
  if (p.accept('if')) p.expectAll('not', 'exists');
  plainName(p, 'an identity');
  p.expectAll('to', 'role');
  const roles = [plainName(p, 'a role')];
  const needs = onAllRoles('CREATE');
  return { ...NOTHING, kind: 'ADD IDENTITY', needs, capability: 'identities', roles };
}

/** DROP IDENTITY (5.0); null where it is something else. */
export function dropIdentity(p: Parser): RoleStatement | null {
  if (!p.acceptBoth('drop', 'identity')) return null;
  if (p.accept('if')) p.expect('exists');
  const identity = plainName(p, 'an identity');
  return {
    ...NOTHING,
    kind: 'DROP IDENTITY',
    identity,
    needs: onAllRoles('DROP'),
    capability: 'identities',
  };
}
