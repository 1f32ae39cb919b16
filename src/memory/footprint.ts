// What a plain value costs on V8's heap, estimated from its structure: what is kept for long is charged by
// this, since a short text may stand for very many objects. What occurs twice in a value is counted once.

/** V8 has 8-byte words; an object is a header of three and a word for each property. */
const WORD = 8;
const OBJECT_BYTES = 3 * WORD;
const ARRAY_BYTES = 4 * WORD;
const STRING_BYTES = 2 * WORD;
/** An entry of a Map or Set: key, value, link, and the table's spare places. */
export const MAP_ENTRY_BYTES = 6 * WORD;
/** A view, and for larger ones an ArrayBuffer of their own; Node cuts the small ones of a common one. */
const VIEW_BYTES = 15 * WORD;
const OWN_BUFFER_BYTES = 30 * WORD;
const COMMON_BUFFER_BELOW_BYTES = 4096;
const SHARED_FROM_LENGTH = 256;
/** Characters outside of Latin-1 make every character of a string two bytes wide. */
const WIDE = /[^\u0000-\u00ff]/;

export function footprintOf(value: unknown): number {
  return sizeOf(value, new Set());
}

export function stringBytes(text: string): number {
  const width = WIDE.test(text) ? 2 : 1;
  return STRING_BYTES + Math.ceil((text.length * width) / WORD) * WORD;
}

function sizeOf(value: unknown, seen: Set<unknown>): number {
  // Small numbers, booleans and undefined lie in the property itself.
  if (typeof value === 'string') {
    // A long name is a part of its text wherever it stands; short ones are copied each time.
    if (value.length < SHARED_FROM_LENGTH) return stringBytes(value);
    if (seen.has(value)) return STRING_BYTES;
    seen.add(value);
    return stringBytes(value);
  }
  if (typeof value !== 'object' || value === null || seen.has(value)) return 0;
  seen.add(value);
  if (ArrayBuffer.isView(value)) return viewBytes(value.byteLength);
  let bytes = OBJECT_BYTES;
  if (Array.isArray(value)) {
    // It grows in steps, with places to spare.
    bytes = ARRAY_BYTES + 1.25 * WORD * value.length;
    for (const element of value) bytes += sizeOf(element, seen);
  } else if (value instanceof Map) {
    for (const [key, element] of value) {
      bytes += MAP_ENTRY_BYTES + sizeOf(key, seen) + sizeOf(element, seen);
    }
  } else {
    for (const key in value) bytes += WORD + sizeOf((value as Record<string, unknown>)[key], seen);
  }
  return Math.ceil(bytes);
}

function viewBytes(bytes: number): number {
  return bytes + (bytes < COMMON_BUFFER_BELOW_BYTES ? VIEW_BYTES : OWN_BUFFER_BYTES);
}
