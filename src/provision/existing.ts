// What the cluster already has, of all that grants can be given on.

export interface Existing {
  /** As `formatResource` writes them: `KEYSPACE ks`, `TABLE ks.t`, `FUNCTION ks.f(int)`, `ROLE r`. */
  readonly resources: ReadonlySet<string>;
  readonly keyspaces: readonly string[];
}
