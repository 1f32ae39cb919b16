// A role with its grants laid out for look-up: for each resource, who allows which permission.
import type { Capability, Permission, Resource, StatementKind } from '../cql/statement.ts';
import { isSameSignature, type Signature } from '../cql/type.ts';
import { deniedKinds } from './deny.ts';
import type { Grant } from './grant.ts';
import { GATE_KEYSPACE, isAlwaysReadable, SYSTEM_KEYSPACES, TRACES } from './system-keyspaces.ts';

/**
 * Where Cassandra asks for nothing and the gate does, and a role may be let off: `keyspaces` is USE
 * and DESCRIBE, `listing` is LIST, `traces` is reading system_traces, `authorize` is that ALL
 * includes AUTHORIZE.
 */
export const RELAXATIONS = ['keyspaces', 'listing', 'traces', 'authorize'] as const;
export type Relaxation = (typeof RELAXATIONS)[number];

/** Whether a change to schema or roles needs the commit it came from to be verified. */
export const COMMIT_MODES = ['required', 'best-effort', 'off'] as const;
export type CommitMode = (typeof COMMIT_MODES)[number];

export interface RoleDocument {
  readonly name: string;
  readonly cassandraRole: string;
  readonly grants: readonly Grant[];
  readonly deny: readonly StatementKind[];
  readonly capabilities: readonly Capability[];
  /** Java classes that its schema statements may name, beyond Cassandra's own. */
  readonly classes: readonly string[];
  readonly asCassandra: readonly Relaxation[];
  /** Over the configuration's own. */
  readonly commit?: CommitMode | undefined;
  readonly session?: SessionBounds | undefined;
}

/** How long sessions last. */
export interface SessionBounds {
  /** Beyond the token's expiry. */
  readonly graceMs: number;
  /** From the login; null: as the configuration says. */
  readonly maxMs: number | null;
}

const NO_GRACE: SessionBounds = { graceMs: 0, maxMs: null };

/** Grants of Cassandra's list that every login holds without being given them. */
const ALWAYS_READABLE = 'SELECT on system tables that every login may read';

type ByPermission = Map<Permission, string>;

interface OverloadGrants {
  readonly signature: Signature;
  readonly grants: ByPermission;
}

export class Role {
  readonly name: string;
  readonly cassandraRole: string;
  readonly deny: ReadonlySet<StatementKind>;
  readonly capabilities: ReadonlySet<Capability>;
  readonly classes: ReadonlySet<string>;
  readonly asCassandra: ReadonlySet<Relaxation>;
  readonly commit: CommitMode | null;
  readonly session: SessionBounds;
  readonly #all: ByPermission = new Map();
  readonly #keyspaces = new Map<string, ByPermission>();
  readonly #allTables = new Map<string, ByPermission>();
  /** By keyspace, then by table. */
  readonly #tables = new Map<string, Map<string, ByPermission>>();
  readonly #allFunctions: ByPermission = new Map();
  readonly #keyspaceFunctions = new Map<string, ByPermission>();
  /** By keyspace, then by name. */
  readonly #functions = new Map<string, Map<string, OverloadGrants[]>>();
  readonly #allRoles: ByPermission = new Map();
  readonly #roles = new Map<string, ByPermission>();
  readonly #prefixes: { readonly prefix: string; readonly grants: ByPermission }[] = [];
  /** Keyspaces that a grant names, for USE and DESCRIBE. */
  readonly #named = new Set<string>();

  constructor(document: RoleDocument) {
    this.name = document.name;
    this.cassandraRole = document.cassandraRole;
    this.deny = deniedKinds(document.deny);
    this.capabilities = new Set(document.capabilities);
    this.classes = new Set(document.classes);
    this.asCassandra = new Set(document.asCassandra);
    this.commit = document.commit ?? null;
    this.session = document.session ?? NO_GRACE;
    for (const grant of document.grants) this.#add(grant);
  }

  /** The text of the grant that gives this permission, or null where none does. */
  find(permission: Permission, resource: Resource): string | null {
    switch (resource.type) {
      case 'TABLE':
        return this.#onTable(permission, resource.keyspace, resource.table);
      case 'ALL TABLES IN KEYSPACE':
        return (
          this.#allTables.get(resource.keyspace)?.get(permission) ??
          this.#onKeyspace(permission, resource.keyspace)
        );
      case 'KEYSPACE':
        return this.#onKeyspace(permission, resource.keyspace);
      case 'ALL KEYSPACES':
        return this.#all.get(permission) ?? null;
      case 'FUNCTION':
        return this.#onFunction(permission, resource);
      case 'ALL FUNCTIONS IN KEYSPACE':
        return this.#onFunctions(permission, resource.keyspace);
      case 'ALL FUNCTIONS':
        return this.#allFunctions.get(permission) ?? null;
      case 'ROLE':
        return (
          this.#roles.get(resource.role)?.get(permission) ?? this.#allRoles.get(permission) ?? null
        );
      case 'ALL ROLES':
        return this.#allRoles.get(permission) ?? null;
      case 'ALL MBEANS':
      case 'MBEAN':
        return null;
    }
  }

  /** CREATE KEYSPACE: by ALL KEYSPACES or by prefix, never by a grant on that very keyspace. */
  findCreateKeyspace(keyspace: string): string | null {
    if (SYSTEM_KEYSPACES.has(keyspace) || keyspace === GATE_KEYSPACE) return null;
    return this.#all.get('CREATE') ?? this.#byPrefix('CREATE', keyspace);
  }

