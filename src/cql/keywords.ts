// The words of CQL 5.0 and where each may stand as a name. Cassandra's grammar has four classes of
// words; which class a word is in decides what a text means (`ttl` is a column, `ttl(a)` is not a
// call, `set` is never a name), so the lexer hands out the class as the token's kind.

/** Never a name of anything unless quoted. */
const RESERVED =
  'add allow alter and apply asc authorize batch begin by columnfamily create delete desc describe ' +
  'drop entries execute from full grant if in index insert into is keyspace limit materialized ' +
  'modify norecursive not null of on or order primary rename revoke schema select set table to ' +
  'token truncate unlogged update use using view where with nan infinity';

/** Types that are written as one word: names of anything but types. */
const NATIVE_TYPES =
  'ascii bigint blob boolean counter decimal double duration float inet int smallint text ' +
  'timestamp tinyint uuid varchar varint timeuuid date time';

/** Names of keyspaces, tables, columns and roles, but neither of functions nor of types. */
const SPECIAL = 'ttl count writetime maxwritetime cast json distinct';

/** As `SPECIAL`, and a name of types as well. */
const KEY = 'key';

/** Names of anything. */
const UNRESERVED =
  'keys as cluster clustering compact storage tables type types values map list filtering ' +
  'permission permissions keyspaces all user users role roles identity superuser nosuperuser login ' +
  'nologin options password hashed exists custom trigger contains internals only static frozen ' +
  'tuple function functions aggregate aggregates sfunc stype finalfunc initcond returns language ' +
  'called input like per partition group datacenters cidrs access default mbean mbeans replace ' +
  'unset masked unmask select_masked vector ann';

export type WordClass = 'unreserved' | 'key' | 'native type' | 'special' | 'reserved';

/** Every keyword with its class. A word that is not here is an identifier. */
export const KEYWORDS: ReadonlyMap<string, WordClass> = new Map(
  (
    [
      [UNRESERVED, 'unreserved'],
      [KEY, 'key'],
      [NATIVE_TYPES, 'native type'],
      [SPECIAL, 'special'],
      [RESERVED, 'reserved'],
    ] as const
  ).flatMap(([words, wordClass]) => words.split(' ').map((word) => [word, wordClass] as const)),
);

/**
 * Functions of keyspace `system` in Cassandra 5.0, which anyone may call. Casts and conversions are
 * made for each native type and found by pattern.
 */
const NATIVE_FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'token now uuid count sum avg min max todate totimestamp tounixtimestamp to_date to_timestamp ' +
    'to_unix_timestamp mintimeuuid maxtimeuuid min_timeuuid max_timeuuid dateof unixtimestampof ' +
    'currenttimestamp currentdate currenttime currenttimeuuid current_timestamp current_date ' +
    'current_time current_timeuuid tojson fromjson to_json from_json floor abs exp log log10 round ' +
    'map_keys map_values collection_count collection_min collection_max collection_sum ' +
    'collection_avg mask_null mask_default mask_replace mask_inner mask_outer mask_hash ' +
    'similarity_cosine similarity_euclidean similarity_dot_product'
  ).split(' '),
);

const NATIVE_PATTERN =
  /^(?:[a-z]+asblob|blobas[a-z]+|[a-z]+_as_blob|blob_as_[a-z]+|castas[a-z]+|cast_as_[a-z]+)$/;

/** Of its functions those that have several overloads, of which each gives another type or takes another. */
const OVERLOADED_FUNCTION =
  /^(?:abs|exp|log|log10|round|floor|sum|avg|to_?(?:date|timestamp|unix_?timestamp)|cast_?as_?[a-z]+)$/;

export function isOverloadedFunction(name: string): boolean {
  return OVERLOADED_FUNCTION.test(name);
}

/** Whether Cassandra itself has a function of this name; a keyspace may have its own beside it. */
export function isNativeFunction(name: string): boolean {
  return NATIVE_FUNCTIONS.has(name) || NATIVE_PATTERN.test(name);
}
