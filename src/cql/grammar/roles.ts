// Roles, users, identities, GRANT, REVOKE and LIST, with the traps of words that are names as well:
// `GRANT all TO r` grants a role called all, `ON role.t` is a table.
import {
  PERMISSIONS,
  type Need,
  type Permission,
  type Resource,
  type Statement,
  type StatementKind,
} from '../statement.ts';
import { Kind } from '../lexer.ts';
import { commaList, type Parser } from './parser.ts';
import { propertyMap } from './terms.ts';
import { type } from './types.ts';

export interface RoleStatement {
  readonly kind: StatementKind;
  readonly needs: readonly Need[];
  readonly capability: Statement['capability'];
}

const PERMISSION_WORDS = new Map<string, Permission>(
  PERMISSIONS.map((permission) => [permission.toLowerCase(), permission]),
);

export function roleName(p: Parser): string {
  return p.kind === Kind.STRING ? p.stringLiteral() : p.name('a role');
}

/** Old user names are words or strings; a quoted name is an error there. */
function userName(p: Parser): string {
  if (p.kind === Kind.QUOTED) throw p.unexpected('a user name without double quotes');
  return roleName(p);
}

function onRole(permission: Permission, role: string): Need[] {
  return [{ permission, resource: { type: 'ROLE', role } }];
}

const CREATE_ROLES: readonly Need[] = [{ permission: 'CREATE', resource: { type: 'ALL ROLES' } }];
const DROP_ROLES: readonly Need[] = [{ permission: 'DROP', resource: { type: 'ALL ROLES' } }];

/** GRANT and REVOKE, of permissions and of roles. */
export function grantOrRevoke(p: Parser): RoleStatement {
  const isGrant = p.accept('grant');
  if (!isGrant) p.expect('revoke');
  const word = isGrant ? 'to' : 'from';
  const permissions = permissionList(p);
  if (permissions === null) {
    const granted = roleName(p);
    p.expect(word);
    roleName(p);
    const kind = isGrant ? 'GRANT ROLE' : 'REVOKE ROLE';
    return { kind, needs: onRole('AUTHORIZE', granted), capability: null };
  }
  p.expect('on');
  const where = resource(p);
  p.expect(word);
  roleName(p);
  // Whoever grants must hold what he grants; ALL stands for what applies to the resource.
  const held = permissions === 'ALL' ? applicable(where) : permissions;
  const needs = ['AUTHORIZE' as const, ...held.filter((one) => one !== 'AUTHORIZE')].map(
    (permission) => ({ permission, resource: where }),
  );
  return { kind: isGrant ? 'GRANT' : 'REVOKE', needs, capability: null };
}

