// An answer of megabytes, for tests of readers that do not take what they asked for.
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { ScriptedGate } from './scripted-gate.ts';

const ROW_BYTES = 2 * 1024 * 1024;

/** One row of 2 MiB, in v4. */
export const LARGE_ROW = Buffer.concat([
  new Writer().writeInt(2).writeInt(4).writeInt(1).writeInt(1).writeInt(ROW_BYTES).toBuffer(),
  Buffer.alloc(ROW_BYTES),
]);

/** From here on the nodes of the gate answer `SELECT large FROM orders.t` with it. */
export function answerLargeRows({ cluster }: ScriptedGate): void {
  cluster.script = ({ text, answer }) => {
    if (text === 'SELECT large FROM orders.t') answer(Opcode.RESULT, LARGE_ROW);
    return text === 'SELECT large FROM orders.t';
  };
}
