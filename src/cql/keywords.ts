// The words of CQL 5.0. A word is either reserved (never a name), or may stand as a name anywhere.

/** Never a keyspace, table, column, role or type name unless quoted. Identical in 4.1 and 5.0. */
export const RESERVED: ReadonlySet<string> = new Set(
  (
    'add allow alter and apply as asc authorize batch begin by columnfamily create delete desc describe ' +
    'drop entries execute from full grant if in index insert into is keyspace limit materialized ' +
    'modify norecursive not null of on or order primary rename revoke schema select set table to ' +
    'token truncate unlogged update use using view where with nan infinity'
  ).split(' '),
);

/** Types that are written as one word. */
export const NATIVE_TYPES: ReadonlySet<string> = new Set(
  (
    'ascii bigint blob boolean counter decimal double duration float inet int smallint text ' +
    'timestamp tinyint uuid varchar varint timeuuid date time'
  ).split(' '),
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
    'similarity_cosine similarity_euclidean similarity_dot_product writetime maxwritetime ttl cast'
  ).split(' '),
);

const NATIVE_PATTERN =
  /^(?:[a-z]+asblob|blobas[a-z]+|[a-z]+_as_blob|blob_as_[a-z]+|cast_as_[a-z]+)$/;

/** Whether an unqualified function of this name is Cassandra's own (or shadowed by it). */
export function isNativeFunction(name: string): boolean {
  return NATIVE_FUNCTIONS.has(name) || NATIVE_PATTERN.test(name);
}
