// Versions: what they differ in, and the answer to one that is not spoken.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import {
  hasBodyCompression,
  hasContentions,
  hasFailureReasons,
  hasPrepareFlags,
  hasResultMetadataId,
  hasWideQueryFlags,
  isSupportedVersion,
  SUPPORTED_VERSIONS,
  unsupportedVersionReply,
  usesSegments,
} from '../../src/protocol/versions.ts';

describe('a version', () => {
  it('is spoken where it is 4 or 5', () => {
    const spoken = Array.from({ length: 128 }, (_unused, i) => i).filter(isSupportedVersion);
    expect(spoken).toEqual([4, 5]);
    expect(SUPPORTED_VERSIONS).toEqual(spoken);
  });

  it('has what its specification says', () => {
    const ofFive = [
      usesSegments,
      hasWideQueryFlags,
      hasPrepareFlags,
      hasResultMetadataId,
      hasFailureReasons,
      hasContentions,
    ];
    expect(ofFive.map((has) => [has(4), has(5)])).toEqual(ofFive.map(() => [false, true]));
    expect([hasBodyCompression(4), hasBodyCompression(5)]).toEqual([true, false]);
  });
});

describe('the answer to an unsupported version', () => {
  it.each([
    [1, '81', 8],
    [2, '82', 8],
    [3, '83', 9],
    [6, '85', 9],
    [7, '85', 9],
    [0x41, '85', 9],
    [0x42, '85', 9],
  ])('for %i is in a header its driver reads', (version, first, headerBytes) => {
    const reply = unsupportedVersionReply(Buffer.from([version, 0, 0x12, 0x34]))!;
    expect(reply.subarray(0, 1).toString('hex')).toBe(first);
    expect(reply.subarray(2, headerBytes - 5).toString('hex')).toBe(
      headerBytes === 8 ? '12' : '1234',
    );
    expect(reply.readInt32BE(headerBytes - 4)).toBe(reply.length - headerBytes);
    expect(reply.readInt32BE(headerBytes)).toBe(CqlErrorCode.PROTOCOL_ERROR);
  });

  it('waits for the stream id', () => {
    expect(unsupportedVersionReply(Buffer.from([0x42, 0, 0]))).toBeNull();
    expect(unsupportedVersionReply(Buffer.from([1, 0]))).toBeNull();
    expect(() => unsupportedVersionReply(Buffer.from([0x84, 0, 0, 0]))).toThrow(ProtocolFault);
  });

  it('says in the words that drivers look for which versions there are', () => {
    const reply = unsupportedVersionReply(Buffer.from([66, 0, 0, 1]))!;
    expect(reply.subarray(9 + 4 + 2).toString()).toBe(
      'Invalid or unsupported protocol version (66); supported versions are (4/v4, 5/v5)',
    );
  });
});
