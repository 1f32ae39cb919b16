// docs/ERRORS.md, made of the tables of refusals and of error codes: what users read, and what they can do about it. A
// refusal without advice does not compile.
import { CQL_ERRORS, errorCodeText } from '../protocol/error-codes.ts';
import { CLUSTER, LOGINS, PROTOCOL, REFUSALS, STATEMENTS, type RefusalCode } from '../refusals.ts';

const ADVICE: Readonly<Record<RefusalCode, string>> = {
  token_missing:
    'send the token as the password; in a step, the variable is empty unless the step has `oidc`',
  token_malformed: 'send the token alone, without quotes or line ends',
  token_too_long: 'send the token alone',
  sasl_malformed: "use the driver's plain text authentication",
  authzid: 'leave the authorization id empty',
  token_expired: 'run the step again; it gets a fresh one',
  revoked:
    'an operator ended it before its time, and the text says why; get a fresh one from its issuer, or ask',
  not_yet_valid: 'mend the clocks',
  audience: 'ask for the audience in the text (`oidc.audiences` of the step)',
  issuer_unknown: 'use the token meant for this gate, or have its issuer configured',
  pinned_claim: 'the token is of another workspace; use one of the right one',
  token_kind: 'use a token of a custom authorization server, or the ID token',
  algorithm: 'use a token of the issuer itself',
  signature: 'send the token unchanged',
  no_key_id: 'use a token of the issuer itself',
  key_in_header: 'use a token of the issuer itself',
  key_unknown: "get a fresh token: the issuer's keys were changed",
  crit: 'use a token of the issuer itself',
  time_out_of_range: 'have the issuer set `exp`, `nbf` and `iat` in seconds since the epoch',
  no_expiry: 'have the issuer set one',
  no_subject: 'have the issuer set one',
  issuer_unreachable:
    "the text says what is wrong with the issuer's key set or its discovery; where waiting may mend it, try again",
  unbound: 'ask for a binding in the policy; `cqlgate token inspect` shows the claims',
  role_not_bound: 'give one of the roles in the text as the username',
  several_roles: 'give the one wanted as the username',
  pipeline_unknown: 'the text says why it is not known; run the step again, or try again',
  busy: 'connect again',
  internal: 'tell the operators: the log has the cause',
  handshake_timeout: 'connect again and send STARTUP and the token at once',
  handshake_too_large: 'send the token alone',
  plaintext:
    'connect from this machine, or have `listen.allowPlaintext` set where the network is trusted',
  permission_missing: 'ask for the permission, in these words, in the policy',
  kind_denied: "the role's `deny` names it; ask for another role",
  capability_missing:
    'ask for the capability in the policy, or have an operator do it straight at the cluster; statements about a role that is a superuser, or may be one, need `superuser`',
  no_grant_in_keyspace:
    'USE and DESCRIBE need some grant there; ask for one. A DESCRIBE of all keyspaces (SCHEMA, CLUSTER, TABLES and so on in none) reads "may describe only keyspaces in which it has a grant": name one, or USE it first',
  own_login:
    'no grant and no capability allows it; operators change that Cassandra role at the cluster',
  class_not_allowed:
    "list the class, with its package, under the role's `classes`, or use one of Cassandra's; without that `DynamicCompositeType` is let through as the type of columns and fields only",
  commit_unverified:
    "the text says why; change schema and roles from a running pipeline, or ask for the role's `commit`",
  commit_unavailable:
    'try again later: nothing was changed. It is no OVERLOADED, which drivers would repeat at once',
  not_understood: 'the text names the construct; write it otherwise',
  too_costly:
    'the text names what is too deep, too long or too many; write less of it, or bind values (see [SECURITY.md](SECURITY.md#texts-that-nodes-cannot-afford)). A text above `limits.statementBytes` has the same code and reads "the text is longer than", one with too many names reads "in one text"',
  java_types:
    'write types in the words of CQL: nodes keep for good each type that was written as a string',
  java_user_type:
    'a user type that is named in a string must exist, in the keyspace of the statement: create it first',
  syntax:
    'the text begins with line (from 1) and column (from 0), as in `line 1:7`, and says what was expected there',
  no_keyspace: 'USE a keyspace, or write `ks.table`',
  topology_query:
    'columns into which the gate puts its own values are compared by = and IN only, and are not given to functions of users; the text says which',
  node_addresses: 'the text names the columns; select others, or read the table at the cluster',
  unknown_table:
    "a table of Cassandra's own that nobody has looked at for addresses; read it at the cluster",
  system_table_absent:
    'this cluster has no such table; drivers that look for those of other releases go on',
  trace_query: 'select plain columns, and compare others than addresses',
  use_with_keyspace: 'send it alone',
  batch_kind: 'send the others alone',
  batch_too_large:
    'split the BATCH. One with too many statements that differ in more than their values reads "differ in more than their values"',
  frame_too_large: 'send it in smaller parts',
  shared_prepared_id:
    'write each table with its keyspace; a cluster of which a node is older than 4.0.2 keeps such statements apart by nothing else',
  unprepared: 'nothing: drivers prepare again and repeat',
  session_expired: 'connect again with a fresh token',
  session_too_long:
    "connect again; the role's `session.max` in the policy, or `machineSessionMs` and `humanSessionMs` of the limits",
  session_key_withdrawn:
    'connect again with a fresh token; one that was signed with that key is refused as `key_unknown`',
  session_revoked: 'as for a login',
  binding_gone: 'ask for the binding, or take another role',
  over_limits: 'send fewer at once; only with THROW_ON_OVERLOAD, else reading pauses',
  long_texts_waiting:
    'nothing was executed; send fewer long texts at once, and bind values instead of writing them out',
  large_bodies_waiting:
    'nothing was executed; send fewer large requests at once, or send them uncompressed',
  audit_unwritable:
    'nothing was executed: it waited for the ledger as long as `limits.auditWaitMs` allows. Operators: free the disk; reads go on meanwhile, with `audit.dml: all` until the queue in memory is full',
  lane_full:
    'too many jobs change the schema of one keyspace at once; try again later (`limits.ddlLaneQueue`)',
  lane_timeout:
    'changes of a keyspace are made one at a time; try again, or allow longer (`limits.ddlLaneWaitMs`)',
  lane_locked:
    "another gate changes the schema of that keyspace, the cluster can't be asked, or `cqlgate.locks` is closed to the gate's login; the text says which. Nothing was changed",
  lane_lock_lost: 'nothing was changed; try again',
  no_connection:
    'try again later: none became free in the time that the request may take; where the line before it needs longer than that, this is told at once. Slow reads of others do not cause it',
  answer_too_large:
    "read in smaller pages (the driver's fetch size); operators: `limits.bufferBudgetBytes`",
  no_node: 'try again later: nothing was sent',
  read_timeout: 'try again',
  write_timeout: 'look whether it was made',
  write_lost: 'look whether it was made; a read is repeated at another node instead',
  login_refused:
    'operators: mend the login of that Cassandra role; its secret was read anew. "the lease of Cassandra role" ended: Vault gave no other',
  keyspace_unknown: "the node's own words; create the keyspace first",
  malformed: 'a driver bug, or no CQL client',
  corrupt_segment: 'the network or the driver damaged it; connect again',
  wrong_state: 'a driver bug',
  startup_incomplete: 'a driver bug, or no CQL client',
  header_flags: 'a driver of another protocol, or a bug of it; use v4 or v5',
  unsupported_version: 'nothing: drivers go on with v5 or v4',
  compression_unknown: 'use lz4, or in v4 snappy',
  compression_version: 'use lz4',
  compression_malformed: 'a driver bug',
  too_slow: 'a request began and was not sent on; send each as a whole',
  internal_error:
    'report it; the log has the cause. Of a change it is not known whether it was made',
  internal_fault: 'report it; the log has the cause',
};

