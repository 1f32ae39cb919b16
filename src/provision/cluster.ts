// The cluster as an administrator sees it: reads what exists and what is granted, and carries out the statements
// of a plan. No other file uses the driver.
import { auth, Client, policies, type types } from 'cassandra-driver';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import type { LoadedConfig } from '../config/load.ts';
import { quoteIfNeeded } from '../cql/quote.ts';
import { formatResource } from '../cql/resource.ts';
import { PERMISSIONS, type Need, type Resource } from '../cql/statement.ts';
import { storedSignature, storedTypes } from '../cql/stored-type.ts';
import { ConfigFault } from '../errors.ts';
import { errorName } from '../protocol/error-codes.ts';
import { PROVISION } from '../limits/commands.ts';
import { endpointText } from '../protocol/inet.ts';
import type { Held, HeldRole } from './plan.ts';
import { rightsOf } from './rights.ts';
import type { Existing } from './existing.ts';

export interface Admin {
  readonly username: string;
  readonly password: string;
}

/** Rejects with a ConfigFault, whose text says what to do and contains no password. */
export async function connect(loaded: LoadedConfig, admin: Admin): Promise<Client> {
  const client = new Client({
    contactPoints: loaded.contactPoints.map(endpointText),
    authProvider: new auth.PlainTextAuthProvider(admin.username, admin.password),
    policies: { loadBalancing: new policies.loadBalancing.RoundRobinPolicy() },
    socketOptions: {
      connectTimeout: PROVISION.connectTimeoutMs,
      readTimeout: PROVISION.statementTimeoutMs,
    },
    ...tlsOf(loaded),
  });
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.shutdown();
    throw new ConfigFault([
      `no node of cluster.contactPoints lets ${admin.username} in: ${reasonOf(error)}`,
    ]);
  }
}

/** The driver connects to addresses, so a certificate may also be for a name that the configuration gives. */
function tlsOf({ tls, config, contactPoints }: LoadedConfig): { sslOptions?: ConnectionOptions } {
  if (tls.cluster === null) return {};
  const { cert, key, ca } = tls.cluster.certificates;
  const serverName = config.cluster.tls?.serverName;
  const names = serverName === undefined ? contactPoints.map(({ host }) => host) : [serverName];
  return {
    sslOptions: {
      cert,
      key,
      ca,
      rejectUnauthorized: true,
      checkServerIdentity: (host, certificate) => {
        const known = serverName === undefined ? [host, ...names] : names;
        const problems = known.map((name) => checkServerIdentity(name, certificate));
        return problems.includes(undefined) ? undefined : problems[0];
      },
    },
  };
}