  /** Whether any grant reaches into the keyspace: what USE and DESCRIBE ask for. */
  reaches(keyspace: string): boolean {
    if (keyspace === GATE_KEYSPACE) return false;
    if (this.#named.has(keyspace)) return true;
    if (SYSTEM_KEYSPACES.has(keyspace)) return false;
    return this.#all.size > 0 || this.#prefixes.some(({ prefix }) => keyspace.startsWith(prefix));
  }

  get reachesAll(): boolean {
    return this.#all.size > 0;
  }

  #onTable(permission: Permission, keyspace: string, table: string): string | null {
    if (permission === 'SELECT' && this.#mayAlwaysRead(keyspace, table)) return ALWAYS_READABLE;
    return (
      this.#tables.get(keyspace)?.get(table)?.get(permission) ??
      this.#allTables.get(keyspace)?.get(permission) ??
      this.#onKeyspace(permission, keyspace)
    );
  }

  #mayAlwaysRead(keyspace: string, table: string): boolean {
    if (keyspace === TRACES.keyspace) {
      return this.asCassandra.has('traces') && TRACES.tables.has(table);
    }
    return isAlwaysReadable(keyspace, table);
  }

  #onKeyspace(permission: Permission, keyspace: string): string | null {
    if (keyspace === GATE_KEYSPACE) return null;
    const own = this.#keyspaces.get(keyspace)?.get(permission);
    if (own !== undefined) return own;
    // As in Cassandra, what is granted on all keyspaces does not reach its own.
    if (SYSTEM_KEYSPACES.has(keyspace)) return null;
    return this.#byPrefix(permission, keyspace) ?? this.#all.get(permission) ?? null;
  }

  #byPrefix(permission: Permission, keyspace: string): string | null {
    for (const { prefix, grants } of this.#prefixes) {
      if (!keyspace.startsWith(prefix)) continue;
      const text = grants.get(permission);
      if (text !== undefined) return text;
    }
    return null;
  }

  /**
   * By the overload's own grant, or a wider one. Where no schema told the overload any of that name
   * will do: that is a policy being explained, not a statement being run.
   */
  #onFunction(
    permission: Permission,
    { keyspace, name, signature }: Extract<Resource, { type: 'FUNCTION' }>,
  ): string | null {
    const wider = this.#onFunctions(permission, keyspace);
    if (wider !== null || keyspace === GATE_KEYSPACE) return wider;
    for (const overload of this.#functions.get(keyspace)?.get(name) ?? []) {
      if (signature !== null && !isSameSignature(overload.signature, signature)) continue;
      const text = overload.grants.get(permission);
      if (text !== undefined) return text;
    }
    return null;
  }

  #onFunctions(permission: Permission, keyspace: string): string | null {
    if (SYSTEM_KEYSPACES.has(keyspace) || keyspace === GATE_KEYSPACE) return null;
    return (
      this.#keyspaceFunctions.get(keyspace)?.get(permission) ??
      this.#allFunctions.get(permission) ??
      null
    );
  }

  #add(grant: Grant): void {
    const { resource } = grant;
    const target = this.#target(resource);
    for (const permission of grant.permissions) {
      // Whoever may grant may grant himself all he may grant: that is written out, not meant by ALL.
      if (permission === 'AUTHORIZE' && grant.isAll && !this.asCassandra.has('authorize')) continue;
      if (!target.has(permission)) target.set(permission, grant.text);
    }
    if ('keyspace' in resource) this.#named.add(resource.keyspace);
  }

  #target(resource: Grant['resource']): ByPermission {
    switch (resource.type) {
      case 'ALL KEYSPACES':
        return this.#all;
      case 'KEYSPACE':
        return entry(this.#keyspaces, resource.keyspace);
      case 'ALL TABLES IN KEYSPACE':
        return entry(this.#allTables, resource.keyspace);
      case 'TABLE':
        return entry(entry(this.#tables, resource.keyspace), resource.table);
      case 'ALL FUNCTIONS':
        return this.#allFunctions;
      case 'ALL FUNCTIONS IN KEYSPACE':
        return entry(this.#keyspaceFunctions, resource.keyspace);
      case 'FUNCTION':
        // A grant names its overload; one that does not would give none.
        return this.#overload(resource);
      case 'ALL ROLES':
        return this.#allRoles;
      case 'ROLE':
        return entry(this.#roles, resource.role);
      case 'KEYSPACE PREFIX': {
        const grants: ByPermission = new Map();
        this.#prefixes.push({ prefix: resource.prefix, grants });
        return grants;
      }
      case 'ALL MBEANS':
      case 'MBEAN':
        // JMX is not reached through CQL; the loader refuses such grants.
        return new Map();
    }
  }

  #overload({ keyspace, name, signature }: Extract<Resource, { type: 'FUNCTION' }>): ByPermission {
    const byName = entry(this.#functions, keyspace);
    const overloads = byName.get(name) ?? [];
    byName.set(name, overloads);
    const grants: ByPermission = new Map();
    if (signature === null) return grants;
    const known = overloads.find((one) => isSameSignature(one.signature, signature));
    if (known !== undefined) return known.grants;
    overloads.push({ signature, grants });
    return grants;
  }
}

function entry<Key, Value>(map: Map<string, Map<Key, Value>>, name: string): Map<Key, Value> {
  let found = map.get(name);
  if (found === undefined) {
    found = new Map();
    map.set(name, found);
  }
  return found;
}
