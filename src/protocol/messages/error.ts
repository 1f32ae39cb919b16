// ERROR: <[int] code><[string] message><fields of the code> (section 9 of the specification). What
// follows the message differs by code, and by version for failures and CAS timeouts.
import { CqlErrorCode, errorHasField, type PlainErrorCode } from '../error-codes.ts';
import { responseReader } from '../body-prefix.ts';
import { encodeFrame, type Frame } from '../frame.ts';
import { Opcode } from '../opcodes.ts';
import { hasContentions, hasFailureReasons } from '../versions.ts';
import { Writer } from '../writer.ts';

export type WriteType = 'SIMPLE' | 'BATCH' | 'UNLOGGED_BATCH' | 'COUNTER' | 'CAS';

/** Errors with fields of their own that the gate itself gives. */
type ErrorFields =
  | {
      readonly code: typeof CqlErrorCode.UNAVAILABLE;
      readonly consistency: number;
      readonly required: number;
      readonly alive: number;
    }
  | {
      readonly code: typeof CqlErrorCode.WRITE_TIMEOUT;
      readonly consistency: number;
      readonly received: number;
      readonly blockFor: number;
      readonly writeType: WriteType;
    }
  | {
      readonly code: typeof CqlErrorCode.READ_TIMEOUT;
      readonly consistency: number;
      readonly received: number;
      readonly blockFor: number;
      readonly dataPresent: boolean;
    }
  | { readonly code: typeof CqlErrorCode.UNPREPARED; readonly id: Buffer }
  | { readonly code: PlainErrorCode };

/** A whole ERROR frame. */
export function encodeError(
  to: { readonly version: number; readonly streamId: number },
  message: string,
  fields: ErrorFields,
): Buffer {
  const writer = new Writer().writeInt(fields.code).writeString(message);
  switch (fields.code) {
    case CqlErrorCode.UNAVAILABLE:
      writer.writeShort(fields.consistency).writeInt(fields.required).writeInt(fields.alive);
      break;
    case CqlErrorCode.WRITE_TIMEOUT:
      writer.writeShort(fields.consistency).writeInt(fields.received).writeInt(fields.blockFor);
      writer.writeString(fields.writeType);
      if (fields.writeType === 'CAS' && hasContentions(to.version)) writer.writeShort(0);
      break;
    case CqlErrorCode.READ_TIMEOUT:
      writer.writeShort(fields.consistency).writeInt(fields.received).writeInt(fields.blockFor);
      writer.writeByte(fields.dataPresent ? 1 : 0);
      break;
    case CqlErrorCode.UNPREPARED:
      writer.writeShortBytes(fields.id);
      break;
    default:
      break;
  }
  return encodeFrame({ ...to, opcode: Opcode.ERROR, body: writer.toBuffer() });
}

/** The code of an ERROR response, without decoding the rest. */
export function errorCodeOf(frame: Frame): number {
  return responseReader(frame).readInt('error code');
}

/** What is put in the place of texts and addresses of an ERROR. */
interface ErrorEdit {
  readonly message: (text: string, code: number) => string;
  readonly address: (address: Buffer) => Buffer;
}

/** The message of an ERROR with other texts and addresses; all its other fields are kept as they are. */
export function editError(frame: Frame, version: number, edit: ErrorEdit): Buffer {
  const reader = responseReader(frame);
  const code = reader.readInt('error code');
  const message = reader.readString('error message');
  const writer = new Writer().writeInt(code).writeString(edit.message(message, code));
  if (errorHasField(code, 'reasons') && hasFailureReasons(version)) {
    writer.writeShort(reader.readShort('consistency'));
    writer.writeInt(reader.readInt('responses received')).writeInt(reader.readInt('block for'));
    const count = reader.readInt('failure count');
    if (count < 0) throw reader.fault(`a failure of ${count} endpoints`);
    writer.writeInt(count);
    for (let i = 0; i < count; i++) {
      const address = edit.address(reader.readInetAddress('endpoint'));
      writer.writeByte(address.length).writeRaw(address);
      writer.writeShort(reader.readShort('reason'));
    }
  }
  return writer.writeRaw(reader.buffer.subarray(reader.offset, reader.end)).toBuffer();
}

export function decodeError(frame: Frame): { readonly code: number; readonly message: string } {
  const reader = responseReader(frame);
  return { code: reader.readInt('error code'), message: reader.readString('error message') };
}
