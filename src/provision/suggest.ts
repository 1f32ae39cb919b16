// Suggests the least grants for what was done according to a ledger: one list for each role or binding, with grants
// that could replace several others, what was refused, and grants that nobody uses.
import { quoteIfNeeded } from '../cql/quote.ts';
import { formatNeed } from '../cql/resource.ts';
import type { Capability, Need, Resource } from '../cql/statement.ts';
import { SUGGEST } from '../limits/commands.ts';
import { parseGrant, type Grant } from '../policy/grant.ts';
import type { RoleDocument } from '../policy/role.ts';
import { hasReadableTables, isAlwaysReadable, TRACES } from '../policy/system-keyspaces.ts';
import {
  compareTexts,
  covers,
  grantTexts,
  rightsOf,
  sorted,
  widerOf,
  type Rights,
} from './rights.ts';
import { permissionsOf } from './desired.ts';

/** The part of a ledger's record that says what was requested. */
export interface Use {
  /** The role of the policy, or the binding, that the suggestion is for. */
  readonly by: string;
  readonly role: string;
  readonly kind: string | null;
  readonly keyspace: string | null;
  /** null if the record is of an older version and does not say. */
  readonly needs: readonly string[] | null;
  readonly isPermitted: boolean;
  readonly missing: readonly string[];
  readonly reason: string | null;
  readonly count: number;
}

export interface Suggestion {
  readonly by: string;
  /** The roles of the policy that were used. */
  readonly roles: readonly string[];
  readonly statements: number;
  readonly grants: readonly string[];
  readonly capabilities: readonly Capability[];
  /** Wider grants, each of which could replace several of the others. */
  readonly alternatives: readonly string[];
  readonly refused: readonly { readonly what: string; readonly count: number }[];
  /** What no grant can be suggested for. */
  readonly notes: readonly string[];
}

const CAPABILITY_OF: ReadonlyMap<string, Capability> = new Map([
  ['CREATE TRIGGER', 'triggers'],
  ['DROP TRIGGER', 'triggers'],
  ['ADD IDENTITY', 'identities'],
  ['DROP IDENTITY', 'identities'],
]);

/** What was done under one role or binding, collected record by record in bounded memory. */
interface Gathered {
  readonly roles: Set<string>;
  statements: number;
  readonly needs: Map<string, Need>;
  readonly made: Set<string>;
  readonly opened: Set<string>;
  readonly capabilities: Set<Capability>;
  readonly refused: Map<string, number>;
  describesAll: boolean;
  unread: number;
}

export type Gathering = Map<string, Gathered>;

export function gather(into: Gathering, use: Use): void {
  let at = into.get(use.by);
  if (at === undefined) {
    at = {
      roles: new Set(),
      statements: 0,
      needs: new Map(),
      made: new Set(),
      opened: new Set(),
      capabilities: new Set(),
      refused: new Map(),
      describesAll: false,
      unread: 0,
    };
    into.set(use.by, at);
  }
  at.roles.add(use.role);
  if (use.isPermitted) gatherPermitted(at, use);
  else gatherRefused(at, use);
}

function gatherPermitted(at: Gathered, { kind, keyspace, needs, count }: Use): void {
  at.statements += count;
  const capability = CAPABILITY_OF.get(kind ?? '');
  if (capability !== undefined) at.capabilities.add(capability);
  if (needs === null) {
    at.unread += count;
    return;
  }
  if (kind === 'CREATE KEYSPACE' && keyspace !== null) {
    at.made.add(keyspace);
    return;
  }
  if (kind === 'DESCRIBE' && keyspace === null) at.describesAll = true;
  if ((kind === 'USE' || kind === 'DESCRIBE') && keyspace !== null) at.opened.add(keyspace);
  for (const text of needs) {
    if (at.needs.has(text)) continue;
    const grant = parseGrant(text);
    if ('problem' in grant || grant.resource.type === 'KEYSPACE PREFIX') at.unread += count;
    else at.needs.set(text, { permission: grant.permissions[0]!, resource: grant.resource });
  }
}

function gatherRefused(at: Gathered, { kind, missing, reason, count }: Use): void {
  const whats = missing.length > 0 ? missing : [`${kind ?? 'a text'} (${reason ?? 'refused'})`];
  for (const what of whats) {
    const known = at.refused.get(what);
    if (known === undefined && at.refused.size >= SUGGEST.denialsListed) continue;
    at.refused.set(what, (known ?? 0) + count);
  }
}

export function suggestions(gathering: Gathering): Suggestion[] {
  return [...gathering]
    .sort(([a], [b]) => compareTexts(a, b))
    .map(([by, gathered]) => suggestionOf(by, gathered));
}

