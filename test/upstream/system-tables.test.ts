// What is read of system tables over the control connection: in turn by role, with the node's refusal as an answer.
import { describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { ResultKind } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { SystemTables } from '../../src/upstream/system-tables.ts';
import { errorMessage, message, rowsMessage } from '../support/own-answers.ts';

const TURN = { key: 'role', owner: 1 };
const UUID = Buffer.from('00000000000000000000000000000001', 'hex');
const UUID_TEXT = '00000000-0000-0000-0000-000000000001';
const PREPARED = message(
  Opcode.RESULT,
  new Writer()
    .writeInt(ResultKind.PREPARED)
    .writeShortBytes(Buffer.alloc(16))
    .writeInt(0)
    .writeInt(0)
    .writeInt(0)
    .writeInt(4)
    .writeInt(0)
    .toBuffer(),
);

function answering(answer: (opcode: number) => Promise<Frame> | Frame) {
  const connection = { version: 4, request: async (opcode: number) => answer(opcode) };
  return new SystemTables(connection, connection);
}

describe('system tables', () => {
  it('give their rows, or what the node says against the query', async () => {
    const rows = await answering(() => rowsMessage(['a'], [UUID])).rows('SELECT', TURN);
    expect(rows).toMatchObject({ rows: [[UUID]] });
    const refused = answering(() => errorMessage(CqlErrorCode.INVALID, 'no such table'));
    expect(await refused.rows('SELECT', TURN)).toEqual({
      refused: { code: CqlErrorCode.INVALID, message: 'no such table' },
    });
  });

  it('say what a node has against a query without carrying it out', async () => {
    const opcodes: number[] = [];
    const fine = answering((opcode) => {
      opcodes.push(opcode);
      return PREPARED;
    });
    expect(await fine.refusalOf('SELECT', TURN)).toBeNull();
    expect(opcodes).toEqual([Opcode.PREPARE]);
    const wrong = answering(() => errorMessage(CqlErrorCode.SYNTAX_ERROR, 'line 1'));
    expect(await wrong.refusalOf('SELECT', TURN)).toMatchObject({ message: 'line 1' });
  });

  it('throw what is no answer, and what ended the connection', async () => {
    const other = answering(() => message(Opcode.READY));
    await expect(other.rows('SELECT', TURN)).rejects.toThrow(UpstreamFault);
    await expect(other.refusalOf('SELECT', TURN)).rejects.toThrow(UpstreamFault);
    const lost = new UpstreamFault('unreachable', 'gone');
    await expect(answering(async () => Promise.reject(lost)).rows('SELECT', TURN)).rejects.toBe(
      lost,
    );
  });

  it('are read for a bounded number at once, and of one role for fewer', async () => {
    const answers: (() => void)[] = [];
    const tables = answering(
      async () => new Promise((resolve) => answers.push(() => resolve(rowsMessage(['a'], [UUID])))),
    );
    const reads = [
      ...Array.from({ length: UPSTREAM.systemReads }, async () => tables.rows('SELECT', TURN)),
      ...Array.from({ length: UPSTREAM.systemReads }, async () =>
        tables.rows('SELECT', { key: 'other', owner: 2 }),
      ),
    ];
    await expect.poll(() => answers.length).toBe(UPSTREAM.systemReads);
    while (answers.length > 0) {
      answers.shift()!();
      await new Promise(setImmediate);
    }
    expect(await Promise.all(reads)).toHaveLength(2 * UPSTREAM.systemReads);
  });

  it('tell the schema version, or that it is not known', async () => {
    const known = answering(() => rowsMessage(['schema_version'], [UUID]));
    expect(await known.schemaVersion()).toBe(UUID_TEXT);
    for (const answer of [errorMessage(0), rowsMessage(['a']), rowsMessage(['a'], [null])]) {
      expect(await answering(() => answer).schemaVersion()).toBeNull();
    }
  });

  it('tell the schema versions of all nodes, those without one left out', async () => {
    const tables = answering(() => rowsMessage(['id', 'version'], [UUID, UUID], [UUID, null]));
    expect([...(await tables.schemaVersions())!]).toEqual([[UUID_TEXT, UUID_TEXT]]);
    expect(await answering(() => errorMessage(0)).schemaVersions()).toBeNull();
  });
});
