// The answers that the gate itself gives in place of a node's, each by its stable code: what its client gets, and whether
// the connection lives on. The codes of logins, of denials and of texts that are not understood are also the reasons in
// audit records and the labels of metrics. docs/ERRORS.md is made of this table, and a test provokes each row.

interface RefusalRow {
  /** Name of the CQL error, which decides what drivers do next. */
  readonly error: string;
  /** A part of the text that its reader sees. */
  readonly reads: string;
  /** The connection ends after the answer. */
  readonly closes?: true;
  /** Who finds it, where the code is recorded as the reason. */
  readonly by?: 'login' | 'policy' | 'analysis';
}

const LOGIN = { error: 'AUTH_ERROR', closes: true, by: 'login' } as const;
const DENIAL = { error: 'UNAUTHORIZED', by: 'policy' } as const;

/** A login that is refused. All but the last three are recorded, and counted by their code. */
export const LOGINS = {
  token_missing: { ...LOGIN, reads: 'The password is empty' },
  token_malformed: { ...LOGIN, reads: 'is no OIDC token' },
  token_too_long: { ...LOGIN, reads: 'a token has at most' },
  sasl_malformed: { ...LOGIN, reads: 'Send the role as the username' },
  authzid: { ...LOGIN, reads: 'authorization id differs from the username' },
  token_expired: { ...LOGIN, reads: 'The token expired' },
  revoked: { ...LOGIN, reads: 'The token was revoked' },
  not_yet_valid: { ...LOGIN, reads: 'not valid yet' },
  audience: { ...LOGIN, reads: 'not meant for this gate' },
  issuer_unknown: { ...LOGIN, reads: 'not one that cqlgate is configured for' },
  pinned_claim: { ...LOGIN, reads: 'is not the one configured here' },
  token_kind: { ...LOGIN, reads: 'which only Okta itself can verify' },
  algorithm: { ...LOGIN, reads: 'must be signed with' },
  signature: { ...LOGIN, reads: 'signature' },
  no_key_id: { ...LOGIN, reads: 'names no key' },
  key_in_header: { ...LOGIN, reads: 'brings its own key' },
  key_unknown: { ...LOGIN, reads: 'does not publish' },
  crit: { ...LOGIN, reads: 'header extensions' },
  time_out_of_range: { ...LOGIN, reads: 'is not a date between 1970 and 9999' },
  no_expiry: { ...LOGIN, reads: 'no expiry' },
  no_subject: { ...LOGIN, reads: 'names no subject' },
  issuer_unreachable: { ...LOGIN, reads: 'cannot get the keys' },
  unbound: { ...LOGIN, reads: 'No role is bound to this token' },
  role_not_bound: { ...LOGIN, reads: 'may not take the role' },
  several_roles: { ...LOGIN, reads: 'Several roles are bound' },
  pipeline_unknown: { ...LOGIN, reads: 'depends on what its pipeline runs for' },
  busy: { ...LOGIN, reads: 'checking too many tokens' },
  internal: { ...LOGIN, reads: 'could not check the token' },
  handshake_timeout: { error: 'AUTH_ERROR', reads: 'the login took too long', closes: true },
  handshake_too_large: { error: 'AUTH_ERROR', reads: 'the login message has', closes: true },
  plaintext: {
    error: 'AUTH_ERROR',
    reads: 'tokens over plaintext from this machine only',
    closes: true,
  },
} as const satisfies Record<string, RefusalRow>;

/** A statement, or a session, that is refused. */
export const STATEMENTS = {
  permission_missing: { ...DENIAL, reads: 'has no DROP ON TABLE' },
  kind_denied: { ...DENIAL, reads: 'the policy denies it to this role' },
  capability_missing: { ...DENIAL, reads: 'it needs the capability' },
  no_grant_in_keyspace: { ...DENIAL, reads: 'has no grant in KEYSPACE' },
  own_login: { ...DENIAL, reads: 'the gate itself logs in as that role' },
  class_not_allowed: { ...DENIAL, reads: "which is none of Cassandra's own" },
  commit_unverified: { ...DENIAL, reads: 'this one is not verified' },
  commit_unavailable: { ...DENIAL, reads: 'cannot be looked up now' },
  not_understood: {
    error: 'UNAUTHORIZED',
    reads: 'does not let through what it does not understand',
    by: 'analysis',
  },
  too_costly: { error: 'INVALID', reads: 'would cost a node too much', by: 'analysis' },
  java_types: { error: 'INVALID', reads: 'too many different types as strings' },
  java_user_type: { error: 'INVALID', reads: 'Unknown type' },
  syntax: { error: 'SYNTAX_ERROR', reads: 'expected', by: 'analysis' },
  no_keyspace: { error: 'INVALID', reads: 'No keyspace has been specified', by: 'analysis' },
  topology_query: { error: 'INVALID', reads: 'system.peers_v2 cqlgate answers' },
  node_addresses: { error: 'INVALID', reads: 'does not tell where nodes are' },
  unknown_table: { error: 'INVALID', reads: 'does not know what' },
  system_table_absent: { error: 'INVALID', reads: 'does not exist' },
  trace_query: { error: 'INVALID', reads: 'Of system_traces cqlgate answers plain columns' },
  use_with_keyspace: { error: 'INVALID', reads: 'USE can not be sent with a keyspace' },
  batch_kind: { error: 'INVALID', reads: 'only INSERT, UPDATE and DELETE' },
  batch_too_large: { error: 'INVALID', reads: 'statements here; split it' },
  frame_too_large: { error: 'INVALID', reads: 'Request is too big' },
  shared_prepared_id: { error: 'INVALID', reads: 'the same id in every keyspace' },
  unprepared: { error: 'UNPREPARED', reads: 'not found' },
  session_expired: {
    error: 'UNAUTHORIZED',
    reads: 'token of this session has expired',
    closes: true,
  },
  session_too_long: {
    error: 'UNAUTHORIZED',
    reads: 'has lasted as long as its role allows',
    closes: true,
  },
  session_key_withdrawn: {
    error: 'UNAUTHORIZED',
    reads: 'the issuer withdrew the key',
    closes: true,
  },
  session_revoked: { error: 'UNAUTHORIZED', reads: 'The token was revoked', closes: true },
  binding_gone: { error: 'UNAUTHORIZED', reads: 'the policy changed', closes: true },
} as const satisfies Record<string, RefusalRow>;

