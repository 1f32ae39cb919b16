// Answers of a node as whole frames, for code that reads them and needs no connection for it.
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';

export type AnswerCell = Buffer | string | null;

export function answerOf(opcode: number, body: Buffer | null): Frame {
  const bytes = encodeFrame({ version: 4, opcode, streamId: 0, body });
  return new Frame(bytes, 0, bytes.length);
}

/** A result of rows; every column is a blob, since readers here go by name and place. */
export function rowsAnswer(names: readonly string[], rows: readonly (readonly AnswerCell[])[]) {
  const type = { code: TypeCode.BLOB, bytes: Buffer.from([0, TypeCode.BLOB]) };
  const columns = names.map((name) => ({ keyspace: 'k', table: 't', name, type }));
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? Buffer.from(cell) : cell)),
  );
  return answerOf(Opcode.RESULT, encodeRows({ columns, rows: cells }));
}

export function errorAnswer(code: number, message = 'no'): Frame {
  return answerOf(Opcode.ERROR, new Writer().writeInt(code).writeString(message).toBuffer());
}

export const VOID_ANSWER: Frame = answerOf(Opcode.RESULT, new Writer().writeInt(1).toBuffer());

/** A `list<text>` or `set<text>` as a cell has it; a map has its keys and values in turn. */
export function textsCell(texts: readonly string[], perElement = 1): Buffer {
  const writer = new Writer().writeInt(texts.length / perElement);
  for (const text of texts) writer.writeBytes(Buffer.from(text));
  return writer.toBuffer();
}

export function intCell(value: number): Buffer {
  return new Writer().writeInt(value).toBuffer();
}
