// The partition key of a request, as its bytes lie in the frame: what a token is made of. A key of one
// column is a view; several are put together as Cassandra's CompositeType has them.
import { requestReader } from '../protocol/body-prefix.ts';
import type { Frame } from '../protocol/frame.ts';
import { boundValue, type QueryParameters } from '../protocol/messages/parameters.ts';
import type { PreparedStatement } from './prepared.ts';

/** Where the values of one prepared statement lie: of an EXECUTE, or of a child of a BATCH. */
export type BoundValues = Pick<QueryParameters, 'flags' | 'valueCount' | 'valuesStart'>;

/** Cassandra's own bound of a key. */
const MAX_KEY_BYTES = 0xffff;

/** The key, or null where not all of it is bound to a value. */
export function routingKey(
  frame: Frame,
  values: BoundValues,
  { pkIndexes, bindNames }: PreparedStatement,
): Buffer | null {
  if (pkIndexes.length === 0) return null;
  const reader = requestReader(frame);
  const component = (index: number): Buffer | null => {
    const value = boundValue(reader, values, { index, name: bindNames[index] ?? null });
    return value === null || value.length > MAX_KEY_BYTES ? null : value;
  };
  if (pkIndexes.length === 1) return component(pkIndexes[0]!);
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const index of pkIndexes) {
    const value = component(index);
    if (value === null) return null;
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