/** A permitted request that is not carried out, or of which it is not known whether it was. */
export const CLUSTER = {
  over_limits: { error: 'OVERLOADED', reads: 'in flight than cqlgate allows' },
  long_texts_waiting: { error: 'OVERLOADED', reads: 'long texts are analysed one after the other' },
  large_bodies_waiting: {
    error: 'OVERLOADED',
    reads: 'large compressed bodies are decompressed one after the other',
  },
  audit_unwritable: { error: 'OVERLOADED', reads: 'the audit log of cqlgate' },
  lane_full: { error: 'OVERLOADED', reads: 'wait already; nothing was changed' },
  lane_timeout: { error: 'OVERLOADED', reads: 'for its turn: schema changes of keyspace' },
  lane_locked: { error: 'OVERLOADED', reads: 'for the lock on schema changes' },
  lane_lock_lost: { error: 'OVERLOADED', reads: 'was lost before the change was sent' },
  no_connection: { error: 'OVERLOADED', reads: 'no free connection to Cassandra' },
  answer_too_large: { error: 'OVERLOADED', reads: 'for which cqlgate has no room now' },
  no_node: { error: 'UNAVAILABLE', reads: 'reaches no Cassandra node' },
  read_timeout: { error: 'READ_TIMEOUT', reads: 'did not answer within' },
  write_timeout: { error: 'WRITE_TIMEOUT', reads: 'whether the change was made is not known' },
  write_lost: { error: 'WRITE_TIMEOUT', reads: 'the connection to Cassandra ended' },
  login_refused: { error: 'SERVER_ERROR', reads: 'refused the login of Cassandra role' },
  keyspace_unknown: { error: 'INVALID', reads: 'does not exist' },
} as const satisfies Record<string, RefusalRow>;

/** A message that is not of the protocol, and errors of the gate itself. */
export const PROTOCOL = {
  malformed: { error: 'PROTOCOL_ERROR', reads: 'ends within', closes: true },
  corrupt_segment: { error: 'PROTOCOL_ERROR', reads: 'unrecoverable CRC mismatch', closes: true },
  wrong_state: { error: 'PROTOCOL_ERROR', reads: 'Unexpected message', closes: true },
  startup_incomplete: {
    error: 'PROTOCOL_ERROR',
    reads: 'Missing value CQL_VERSION',
    closes: true,
  },
  header_flags: { error: 'PROTOCOL_ERROR', reads: 'are not known here', closes: true },
  unsupported_version: {
    error: 'PROTOCOL_ERROR',
    reads: 'Invalid or unsupported protocol version',
    closes: true,
  },
  compression_unknown: {
    error: 'PROTOCOL_ERROR',
    reads: 'Unknown compression algorithm',
    closes: true,
  },
  compression_version: {
    error: 'PROTOCOL_ERROR',
    reads: 'compression is not supported in protocol V5',
    closes: true,
  },
  compression_malformed: { error: 'PROTOCOL_ERROR', reads: 'of its stated length', closes: true },
  too_slow: { error: 'OVERLOADED', reads: 'did not come at 16 KiB/s', closes: true },
  internal_error: {
    error: 'SERVER_ERROR',
    reads: 'an internal error of cqlgate ended this request',
  },
  internal_fault: { error: 'SERVER_ERROR', reads: 'an internal fault of cqlgate', closes: true },
} as const satisfies Record<string, RefusalRow>;

export const REFUSALS = { ...LOGINS, ...STATEMENTS, ...CLUSTER, ...PROTOCOL } as const;

export type RefusalCode = keyof typeof REFUSALS;

type FoundBy<By> = {
  [Code in RefusalCode]: (typeof REFUSALS)[Code] extends { readonly by: By } ? Code : never;
}[RefusalCode];

/** Why a login is refused: the reason in its record, and the label of its metric. */
export type LoginRefusal = FoundBy<'login'>;

/** Why the admin API refuses a caller; HTTP says it then. */
export type AdminRefusal = LoginRefusal | 'no_admin';

/** Why the policy does not permit a statement: a reason in records and metrics. */
export type DenialReason = FoundBy<'policy'>;

/**
 * Why a text is refused before anything is decided on it: Cassandra would not parse it either; it is not
 * understood here; an unqualified name has no keyspace to be found in; it would cost a node too much.
 */
export type TextRefusal = FoundBy<'analysis'>;