/** The driver's own text for a failed connection is only a heading; the reason is given for each host. */
function reasonOf(error: unknown): string {
  const inner =
    typeof error === 'object' && error !== null && 'innerErrors' in error
      ? Object.values(error.innerErrors as Record<string, unknown>)
      : [];
  return [...new Set((inner.length > 0 ? inner : [error]).map(textOf))].join('; ');
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Rejects with a ConfigFault if the login may not see all roles, because it would take the others for missing. */
export async function requireSight(client: Client, admin: Admin): Promise<void> {
  const self = quoteIfNeeded(admin.username);
  const roles = await allRows(client, `LIST ROLES OF ${self}`);
  if (roles.some((row) => row['super'] === true)) return;
  const sight = await allRows(client, `LIST DESCRIBE ON ALL ROLES OF ${self}`);
  if (sight.length > 0) return;
  throw new ConfigFault([
    `${admin.username} does not see the roles of others: log in as a superuser, or GRANT DESCRIBE ON ALL ROLES TO ${self}`,
  ]);
}

export async function readExisting(client: Client): Promise<Existing> {
  const select = async (columns: string, table: string): Promise<types.Row[]> =>
    allRows(client, `SELECT ${columns} FROM ${table}`);
  const [real, virtual, tables, virtualTables, views, functions, aggregates, roles] =
    await Promise.all([
      select('keyspace_name', 'system_schema.keyspaces'),
      select('keyspace_name', 'system_virtual_schema.keyspaces'),
      select('keyspace_name, table_name', 'system_schema.tables'),
      select('keyspace_name, table_name', 'system_virtual_schema.tables'),
      select('keyspace_name, view_name AS table_name', 'system_schema.views'),
      select('keyspace_name, function_name AS name, argument_types', 'system_schema.functions'),
      select('keyspace_name, aggregate_name AS name, argument_types', 'system_schema.aggregates'),
      allRows(client, 'LIST ROLES'),
    ]);
  const keyspaces = [...real, ...virtual].map((row) => String(row['keyspace_name']));
  const found: Resource[] = [
    ...keyspaces.map((keyspace) => ({ type: 'KEYSPACE' as const, keyspace })),
    ...[...tables, ...virtualTables, ...views].map((row) => ({
      type: 'TABLE' as const,
      keyspace: String(row['keyspace_name']),
      table: String(row['table_name']),
    })),
    ...[...functions, ...aggregates].map((row) => ({
      type: 'FUNCTION' as const,
      keyspace: String(row['keyspace_name']),
      name: String(row['name']),
      signature: storedSignature((row['argument_types'] as string[] | null) ?? [], noneOfThatName),
    })),
    ...roles.map((row) => ({ type: 'ROLE' as const, role: String(row['role']) })),
  ];
  return { keyspaces, resources: new Set(found.map(formatResource)) };
}

/** Those of the named roles that exist. */
export async function readHeld(client: Client, names: readonly string[]): Promise<Held> {
  const known = new Set((await allRows(client, 'LIST ROLES')).map((row) => String(row['role'])));
  const held = new Map<string, HeldRole>();
  for (const name of names.filter((one) => known.has(one))) {
    const role = quoteIfNeeded(name);
    const roles = await allRows(client, `LIST ROLES OF ${role}`);
    const permissions = await allRows(client, `LIST ALL PERMISSIONS OF ${role}`);
    const rights = permissions.flatMap((row) => {
      const right = rightOf(String(row['resource']), String(row['permission']));
      return right === null ? [] : [{ from: String(row['role']), right }];
    });
    held.set(name, {
      canLogin: roles.some((row) => row['role'] === name && row['login'] === true),
      isSuperuser: roles.some((row) => row['super'] === true),
      own: rightsOf(rights.filter(({ from }) => from === name).map(({ right }) => right)),
      inherited: rights.filter(({ from }) => from !== name),
    });
  }
  return held;
}

/** The list does not distinguish a user's type `int` from Cassandra's; both sides take it for the latter. */
const noneOfThatName = (): boolean => false;

/** How LIST PERMISSIONS shows resources (toString of org.apache.cassandra.auth.*Resource). */
const SHOWN: readonly [RegExp, (...parts: string[]) => Resource][] = [
  [/^<all keyspaces>$/, () => ({ type: 'ALL KEYSPACES' })],
  [/^<keyspace (.+)>$/s, (_, keyspace = '') => ({ type: 'KEYSPACE', keyspace })],
  [/^<all tables in (.+)>$/s, (_, keyspace = '') => ({ type: 'ALL TABLES IN KEYSPACE', keyspace })],
  [
    /^<table (\w+)\.(.+)>$/s,
    (_, keyspace = '', table = '') => ({ type: 'TABLE', keyspace, table }),
  ],
  [/^<all functions>$/, () => ({ type: 'ALL FUNCTIONS' })],
  [
    /^<all functions in (.+)>$/s,
    (_, keyspace = '') => ({ type: 'ALL FUNCTIONS IN KEYSPACE', keyspace }),
  ],
  [
    /^<function (\w+)\.(.+?)\((.*)\)>$/s,
    (_, keyspace = '', name = '', types = '') => ({
      type: 'FUNCTION',
      keyspace,
      name,
      signature: storedTypes(types, noneOfThatName),
    }),
  ],
  [/^<all roles>$/, () => ({ type: 'ALL ROLES' })],
  [/^<role (.+)>$/s, (_, role = '') => ({ type: 'ROLE', role })],
  [/^<all mbeans>$/, () => ({ type: 'ALL MBEANS' })],
  [/^<mbean (.+)>$/s, (_, pattern = '') => ({ type: 'MBEAN', pattern })],
];

/** null for permissions that Cassandra lists but never checks (READ and WRITE of 4.1). */
function rightOf(shown: string, permission: string): Need | null {
  const known = PERMISSIONS.find((one) => one === permission);
  if (known === undefined) return null;
  for (const [pattern, resource] of SHOWN) {
    const parts = pattern.exec(shown);
    if (parts !== null) return { permission: known, resource: resource(...parts) };
  }
  throw new ConfigFault([
    `the cluster lists a right on ${shown}, which this version does not know; nothing was compared`,
  ]);
}

/** Rejects with ConfigFault. Errors quote texts, so for one with a password only the code is reported. */
export async function carryOut(client: Client, text: string, isSecret: boolean): Promise<void> {
  try {
    await client.execute(text);
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
    const name = typeof code === 'number' ? errorName(code) : undefined;
    throw new ConfigFault([
      isSecret
        ? `${text.slice(0, text.indexOf(' WITH '))} failed (${name ?? 'no answer'}); what came before it was done`
        : `${text} failed: ${textOf(error)}; what came before it was done`,
    ]);
  }
}

/** A page as the driver really returns it; its types leave out what may be missing. */
interface Page {
  readonly rows?: readonly types.Row[];
  readonly pageState?: string | null;
}

/** All rows, page by page. LIST answers without rows if there is nothing to list. */
async function allRows(client: Client, text: string): Promise<types.Row[]> {
  try {
    const rows: types.Row[] = [];
    let pageState: string | undefined;
    do {
      const page: Page = await client.execute(text, [], {
        fetchSize: PROVISION.pageRows,
        ...(pageState === undefined ? {} : { pageState }),
      });
      rows.push(...(page.rows ?? []));
      pageState = page.pageState ?? undefined;
    } while (pageState !== undefined);
    return rows;
  } catch (error) {
    throw new ConfigFault([`${text} failed: ${textOf(error)}`]);
  }
}
