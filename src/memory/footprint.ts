// What a plain value costs on V8's heap, estimated from its structure: what is kept for long is charged by
// this, since a short text may stand for many objects. Strings that several values share are counted with
// each, so that the estimate is rather high than low.

/** V8 has 8-byte words; an object is a header of three and a word for each property. */
const WORD = 8;
const OBJECT_BYTES = 3 * WORD;
const ARRAY_BYTES = 4 * WORD;
const STRING_BYTES = 2 * WORD;
/** An entry of a Map or Set: key, value, link, and the table's spare places. */
export const MAP_ENTRY_BYTES = 6 * WORD;
/** A Buffer is a view, an ArrayBuffer and its bookkeeping. */
const BUFFER_BYTES = 200;

export function footprintOf(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return stringBytes(value);
    case 'object':
      return value === null ? 0 : objectBytes(value);
    case 'bigint':
      return 3 * WORD;
    default:
      // Small numbers, booleans and undefined lie in the property itself.
      return 0;
  }
}

/** Characters outside of Latin-1 make every character of a string two bytes wide. */
export function stringBytes(text: string): number {
  const width = WIDE.test(text) ? 2 : 1;
  return STRING_BYTES + Math.ceil((text.length * width) / WORD) * WORD;
}

const WIDE = /[^\u0000-\u00ff]/;

function objectBytes(value: object): number {
  if (ArrayBuffer.isView(value)) return BUFFER_BYTES + value.byteLength;
  let bytes = 0;
  if (Array.isArray(value)) {
    bytes = ARRAY_BYTES + WORD * value.length;
    for (const element of value) bytes += footprintOf(element);
    return bytes;
  }
  if (value instanceof Map) {
    bytes = OBJECT_BYTES;
    for (const [key, element] of value) {
      bytes += MAP_ENTRY_BYTES + footprintOf(key) + footprintOf(element);
    }
    return bytes;
  }
  bytes = OBJECT_BYTES;
  for (const key in value) bytes += WORD + footprintOf((value as Record<string, unknown>)[key]);
  return bytes;
}
