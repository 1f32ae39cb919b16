// ERROR: the fields that each code has, and the same error with other texts and addresses.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../../src/errors.ts';
import { CqlErrorCode, isPlainErrorCode } from '../../../src/protocol/error-codes.ts';
import { Frame } from '../../../src/protocol/frame.ts';
import {
  decodeError,
  editError,
  encodeError,
  errorCodeOf,
} from '../../../src/protocol/messages/error.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { Writer } from '../../../src/protocol/writer.ts';
import { frameOf } from './frames.ts';

/** The fields behind the message, in hex. */
function fieldsOf(version: number, fields: Parameters<typeof encodeError>[2]): string {
  const bytes = encodeError({ version, streamId: 0 }, 'm', fields);
  return bytes.subarray(9 + 4 + 3).toString('hex');
}

describe('an ERROR', () => {
  it('carries the fields that its code has', () => {
    const to = { version: 5, streamId: -3 };
    const bytes = encodeError(to, 'late', {
      code: CqlErrorCode.WRITE_TIMEOUT,
      consistency: 4,
      received: 0,
      blockFor: 1,
      writeType: 'CAS',
    });
    const frame = new Frame(bytes, 0, bytes.length);
    expect(frame).toMatchObject({ streamId: -3, version: 5, isResponse: true });
    expect(errorCodeOf(frame)).toBe(0x1100);
    expect(decodeError(frame)).toEqual({ code: 0x1100, message: 'late' });
    // <consistency><received><block for><write type><contentions, in v5 for CAS>
    expect(bytes.subarray(-17).toString('hex')).toBe(`0004000000000000000100034341530000`);
  });

  it('has them in the order of the specification, whatever its code', () => {
    const timeout = { consistency: 4, received: 0, blockFor: 1 };
    const code = CqlErrorCode;
    expect(fieldsOf(4, { code: code.UNAVAILABLE, consistency: 6, required: 2, alive: 1 })).toBe(
      '00060000000200000001',
    );
    expect(fieldsOf(4, { code: code.READ_TIMEOUT, ...timeout, dataPresent: true })).toBe(
      '0004000000000000000101',
    );
    expect(fieldsOf(4, { code: code.WRITE_TIMEOUT, ...timeout, writeType: 'CAS' })).toBe(
      '000400000000000000010003434153',
    );
    expect(fieldsOf(5, { code: code.WRITE_TIMEOUT, ...timeout, writeType: 'BATCH' })).toBe(
      '0004000000000000000100054241544348',
    );
    expect(fieldsOf(4, { code: code.UNPREPARED, id: Buffer.from([1, 2]) })).toBe('00020102');
    expect(fieldsOf(4, { code: code.OVERLOADED })).toBe('');
  });

  it('is plain where nothing follows its message, and only then', () => {
    const withFields = [0x1000, 0x1100, 0x1200, 0x1300, 0x1400, 0x1500, 0x1700, 0x2400, 0x2500];
    for (const code of Object.values(CqlErrorCode)) {
      expect([code, isPlainErrorCode(code)]).toEqual([code, !withFields.includes(code)]);
    }
    expect(isPlainErrorCode(0x7777)).toBe(false);
  });
});

describe('an edited ERROR', () => {
  const edit = {
    message: (text: string, code: number) => `${code.toString(16)}: ${text.toUpperCase()}`,
    address: (address: Buffer) => Buffer.from(address.map((byte) => 255 - byte)),
  };
  const failure = (count: number) =>
    new Writer()
      .writeInt(CqlErrorCode.WRITE_FAILURE)
      .writeString('failed')
      .writeShort(6)
      .writeInt(1)
      .writeInt(2)
      .writeInt(count);

  it('has another message, and its other fields as they were', () => {
    const body = new Writer().writeInt(0x1000).writeString('no node').writeShort(6).writeInt(2);
    const edited = editError(frameOf(4, Opcode.ERROR, body.writeInt(1).toBuffer()), 4, edit);
    const expected = new Writer().writeInt(0x1000).writeString('1000: NO NODE').writeShort(6);
    expect(edited).toEqual(expected.writeInt(2).writeInt(1).toBuffer());
  });

  it('has other addresses where v5 names the endpoints that failed', () => {
    const body = failure(2)
      .writeByte(4)
      .writeRaw(Buffer.from([10, 0, 0, 1]))
      .writeShort(0)
      .writeByte(16)
      .writeRaw(Buffer.alloc(16, 1))
      .writeShort(7)
      .writeString('SIMPLE')
      .toBuffer();
    const edited = editError(frameOf(5, Opcode.ERROR, body), 5, edit);
    const tail = edited.subarray(-(5 + 2 + 17 + 2 + 8)).toString('hex');
    expect(tail).toBe(`04f5fffffe000010${'fe'.repeat(16)}0007000653494d504c45`);
    // In v4 there is only a count where v5 has the map.
    const counted = failure(2).writeString('SIMPLE').toBuffer();
    const kept = editError(frameOf(4, Opcode.ERROR, counted), 4, edit);
    expect(kept.subarray(-12)).toEqual(counted.subarray(-12));
  });

  it('is refused where its map of endpoints is malformed', () => {
    const bodies = [failure(-1), failure(1), failure(1).writeByte(5).writeRaw(Buffer.alloc(9))];
    for (const body of bodies) {
      const frame = frameOf(5, Opcode.ERROR, body.toBuffer());
      expect(() => editError(frame, 5, edit)).toThrow(ProtocolFault);
    }
  });
});
