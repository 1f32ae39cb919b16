// Removes the addresses of nodes from a node's response: from the texts and maps of an ERROR, from warnings, and from
// the rows of the few statements that show any. It also removes the warning that names the keyspace of the shared
// connection. A response without any of these is returned as the same object.
import { isAboutConnection } from '../cql/connection-state.ts';
import { errorSays } from '../protocol/error-codes.ts';
import { responsePrefix, withMessage } from '../protocol/body-prefix.ts';
import { FrameFlag, type Frame } from '../protocol/frame.ts';
import { editError } from '../protocol/messages/error.ts';
import { rowsLayout, type Column } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { Writer } from '../protocol/writer.ts';
import type { Scrub } from './node-addresses.ts';
import { cellEdit, type CellEdit } from './scrub-cells.ts';

/** Throws ProtocolFault if the body does not fit the opcode. */
export function scrubResponse(frame: Frame, version: number, scrub: Scrub): Frame {
  const warned = (frame.flags & FrameFlag.WARNING) === 0 ? frame : scrubWarnings(frame, scrub);
  return warned.opcode === Opcode.ERROR ? scrubError(warned, version, scrub) : warned;
}

function scrubWarnings(frame: Frame, { nodes, gate, quoted }: Scrub): Frame {
  const prefix = responsePrefix(frame);
  const before = prefix.warnings ?? [];
  const warnings = before
    .filter((text) => !isAboutConnection(text))
    .map((text) => nodes.scrub(text, gate, quoted));
  const isSame =
    warnings.length === before.length && warnings.every((text, i) => text === before[i]);
  if (isSame) return frame;
  const message = frame.buffer.subarray(prefix.messageStart, frame.end);
  return withMessage(
    frame,
    { ...prefix, warnings: warnings.length === 0 ? null : warnings },
    message,
  );
}

function scrubError(frame: Frame, version: number, { nodes, gate, quoted }: Scrub): Frame {
  const message = editError(frame, version, {
    message: (text, code) =>
      nodes.scrub(text, gate, errorSays(code, 'quotesStatement') ? quoted : null),
    address: () => gate.address,
  });
  const prefix = responsePrefix(frame);
  const before = frame.buffer.subarray(prefix.messageStart, frame.end);
  return before.equals(message) ? frame : withMessage(frame, prefix, message);
}

/** The selected columns: `names` as in the table, in the order of the selection, or null for `*`. */
export interface ScrubbedRows {
  readonly names: readonly string[] | null;
  /** The columns, for results without metadata; null if they are not known. */
  readonly prepared: () => readonly Column[] | null;
  /** Only columns of this type are changed; null for all types. */
  readonly only: number | null;
}

/** A Rows result without addresses; other results are returned as they are. */
export function scrubRows(
  frame: Frame,
  version: number,
  { names, prepared, only }: ScrubbedRows,
  scrub: Scrub,
): Frame {
  const edit = ({ name, type }: Column, i: number): CellEdit | null =>
    only === null || type.code === only ? cellEdit(names?.[i] ?? name, type, scrub) : null;
  return editRows(frame, version, { count: names?.length ?? null, prepared, edit });
}

export interface RowsEdit extends Pick<ScrubbedRows, 'prepared'> {
  /** How many columns the result must have; null if the statement does not say. */
  readonly count: number | null;
  /** The edit for the values of a column; null if they stay as they are. */
  readonly edit: (column: Column, index: number) => CellEdit | null;
}

/** A Rows result with edited values; other results are returned as they are. */
export function editRows(
  frame: Frame,
  version: number,
  { count: wanted, prepared, edit }: RowsEdit,
): Frame {
  const layout = rowsLayout(frame, version);
  if (layout === null) return frame;
  const { columnCount, reader } = layout;
  const columns = layout.columns ?? prepared();
  if (columns?.length !== columnCount || (wanted !== null && wanted !== columnCount)) {
    throw reader.fault('a result has other columns than its statement');
  }
  const edits = columns.map(edit);
  if (edits.every((one) => one === null)) return frame;
  const prefix = responsePrefix(frame);
  const writer = new Writer().writeRaw(reader.buffer.subarray(prefix.messageStart, reader.offset));
  const count = reader.readInt('row count');
  if (count < 0) throw reader.fault(`a result has ${count} rows`);
  writer.writeInt(count);
  for (let row = 0; row < count; row++) {
    for (const one of edits) writer.writeBytes(edited(one, reader.readBytes('cell')));
  }
  reader.expectEnd('a result');
  return withMessage(frame, prefix, writer.toBuffer());
}

function edited(edit: CellEdit | null, cell: Buffer | null): Buffer | null {
  return cell === null || edit === null ? cell : edit(cell);
}
