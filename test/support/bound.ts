// A prepared statement and an EXECUTE of it, as the registry and a client have them.
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { decodeExecute } from '../../src/protocol/messages/execute.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { PreparedStatement } from '../../src/upstream/prepared.ts';
import type { BoundValues } from '../../src/upstream/routing-key.ts';

const ID = Buffer.alloc(16, 7);

export function preparedBy(text: string, pkIndexes: readonly number[]): PreparedStatement {
  const statement = analyse(text, null);
  if (!isStatement(statement)) throw new Error(text);
  return {
    key: ID.toString('latin1'),
    id: ID,
    text,
    keyspace: null,
    statement,
    bindNames: pkIndexes.map((index) => `c${index}`),
    pkIndexes,
    returnsRows: true,
  };
}

/** With one value. */
export function boundExecute(value: Buffer): { frame: Frame; bound: BoundValues } {
  const body = new Writer().writeShortBytes(ID).writeShort(1).writeByte(0x01).writeShort(1);
  const bytes = encodeFrame({
    version: 4,
    opcode: Opcode.EXECUTE,
    streamId: 1,
    body: body.writeBytes(value).toBuffer(),
  });
  const frame = new Frame(bytes, 0, bytes.length);
  return { frame, bound: decodeExecute(frame, 4).parameters };
}