function suggestionOf(by: string, gathered: Gathered): Suggestion {
  const needs = [...gathered.needs.values()].filter((need) => !isFree(need));
  // A need that a wider one covers is left out.
  const held = rightsOf(needs);
  const least = needs.filter((need) => !isCovered(need, held));
  const made = [...gathered.made].sort(compareTexts);
  return {
    by,
    roles: [...gathered.roles].sort(compareTexts),
    statements: gathered.statements,
    grants: [...grantTexts(least), ...made.map(creationGrant)],
    capabilities: [...gathered.capabilities].sort(compareTexts),
    alternatives: [...tablesTogether(least), ...prefixesTogether(made)],
    refused: [...gathered.refused]
      .map(([what, count]) => ({ what, count }))
      .sort((a, b) => b.count - a.count || compareTexts(a.what, b.what)),
    notes: notesOf(gathered, least, made),
  };
}

function isCovered({ permission, resource }: Need, held: Rights): boolean {
  const wider = widerOf(resource);
  return wider !== null && covers(held, { permission, resource: wider });
}

/** What every login may read needs no grant. */
function isFree({ permission, resource }: Need): boolean {
  if (permission !== 'SELECT' || resource.type !== 'TABLE') return false;
  if (resource.keyspace === TRACES.keyspace) return false;
  return isAlwaysReadable(resource.keyspace, resource.table);
}

/** CREATE KEYSPACE is granted by prefix, and the whole name is the narrowest one. */
function creationGrant(keyspace: string): string {
  return isPrefix(keyspace) ? `CREATE ON KEYSPACE ${keyspace}*` : 'CREATE ON ALL KEYSPACES';
}

function isPrefix(name: string): boolean {
  return /^[a-z][a-z0-9_]*$/.test(name);
}

function tablesTogether(needs: readonly Need[]): string[] {
  const tables = new Map<string, { readonly need: Need; count: number }>();
  for (const { permission, resource } of needs) {
    if (resource.type !== 'TABLE') continue;
    const need: Need = { permission, resource: { type: 'KEYSPACE', keyspace: resource.keyspace } };
    const known = tables.get(formatNeed(need)) ?? { need, count: 0 };
    known.count++;
    tables.set(formatNeed(need), known);
  }
  const many = [...tables.values()].filter(({ count }) => count >= SUGGEST.groupFrom);
  return sorted(many.map(({ need }) => need)).map(
    (need) => `${formatNeed(need)} (${tables.get(formatNeed(need))!.count} tables)`,
  );
}

/** Keyspaces that are created for one run have names like ci_orders_1 and ci_orders_2. */
function prefixesTogether(made: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of made.filter(isPrefix)) {
    const end = name.lastIndexOf('_') + 1;
    if (end > 1) counts.set(name.slice(0, end), (counts.get(name.slice(0, end)) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count >= SUGGEST.groupFrom)
    .map(([prefix, count]) => `CREATE ON KEYSPACE ${prefix}* (${count} keyspaces)`)
    .sort(compareTexts);
}

function notesOf(gathered: Gathered, least: readonly Need[], made: readonly string[]): string[] {
  const reached = new Set(made);
  for (const { resource } of least) if ('keyspace' in resource) reached.add(resource.keyspace);
  const hasAll = least.some(({ resource }) => resource.type === 'ALL KEYSPACES');
  const closed = [...gathered.opened]
    .filter((name) => !hasAll && !reached.has(name) && !hasReadableTables(name))
    .sort(compareTexts);
  return [
    ...closed.map(
      (name) =>
        `USE or DESCRIBE of ${quoteIfNeeded(name)} needs some grant in it, or asCassandra: [keyspaces]`,
    ),
    ...(gathered.describesAll && !hasAll
      ? [
          'DESCRIBE of the whole cluster needs a grant on ALL KEYSPACES, or asCassandra: [keyspaces]',
        ]
      : []),
    ...(gathered.unread > 0
      ? [`${gathered.unread} statements are left out: their records do not say what they needed`]
      : []),
  ];
}

/** Permissions of a role's grants that nothing in the ledger needed: `MODIFY ON KEYSPACE ks`. */
export function unusedGrants(role: RoleDocument, gathering: Gathering): string[] {
  const taken = [...gathering.values()].filter(({ roles }) => roles.has(role.name));
  const needs = taken.flatMap(({ needs: used }) => [...used.values()]);
  const made = taken.flatMap((one) => [...one.made]);
  return role.grants.flatMap((grant) =>
    permissionsOf(grant, role)
      .filter((permission) => {
        const used = needs.some(
          (need) => need.permission === permission && reaches(grant, need.resource),
        );
        return !used && !(permission === 'CREATE' && made.some((name) => makes(grant, name)));
      })
      .map((permission) => `${permission} of '${grant.text}'`),
  );
}

function reaches({ resource }: Grant, used: Resource): boolean {
  if (resource.type === 'KEYSPACE PREFIX') {
    return 'keyspace' in used && used.keyspace.startsWith(resource.prefix);
  }
  // The permission was compared before, so any one will do here.
  const permission = 'ALTER';
  return covers(rightsOf([{ permission, resource }]), { permission, resource: used });
}

function makes({ resource }: Grant, keyspace: string): boolean {
  if (resource.type === 'KEYSPACE PREFIX') return keyspace.startsWith(resource.prefix);
  return resource.type === 'ALL KEYSPACES';
}