const HEAD = `# What users read, and what to do

Made by \`npm run docs\` from [src/refusals.ts](../src/refusals.ts); a test holds it true. These are the answers that the gate
itself gives; errors of Cassandra pass through, with the gate's address in the place of a node's. The first column is the
stable code. Of a failed login it is the \`reason\` in the audit record and the label of \`cqlgate_auth_failures_total\`, all but
\`handshake_timeout\`, \`handshake_too_large\` and \`plaintext\`: those end connections before a token is looked at. The third
is part of the text that the user reads. A test provokes each row and compares it, or names the test that does so
([test/node/errors.test.ts](../test/node/errors.test.ts)).
`;

const BEFORE_LOGINS = `
A client of OAUTHBEARER gets a JSON challenge first (RFC 7628), and the same error after its last word. While the ledger
has no room for the record of a login, it is refused by AUTH_ERROR with the text of \`audit_unwritable\` ([below](#the-cluster-and-limits)).
`;

const AFTER_CLUSTER = `
Two things are told by a warning beside the answer, of a change that **was made** and must not be repeated for that: "not all
nodes had it in time" (wait before you use it) and "its audit log did not take the record of what came of this change in time"
(operators: the disk of the ledger).
`;

export function renderErrorDocs(): string {
  return [
    HEAD,
    '\n## Logins\n',
    BEFORE_LOGINS,
    table(LOGINS),
    '\n## Statements\n',
    table(STATEMENTS),
    '\n## The cluster, and limits\n',
    table(CLUSTER),
    AFTER_CLUSTER,
    '\n## The protocol\n',
    table(PROTOCOL),
  ].join('');
}

function table(codes: Readonly<Partial<Record<RefusalCode, unknown>>>): string {
  const rows = (Object.keys(codes) as RefusalCode[]).map(rowOf);
  return [
    '',
    '| code | CQL error | the user reads | what to do | connection |',
    '|-|-|-|-|-|',
    ...rows,
    '',
  ].join('\n');
}

function rowOf(code: RefusalCode): string {
  const row = REFUSALS[code];
  const { error, reads } = row;
  const value = `0x${errorCodeText(CQL_ERRORS[error].code).slice(2).toUpperCase()}`;
  const connection = 'closes' in row ? 'closed' : 'kept';
  return `| \`${code}\` | ${error} ${value} | "${reads}" | ${ADVICE[code]} | ${connection} |`;
}
