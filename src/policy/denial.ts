// What the policy answers where it does not permit a statement.

export interface Denial {
  /** Stable code for records and metrics. */
  readonly reason:
    | 'permission_missing'
    | 'kind_denied'
    | 'capability_missing'
    | 'no_grant_in_keyspace'
    | 'own_login'
    | 'class_not_allowed'
    | 'commit_unverified'
    | 'commit_unavailable';
  /** For the user: the role, what is missing, what to do. */
  readonly message: string;
  /** Needs that no grant covers, as `MODIFY ON TABLE ks.t`. */
  readonly missing: readonly string[];
}
