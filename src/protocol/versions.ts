// Protocol versions as predicates, so that no codec compares numbers, and the exact answer to a
// version that is not spoken: drivers read it to choose the next one (and each reads it differently).
import { ProtocolFault } from '../errors.ts';
import { CqlErrorCode } from './error-codes.ts';
import { Writer } from './writer.ts';

export const SUPPORTED_VERSIONS: readonly number[] = [4, 5];

/** Header version of answers to versions that are not known at all: Cassandra's own current one. */
const CURRENT_VERSION = 5;

const RESPONSE_BIT = 0x80;

export function isSupportedVersion(version: number): boolean {
  return SUPPORTED_VERSIONS.includes(version);
}

/** v5: frames travel in segments once STARTUP is answered. */
export function usesSegments(version: number): boolean {
  return version >= 5;
}

/** v5: query flags are an [int]; before, a byte. */
export function hasWideQueryFlags(version: number): boolean {
  return version >= 5;
}

/** v5: PREPARE carries flags, and with them a keyspace. */
export function hasPrepareFlags(version: number): boolean {
  return version >= 5;
}

/** v5: PREPARED and EXECUTE carry an id of the result metadata. */
export function hasResultMetadataId(version: number): boolean {
  return version >= 5;
}

/** v5: READ_FAILURE and WRITE_FAILURE map each endpoint to a reason. */
export function hasFailureReasons(version: number): boolean {
  return version >= 5;
}

/** v5: WRITE_TIMEOUT of a CAS tells the contentions. */
export function hasContentions(version: number): boolean {
  return version >= 5;
}

/** v4: a body may be compressed by flag; in v5 the segment is, and the flag means nothing. */
export function hasBodyCompression(version: number): boolean {
  return version < 5;
}

/** The list in the words drivers look for. */
function unsupportedVersionText(version: number): string {
  const list = SUPPORTED_VERSIONS.map((one) => `${one}/v${one}`).join(', ');
  return `Invalid or unsupported protocol version (${version}); supported versions are (${list})`;
}

/**
 * The answer to the first bytes of a client that speaks a version the gate does not: in a header
 * that its driver can read (v1 and v2 have 8 bytes and a one-byte stream id; v3 its own; anything
 * else Cassandra's current version). Null while too few bytes came to know the stream id.
 */
export function unsupportedVersionReply(bytes: Buffer): Buffer | null {
  const version = bytes[0]!;
  if ((version & RESPONSE_BIT) !== 0) {
    throw new ProtocolFault('the first byte has the response bit set; this is no CQL client');
  }
  const body = new Writer()
    .writeInt(CqlErrorCode.PROTOCOL_ERROR)
    .writeString(unsupportedVersionText(version))
    .toBuffer();
  const writer = new Writer();
  if (version === 1 || version === 2) {
    if (bytes.length < 3) return null;
    writer
      .writeByte(version | RESPONSE_BIT)
      .writeByte(0)
      .writeByte(bytes[2]!);
  } else {
    if (bytes.length < 4) return null;
    writer
      .writeByte((version === 3 ? 3 : CURRENT_VERSION) | RESPONSE_BIT)
      .writeByte(0)
      .writeShort(bytes.readUInt16BE(2));
  }
  return writer.writeByte(0).writeInt(body.length).writeRaw(body).toBuffer();
}
