// What the gate knows of the cluster's schema: which view has which base table, which index is on
// which table, what overloads a function has, which columns are masked. An immutable snapshot,
// swapped whole, so that a decision sees one schema.
import type { Overload, Schema } from '../cql/statement.ts';

export interface ViewRow {
  readonly keyspace: string;
  readonly view: string;
  readonly base: string;
}

export interface IndexRow {
  readonly keyspace: string;
  readonly index: string;
  readonly table: string;
}

/** A function, or an aggregate with what runs in it. Types as `system_schema` writes them. */
export interface FunctionRow {
  readonly keyspace: string;
  readonly name: string;
  readonly argumentTypes: readonly string[];
  readonly aggregate: {
    readonly stateFunction: string;
    readonly stateType: string;
    readonly finalFunction: string | null;
  } | null;
}

export interface MaskRow {
  readonly keyspace: string;
  readonly table: string;
  readonly column: string;
}

export interface KeyspaceRow {
  readonly keyspace: string;
  /** `class` and the factors, as in CREATE KEYSPACE. */
  readonly replication: ReadonlyMap<string, string>;
}

export interface SchemaRows {
  readonly views?: readonly ViewRow[];
  readonly indexes?: readonly IndexRow[];
  readonly functions?: readonly FunctionRow[];
  readonly masks?: readonly MaskRow[];
  /** Empty where they were not read: then there may be any. */
  readonly keyspaces?: readonly KeyspaceRow[];
}

/** Whether a Cassandra role's login sees what masks hide. */
export type Unmasks = (cassandraRole: string, keyspace: string, table: string) => boolean;

const NONE: readonly never[] = [];

/** Names may hold any character but NUL. */
function key(keyspace: string, name: string): string {
  return `${keyspace}\0${name}`;
}

/**
 * A type as signatures are compared by: user types without keyspace, nothing frozen, `varchar` as
 * `text`, no spaces. The same as the grammar makes of types in a text (grammar/types.ts).
 */
export function signatureOf(types: readonly string[]): string {
  return types.map(signatureType).join(',');
}

function signatureType(type: string): string {
  const open: boolean[] = [];
  return type.replace(/"(?:[^"]|"")*"|\w+|[<>,.]|\s+/g, (token, at: number) => {
    if (/^\s/.test(token)) return '';
    if (token === '<') return open.at(-1) === true ? '' : '<';
    if (token === '>') return open.pop() === true ? '' : '>';
    const rest = type.slice(at + token.length).trimStart();
    if (rest.startsWith('<')) open.push(token === 'frozen');
    if (token === 'frozen' && rest.startsWith('<')) return '';
    if (token === '.' || (rest.startsWith('.') && token !== ',')) return '';
    if (token.startsWith('"')) return token.slice(1, -1).replaceAll('""', '"');
    return token === 'varchar' ? 'text' : token;
  });
}

export class SchemaSnapshot implements Schema {
  readonly version: number;
  readonly #unmasks: Unmasks;
  readonly #bases = new Map<string, string>();
  readonly #views = new Map<string, string[]>();
  readonly #indexes = new Map<string, string>();
  readonly #functions = new Map<string, Overload[]>();
  readonly #masks = new Map<string, Set<string>>();
  /** By keyspace. */
  readonly replication: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** False until a schema was read. */
  readonly #isKnown: boolean;

  constructor(version: number, rows: SchemaRows | null, unmasks: Unmasks = () => true) {
    this.version = version;
    this.#unmasks = unmasks;
    this.#isKnown = rows !== null;
    this.replication = new Map(
      (rows?.keyspaces ?? NONE).map(({ keyspace, replication }) => [keyspace, replication]),
    );
    for (const { keyspace, view, base } of rows?.views ?? NONE) {
      this.#bases.set(key(keyspace, view), base);
      entry(this.#views, key(keyspace, base)).push(view);
    }
    for (const { keyspace, index, table } of rows?.indexes ?? NONE) {
      this.#indexes.set(key(keyspace, index), table);
    }
    for (const row of rows?.functions ?? NONE) {
      entry(this.#functions, key(row.keyspace, row.name)).push(overloadOf(row));
    }
    for (const { keyspace, table, column } of rows?.masks ?? NONE) {
      const name = key(keyspace, table);
      const columns = this.#masks.get(name) ?? new Set();
      this.#masks.set(name, columns.add(column));
    }
  }

  get hasMasks(): boolean {
    return this.#masks.size > 0;
  }

  baseOfView(keyspace: string, name: string): string | null {
    return this.#bases.size === 0 ? null : (this.#bases.get(key(keyspace, name)) ?? null);
  }

  viewsOf(keyspace: string, table: string): readonly string[] {
    return this.#views.size === 0 ? NONE : (this.#views.get(key(keyspace, table)) ?? NONE);
  }

  /** Virtual keyspaces are not listed with the others; nor is any before the schema was read. */
  hasKeyspace(keyspace: string): boolean {
    return (
      this.replication.size === 0 || this.replication.has(keyspace) || keyspace.startsWith('system')
    );
  }

  tableOfIndex(keyspace: string, index: string): string | null {
    return this.#indexes.get(key(keyspace, index)) ?? null;
  }

  overloads(keyspace: string, name: string): readonly Overload[] | null {
    if (!this.#isKnown) return null;
    return this.#functions.get(key(keyspace, name)) ?? NONE;
  }

  maskedColumns(keyspace: string, table: string): ReadonlySet<string> | null {
    return this.#masks.size === 0 ? null : (this.#masks.get(key(keyspace, table)) ?? null);
  }

  unmasks(cassandraRole: string, keyspace: string, table: string): boolean {
    return this.#unmasks(cassandraRole, keyspace, table);
  }
}

function overloadOf({ argumentTypes, aggregate }: FunctionRow): Overload {
  const signature = signatureOf(argumentTypes);
  const runs =
    aggregate === null
      ? []
      : [
          {
            name: aggregate.stateFunction,
            signature: signatureOf([aggregate.stateType, ...argumentTypes]),
          },
          ...(aggregate.finalFunction === null
            ? []
            : [{ name: aggregate.finalFunction, signature: signatureOf([aggregate.stateType]) }]),
        ];
  return { signature, arity: argumentTypes.length, runs };
}

function entry<Value>(map: Map<string, Value[]>, name: string): Value[] {
  let values = map.get(name);
  if (values === undefined) {
    values = [];
    map.set(name, values);
  }
  return values;
}