/** The permissions where a list of them comes before ON; null where it is a role's name. */
function permissionList(p: Parser): readonly Permission[] | 'ALL' | null {
  if (p.is('all') && (p.is('on', 1) || p.is('permissions', 1))) {
    p.advance();
    p.accept('permissions');
    return 'ALL';
  }
  const isList =
    p.kind === Kind.WORD &&
    PERMISSION_WORDS.has(p.wordAt(p.index)) &&
    (p.is('on', 1) || p.is(',', 1) || p.is('permission', 1));
  if (!isList) return null;
  const permissions: Permission[] = [];
  commaList(p, () => {
    const permission = p.kind === Kind.WORD ? PERMISSION_WORDS.get(p.wordAt(p.index)) : undefined;
    if (permission === undefined) throw p.unexpected('a permission');
    p.advance();
    p.accept('permission');
    permissions.push(permission);
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
  const isAll = p.is('all');
  if (isAll && p.is('keyspaces', 1)) {
    p.expect('all', 'keyspaces');
    return { type: 'ALL KEYSPACES' };
  }
  if (isAll && p.is('tables', 1)) {
    p.expect('all', 'tables', 'in', 'keyspace');
    return { type: 'ALL TABLES IN KEYSPACE', keyspace: p.name('a keyspace') };
  }
  if (isAll && p.is('roles', 1)) {
    p.expect('all', 'roles');
    return { type: 'ALL ROLES' };
  }
  if (isAll && p.is('functions', 1)) {
    p.expect('all', 'functions');
    if (!p.accept('in')) return { type: 'ALL FUNCTIONS' };
    p.expect('keyspace');
    return { type: 'ALL FUNCTIONS IN KEYSPACE', keyspace: p.name('a keyspace') };
  }
  if (isAll && p.is('mbeans', 1)) {
    p.expect('all', 'mbeans');
    return { type: 'ALL MBEANS' };
  }
  if (p.accept('keyspace')) return { type: 'KEYSPACE', keyspace: p.name('a keyspace') };
  if (p.is('role') && (p.isNameAt(p.index + 1) || p.kindAt(p.index + 1) === Kind.STRING)) {
    p.advance();
    return { type: 'ROLE', role: roleName(p) };
  }
  if ((p.is('mbean') || p.is('mbeans')) && p.kindAt(p.index + 1) === Kind.STRING) {
    p.advance();
    return { type: 'MBEAN', pattern: p.stringLiteral() };
  }
  if (p.is('function') && p.isNameAt(p.index + 1)) return functionResource(p);
  if (!p.accept('table')) p.accept('columnfamily');
  const { keyspace, table } = p.table();
  return { type: 'TABLE', keyspace, table };
}

function functionResource(p: Parser): Resource {
  p.expect('function');
  const { keyspace, name } = p.resolve(p.qualifiedName('a function'));
  p.expect('(');
  if (!p.accept(')')) {
    commaList(p, () => type(p));
    p.expect(')');
  }
  return { type: 'FUNCTION', keyspace, name };
}

export function list(p: Parser): RoleStatement {
  p.expect('list');
  if (p.is('roles') && !p.is('on', 1)) {
    p.advance();
    if (p.accept('of')) roleName(p);
    p.accept('norecursive');
    return { kind: 'LIST ROLES', needs: [], capability: null };
  }
  if (p.accept('users')) return { kind: 'LIST USERS', needs: [], capability: null };
  if (p.accept('all')) p.accept('permissions');
  else if (permissionListOfList(p) === 0) throw p.unexpected('a permission');
  if (p.accept('on')) resource(p);
  if (p.accept('of')) roleName(p);
  p.accept('norecursive');
  return { kind: 'LIST PERMISSIONS', needs: [], capability: null };
}

function permissionListOfList(p: Parser): number {
  let count = 0;
  do {
    if (p.kind !== Kind.WORD || !PERMISSION_WORDS.has(p.wordAt(p.index))) return 0;
    p.advance();
    p.accept('permission');
    count++;
  } while (p.accept(','));
  return count;
}

/** CREATE, ALTER and DROP of ROLE and USER; null where it is something else. */
export function roleDefinition(p: Parser): RoleStatement | null {
  const verb = ['create', 'alter', 'drop'].find((word) => p.is(word));
  const object = ['role', 'user'].find((word) => p.is(word, 1));
  if (verb === undefined || object === undefined) return null;
  p.expect(verb, object);
  if (p.accept('if')) {
    if (verb === 'create') p.expect('not');
    p.expect('exists');
  }
  const role = object === 'role' ? roleName(p) : userName(p);
  const kind = `${verb.toUpperCase()} ${object.toUpperCase()}` as StatementKind;
  if (verb === 'drop') return { kind, needs: onRole('DROP', role), capability: null };
  const superuser = object === 'role' ? roleOptions(p) : userOptions(p);
  return {
    kind,
    needs: verb === 'create' ? CREATE_ROLES : onRole('ALTER', role),
    capability: superuser ? 'superuser' : null,
  };
}

/** True where an option is one that Cassandra keeps for superusers. */
function roleOptions(p: Parser): boolean {
  let superuser = false;
  if (!p.accept('with')) return false;
  do {
    if (p.accept('hashed')) {
      p.expect('password', '=');
      p.stringLiteral();
    } else if (p.accept('password')) {
      p.expect('=');
      p.stringLiteral();
    } else if (p.accept('options')) {
      p.expect('=');
      propertyMap(p);
    } else if (p.is('superuser') || p.is('login')) {
      superuser ||= p.is('superuser');
      p.advance();
      p.expect('=');
      if (!p.acceptKind(Kind.BOOLEAN)) throw p.unexpected('true or false');
    } else {
      p.expect('access');
      superuser = true;
      const what = p.accept('to') ? 'datacenters' : (p.expect('from'), 'cidrs');
      if (p.accept('all')) p.expect(what);
      else {
        p.expect(what, '{');
        commaList(p, () => p.stringLiteral());
        p.expect('}');
      }
    }
  } while (p.accept('and'));
  return superuser;
}

function userOptions(p: Parser): boolean {
  if (p.accept('with')) {
    p.accept('hashed');
    p.expect('password');
    p.stringLiteral();
  }
  if (p.accept('nosuperuser')) return false;
  return p.accept('superuser');
}

/** ADD IDENTITY and DROP IDENTITY (5.0); null where it is something else. */
export function identity(p: Parser): RoleStatement | null {
  if (p.accept('add', 'identity')) {
    if (p.accept('if')) p.expect('not', 'exists');
    p.stringLiteral();
    p.expect('to', 'role');
    roleName(p);
    return { kind: 'ADD IDENTITY', needs: CREATE_ROLES, capability: 'identities' };
  }
  if (p.accept('drop', 'identity')) {
    if (p.accept('if')) p.expect('exists');
    p.stringLiteral();
    return { kind: 'DROP IDENTITY', needs: DROP_ROLES, capability: 'identities' };
  }
  return null;
}
