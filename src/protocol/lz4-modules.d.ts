// The two LZ4 packages have no types of their own; what is used of them.
declare module 'lz4' {
  const lz4: {
    /** Bytes written to `output`, or a negative number where the block is malformed. */
    decodeBlock(input: Uint8Array, output: Uint8Array): number;
    /** Bytes written to `output`, or 0 where it did not fit. */
    encodeBlock(input: Uint8Array, output: Uint8Array): number;
    encodeBound(bytes: number): number;
  };
  export default lz4;
}

declare module 'lz4js' {
  export function compressBound(bytes: number): number;
  /** Bytes written to `output`, or 0 where nothing could be shortened. */
  export function compressBlock(
    input: Uint8Array,
    output: Uint8Array,
    start: number,
    length: number,
    hashTable: Uint32Array,
  ): number;
}
