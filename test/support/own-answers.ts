// Answers of a node to requests of the gate's own, as frames.
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeRows, ResultKind } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';

export function message(opcode: number, body: Buffer | null = null): Frame {
  const bytes = encodeFrame({ version: 4, opcode, streamId: 0, body });
  return new Frame(bytes, 0, bytes.length);
}

/** Of columns of blobs. */
export function rowsMessage(names: readonly string[], ...rows: (Buffer | null)[][]): Frame {
  const type = { code: TypeCode.BLOB, bytes: Buffer.from([0, TypeCode.BLOB]) };
  const columns = names.map((name) => ({ keyspace: 'k', table: 't', name, type }));
  return message(Opcode.RESULT, encodeRows({ columns, rows }));
}

export const voidMessage = (): Frame =>
  message(Opcode.RESULT, new Writer().writeInt(ResultKind.VOID).toBuffer());

export function errorMessage(code: number, text = 'no'): Frame {
  return message(Opcode.ERROR, new Writer().writeInt(code).writeString(text).toBuffer());
}
