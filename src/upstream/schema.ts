// What the gate knows of the cluster's schema: which view has which base table, which index is on
// which table. An immutable snapshot, swapped whole, so that a decision sees one schema.
import type { Schema } from '../cql/statement.ts';

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

const NONE: readonly string[] = [];

/** Names may hold any character but NUL. */
function key(keyspace: string, name: string): string {
  return `${keyspace}\0${name}`;
}

export class SchemaSnapshot implements Schema {
  readonly version: number;
  readonly #bases = new Map<string, string>();
  readonly #views = new Map<string, string[]>();
  readonly #indexes = new Map<string, string>();
  readonly #keyspaces: ReadonlySet<string>;

  constructor(
    version: number,
    views: readonly ViewRow[],
    indexes: readonly IndexRow[],
    keyspaces: readonly string[] = [],
  ) {
    this.version = version;
    this.#keyspaces = new Set(keyspaces);
    for (const { keyspace, view, base } of views) {
      this.#bases.set(key(keyspace, view), base);
      const siblings = this.#views.get(key(keyspace, base));
      if (siblings === undefined) this.#views.set(key(keyspace, base), [view]);
      else siblings.push(view);
    }
    for (const { keyspace, index, table } of indexes) {
      this.#indexes.set(key(keyspace, index), table);
    }
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
      this.#keyspaces.size === 0 || this.#keyspaces.has(keyspace) || keyspace.startsWith('system')
    );
  }

  tableOfIndex(keyspace: string, index: string): string | null {
    return this.#indexes.get(key(keyspace, index)) ?? null;
  }
}
