// The logins the gate uses towards the cluster: entries of `cassandraRoles` with secrets resolved.

export type Login =
  | {
      readonly name: string;
      readonly open: false;
      readonly username: string;
      readonly password: string;
    }
  /** A cluster without authentication. */
  | { readonly name: string; readonly open: true };
