// What decisions must know of the gate's upstream logins: whether one is a superuser, and whether it sees what masks
// hide. The cluster is asked by a connection of that login itself, which may ask this about itself.
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
  /** Where it has UNMASK; null stands for a resource that the gate does not know. */
  readonly unmasked: readonly (DataResource | null)[];
}

/** A table, all of a keyspace, or all. */
interface DataResource {
  readonly keyspace: string | null;
  readonly table: string | null;
}

export interface RightsListener {
  /** Called once for each login that is found to be a superuser. */
  superuser(login: string): void;
}

export class LoginRights {
  readonly #listener: RightsListener;
  readonly #rights = new Map<string, Rights>();
  readonly #warned = new Set<string>();

  constructor(listener: RightsListener) {
    this.#listener = listener;
  }

  /** True also where it is not known: then nothing that a mask hides is given out. */
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

  /** What this login may do counts for its Cassandra role from now on; null where it is not known. */
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
 * Logs in and asks what the login may do: null where that can't be asked, as in a cluster without logins.
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

/** A resource as LIST PERMISSIONS prints it; null for one of another kind, which may be any. */
function dataResource(shown: string): DataResource | null {
  if (shown === '<all keyspaces>') return { keyspace: null, table: null };
  const [, keyspace] = /^<(?:keyspace|all tables in) (\w+)>$/.exec(shown) ?? [];
  if (keyspace !== undefined) return { keyspace, table: null };
  const [, of, table] = /^<table (\w+)\.(\w+)>$/.exec(shown) ?? [];
  return of === undefined || table === undefined ? null : { keyspace: of, table };
}
