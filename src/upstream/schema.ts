// What the gate knows of the cluster's schema: which view has which base table, which index is on
// which table, what overloads a function has, which columns are masked. An immutable snapshot,
// swapped whole, so that a decision sees one schema.
import type { Overload, Schema } from '../cql/statement.ts';
import { storedSignature } from '../cql/stored-type.ts';
import type { Signature } from '../cql/type.ts';

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

export interface TableRow {
  readonly keyspace: string;
  readonly table: string;
}

export interface TypeRow {
  readonly keyspace: string;
  readonly type: string;
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
  readonly types?: readonly TypeRow[];
  readonly masks?: readonly MaskRow[];
  /** Empty where they were not read: then there may be any. */
  readonly keyspaces?: readonly KeyspaceRow[];
  /** Of Cassandra's own keyspaces, virtual ones among them. */
  readonly systemTables?: readonly TableRow[];
}

/** Whether a Cassandra role's login sees what masks hide. */
export type Unmasks = (cassandraRole: string, keyspace: string, table: string) => boolean;

const NONE: readonly never[] = [];

/** By keyspace, then by the name of what is in it. */
type ByName<Value> = Map<string, Map<string, Value>>;

export class SchemaSnapshot implements Schema {
  readonly version: number;
  readonly #unmasks: Unmasks;
  readonly #bases: ByName<string> = new Map();
  readonly #views: ByName<string[]> = new Map();
  readonly #indexes: ByName<string> = new Map();
  readonly #functions: ByName<Overload[]> = new Map();
  readonly #masks: ByName<Set<string>> = new Map();
  readonly #systemTables: ByName<true> = new Map();
  /** By keyspace. */
  readonly #types = new Map<string, Set<string>>();
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
      namesOf(this.#bases, keyspace).set(view, base);
      append(this.#views, keyspace, base, view);
    }
    for (const { keyspace, index, table } of rows?.indexes ?? NONE) {
      namesOf(this.#indexes, keyspace).set(index, table);
    }
    for (const { keyspace, type } of rows?.types ?? NONE) {
      this.#types.set(keyspace, (this.#types.get(keyspace) ?? new Set()).add(type));
    }
    for (const row of rows?.functions ?? NONE) {
      append(
        this.#functions,
        row.keyspace,
        row.name,
        overloadOf(row, this.#types.get(row.keyspace)),
      );
    }
    for (const { keyspace, table, column } of rows?.masks ?? NONE) {
      const tables = namesOf(this.#masks, keyspace);
      tables.set(table, (tables.get(table) ?? new Set()).add(column));
    }
    for (const { keyspace, table } of rows?.systemTables ?? NONE) {
      namesOf(this.#systemTables, keyspace).set(table, true);
    }
  }

  get isWhole(): boolean {
    return this.replication.size > 0;
  }

  get hasMasks(): boolean {
    return this.#masks.size > 0;
  }

  baseOfView(keyspace: string, name: string): string | null {
    return this.#bases.get(keyspace)?.get(name) ?? null;
  }

  viewsOf(keyspace: string, table: string): readonly string[] {
    return this.#views.get(keyspace)?.get(table) ?? NONE;
  }

  /** Virtual keyspaces are not listed with the others; nor is any before the schema was read. */
  hasKeyspace(keyspace: string): boolean {
    return (
      this.replication.size === 0 || this.replication.has(keyspace) || keyspace.startsWith('system')
    );
  }

  lacksSystemTable(keyspace: string, table: string): boolean {
    const tables = this.#systemTables.get(keyspace);
    return tables !== undefined && !tables.has(table);
  }

  tableOfIndex(keyspace: string, index: string): string | null {
    return this.#indexes.get(keyspace)?.get(index) ?? null;
  }

  hasType(keyspace: string, name: string): boolean {
    return !this.isWhole || this.#types.get(keyspace)?.has(name) === true;
  }

  overloads(keyspace: string, name: string): readonly Overload[] | null {
    if (!this.#isKnown) return null;
    return this.#functions.get(keyspace)?.get(name) ?? NONE;
  }

  maskedColumns(keyspace: string, table: string): ReadonlySet<string> | null {
    return this.#masks.get(keyspace)?.get(table) ?? null;
  }

  unmasks(cassandraRole: string, keyspace: string, table: string): boolean {
    return this.#unmasks(cassandraRole, keyspace, table);
  }
}

function overloadOf(
  { argumentTypes, aggregate }: FunctionRow,
  types: ReadonlySet<string> | undefined,
): Overload {
  const signatureOf = (texts: readonly string[]): Signature =>
    storedSignature(texts, (name) => types?.has(name) === true);
  const signature = signatureOf(argumentTypes);
  const runs = [];
  if (aggregate !== null) {
    const { stateFunction, stateType, finalFunction } = aggregate;
    const state = signatureOf([stateType]);
    runs.push({ name: stateFunction, signature: [...state, ...signature] });
    if (finalFunction !== null) runs.push({ name: finalFunction, signature: state });
  }
  return { signature, arity: argumentTypes.length, runs };
}

function namesOf<Value>(map: ByName<Value>, keyspace: string): Map<string, Value> {
  let names = map.get(keyspace);
  if (names === undefined) {
    names = new Map();
    map.set(keyspace, names);
  }
  return names;
}

function append<Value>(map: ByName<Value[]>, keyspace: string, name: string, value: Value): void {
  const names = namesOf(map, keyspace);
  const values = names.get(name);
  if (values === undefined) names.set(name, [value]);
  else values.push(value);
}
