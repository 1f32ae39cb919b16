// What the gate's upstream logins may do that decisions hang on: whether one is a superuser, and
// whether it sees what masks hide. Asked of the cluster as that login itself, which it may.
import { Consistency } from '../protocol/consistency.ts';
import type { Frame } from '../protocol/frame.ts';
import { encodeQuery } from '../protocol/messages/query.ts';
import { decodeRows, resultKind, ResultKind, type Rows } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { UPSTREAM } from '../limits.ts';
import { Connection } from './connection.ts';
import type { Login } from './credentials.ts';
import type { Dial } from './dial.ts';
import { UpstreamFault } from './faults.ts';

interface Rights {
  readonly isSuperuser: boolean;
  /** Resources with UNMASK, as LIST PERMISSIONS prints them. */
  readonly unmasked: ReadonlySet<string>;
}

export interface RightsListener {
  /** Once for each login that is found to be a superuser. */
  superuser(login: string): void;
}

const VERSION = 4;

export class LoginRights {
  readonly #logins: ReadonlyMap<string, Login>;
  readonly #dial: Dial;
  readonly #listener: RightsListener;
  readonly #rights = new Map<string, Rights>();
  readonly #warned = new Set<string>();

  constructor(logins: ReadonlyMap<string, Login>, dial: Dial, listener: RightsListener) {
    this.#logins = logins;
    this.#dial = dial;
    this.#listener = listener;
  }

  /** True where it is not known: then nothing that a mask hides is given out. */
  unmasks(cassandraRole: string, keyspace: string, table: string): boolean {
    const rights = this.#rights.get(cassandraRole);
    if (rights === undefined || rights.isSuperuser) return true;
    return [
      '<all keyspaces>',
      `<keyspace ${keyspace}>`,
      `<all tables in ${keyspace}>`,
      `<table ${keyspace}.${table}>`,
    ].some((resource) => rights.unmasked.has(resource));
  }

  /** Asks for every login. One that can't be asked is taken to see everything. */
  async refresh(node: { readonly host: string; readonly port: number }): Promise<void> {
    for (const [name, login] of this.#logins) {
      if (login.open) continue;
      try {
        const rights = await ask({ ...node, dial: this.#dial }, login);
        this.#rights.set(name, rights);
        if (rights.isSuperuser && !this.#warned.has(name)) {
          this.#warned.add(name);
          this.#listener.superuser(name);
        }
      } catch {
        this.#rights.delete(name);
      }
    }
  }
}

async function ask(
  node: { readonly host: string; readonly port: number; readonly dial: Dial },
  login: Extract<Login, { open: false }>,
): Promise<Rights> {
  const connection = await Connection.open({
    ...node,
    version: VERSION,
    login,
    compression: null,
    onClosed: () => undefined,
    onIdle: () => undefined,
  });
  try {
    const self = `'${login.username.replaceAll("'", "''")}'`;
    const roles = rowsOf(await query(connection, `LIST ROLES OF ${self}`));
    const flag = roles.columns.findIndex((column) => column.name === 'super');
    // A role that was granted a superuser is one.
    const isSuperuser = roles.rows.some((row) => row[flag]?.[0] === 1);
    const permissions = rowsOf(await query(connection, `LIST UNMASK OF ${self}`));
    const resource = permissions.columns.findIndex((column) => column.name === 'resource');
    return {
      isSuperuser,
      unmasked: new Set(permissions.rows.map((row) => row[resource]?.toString('utf8') ?? '')),
    };
  } finally {
    connection.destroy(new UpstreamFault('unreachable', 'no longer needed'));
  }
}

async function query(connection: Connection, text: string): Promise<Frame> {
  return connection.request(
    Opcode.QUERY,
    encodeQuery({ query: text, consistency: Consistency.ONE, version: VERSION }),
    UPSTREAM.controlTimeoutMs,
  );
}

/** LIST PERMISSIONS answers without rows where there is nothing to list. */
function rowsOf(response: Frame): Rows {
  if (response.opcode !== Opcode.RESULT) {
    throw new UpstreamFault('protocol', 'the login may not list its own rights');
  }
  if (resultKind(response) !== ResultKind.ROWS) return { columns: [], rows: [] };
  return decodeRows(response, VERSION);
}
