// The partition key of a request, as its bytes lie in the frame: what a token is made of. A key of one
// column is a view; several are put together as Cassandra's CompositeType has them.
import { requestReader } from '../protocol/body-prefix.ts';
import type { Frame } from '../protocol/frame.ts';
import {
  boundValue,
  boundValues,
  type QueryParameters,
  type WantedValue,
} from '../protocol/messages/parameters.ts';
import type { PreparedStatement } from './prepared.ts';

/** Where the values of one prepared statement lie: of an EXECUTE, or of a child of a BATCH. */
export type BoundValues = Pick<QueryParameters, 'flags' | 'valueCount' | 'valuesStart'>;

/** Cassandra's own bound of a key. */
const MAX_KEY_BYTES = 0xffff;

/** So many columns of a key are looked for one by one, which is faster than to note where all values lie. */
const FEW = 8;

/** The key, or null where not all of it is bound to a value. */
export function routingKey(
  frame: Frame,
  values: BoundValues,
  { pkIndexes, bindNames }: PreparedStatement,
): Buffer | null {
  if (pkIndexes.length === 0) return null;
  const reader = requestReader(frame);
  const wanted = (index: number) => ({ index, name: bindNames[index] ?? null });
  if (pkIndexes.length === 1) {
    const value = boundValue(reader, values, wanted(pkIndexes[0]!));
    return value === null || value.length > MAX_KEY_BYTES ? null : value;
  }
  const valueAt =
    pkIndexes.length > FEW
      ? boundValues(reader, values)
      : (one: WantedValue) => boundValue(reader, values, one);
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const index of pkIndexes) {
    const value = valueAt(wanted(index));
    if (value === null || bytes > MAX_KEY_BYTES) return null;
    parts.push(value);
    bytes += value.length + 3;
  }
  return bytes > MAX_KEY_BYTES ? null : composite(parts, bytes);
}

/** <[short] length><bytes><[byte] 0> for each component. */
function composite(parts: readonly Buffer[], bytes: number): Buffer {
  const key = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const part of parts) {
    at = key.writeUInt16BE(part.length, at);
    at += part.copy(key, at);
    at = key.writeUInt8(0, at);
  }
  return key;
}
