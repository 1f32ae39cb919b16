// What the gate's upstream logins may do that decisions hang on: whether one is a superuser, and
// whether it sees what masks hide. Asked of the cluster as that login itself, which it may.
import { stringLiteral } from '../cql/quote.ts';
import type { Rows } from '../protocol/messages/result.ts';
import { Connection } from './connection.ts';
import type { Login } from './credentials.ts';
import type { Dial } from './dial.ts';
import { UpstreamFault } from './faults.ts';
import type { Endpoint } from '../protocol/inet.ts';
import { columnAt, CONTROL_VERSION, queriesOver } from './own-query.ts';
import { isSuperuser } from './superusers.ts';

export interface Rights {
  readonly isSuperuser: boolean;
  /** Where it has UNMASK; null is a place that is not known. */
  readonly unmasked: readonly (DataResource | null)[];
}

/** A table, all of a keyspace, or all. */
interface DataResource {
  readonly keyspace: string | null;
  readonly table: string | null;
}

export interface RightsListener {
  /** Once for each login that is found to be a superuser. */
  superuser(login: string): void;
}

export class LoginRights {
  readonly #listener: RightsListener;
  readonly #rights = new Map<string, Rights>();
  readonly #warned = new Set<string>();

  constructor(listener: RightsListener) {
    this.#listener = listener;
  }

  /** True where it is not known: then nothing that a mask hides is given out. */
  unmasks(cassandraRole: string, keyspace: string, table: string): boolean {
    const rights = this.#rights.get(cassandraRole);
    if (rights === undefined || rights.isSuperuser) return true;
    return rights.unmasked.some(
      (at) =>
        at === null ||
        ((at.keyspace === null || at.keyspace === keyspace) &&
          (at.table === null || at.table === table)),
    );
  }

  /** What was asked as this login is so for its Cassandra role from now on; null: it is not known. */
  set(login: Login, rights: Rights | null): void {
    const { name } = login;
    if (rights === null) this.#rights.delete(name);
    else this.#rights.set(name, rights);
    if (rights?.isSuperuser !== true || this.#warned.has(name)) return;
    this.#warned.add(name);
    this.#listener.superuser(name);
  }
}

/**
 * Logs in and asks what the login may do: null where that can't be had, for an open cluster too.
 * Rejects with UpstreamFault when the login itself fails.
 */
export async function askRights(node: Endpoint, dial: Dial, login: Login): Promise<Rights | null> {
  if (login.open) return null;
  const connection = await Connection.open({
    ...node,
    dial,
    version: CONTROL_VERSION,
    login,
    compression: null,
    onClosed: () => undefined,
    onIdle: () => undefined,
  });
  try {
    return await rightsOf(connection, login.username);
  } catch {
    return null;
  } finally {
    connection.destroy(new UpstreamFault('unreachable', 'no longer needed'));
  }
}

async function rightsOf(connection: Connection, username: string): Promise<Rights> {
  const queries = queriesOver(connection);
  return {
    isSuperuser: await isSuperuser(queries, username),
    unmasked: unmaskedOf(await queries.rowsIfAny(`LIST UNMASK OF ${stringLiteral(username)}`)),
  };
}

/** LIST PERMISSIONS answers with nothing at all, null, where there is nothing to list. */
function unmaskedOf(permissions: Rows | null): (DataResource | null)[] {
  if (permissions === null) return [];
  const resource = columnAt(permissions, 'resource');
  return permissions.rows.map((row) => dataResource(row[resource]?.toString('utf8') ?? ''));
}

/** As LIST PERMISSIONS prints it; null: some other, which may be any. */
function dataResource(shown: string): DataResource | null {
  if (shown === '<all keyspaces>') return { keyspace: null, table: null };
  const [, keyspace] = /^<(?:keyspace|all tables in) (\w+)>$/.exec(shown) ?? [];
  if (keyspace !== undefined) return { keyspace, table: null };
  const [, of, table] = /^<table (\w+)\.(\w+)>$/.exec(shown) ?? [];
  return of === undefined || table === undefined ? null : { keyspace: of, table };
}
