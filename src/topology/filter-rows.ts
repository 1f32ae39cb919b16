// Leaves rows out of a result, by the value of one of its columns.
import { responsePrefix, withMessage } from '../protocol/body-prefix.ts';
import type { Frame } from '../protocol/frame.ts';
import { rowsLayout, type Column } from '../protocol/messages/result.ts';
import { Writer } from '../protocol/writer.ts';

export interface RowFilter {
  /** The place of the column; -1: by its name, for the result has the table's own columns. */
  readonly column: number;
  readonly name: string;
  readonly keeps: (value: string) => boolean;
  /** The columns where the result leaves them out; null where they are not known. */
  readonly prepared: () => readonly Column[] | null;
}

/** A Rows result with the rows that are kept; other results are passed on. */
export function filterRows(frame: Frame, version: number, filter: RowFilter): Frame {
  const layout = rowsLayout(frame, version);
  if (layout === null) return frame;
  const { columnCount, reader } = layout;
  const columns = layout.columns ?? filter.prepared();
  const at = filter.column < 0 ? indexOf(columns, filter.name) : filter.column;
  if (at < 0 || at >= columnCount)
    throw reader.fault('a result has other columns than its statement');
  const prefix = responsePrefix(frame);
  const head = reader.buffer.subarray(prefix.messageStart, reader.offset);
  const count = reader.readInt('row count');
  if (count < 0) throw reader.fault(`a result has ${count} rows`);
  const kept: Buffer[] = [];
  for (let row = 0; row < count; row++) {
    const start = reader.offset;
    let isKept = false;
    for (let i = 0; i < columnCount; i++) {
      const cell = reader.readBytes('cell');
      if (i === at) isKept = cell !== null && filter.keeps(cell.toString('utf8'));
    }
    if (isKept) kept.push(reader.buffer.subarray(start, reader.offset));
  }
  reader.expectEnd('a result');
  if (kept.length === count) return frame;
  const writer = new Writer().writeRaw(head).writeInt(kept.length);
  for (const row of kept) writer.writeRaw(row);
  return withMessage(frame, prefix, writer.toBuffer());
}

function indexOf(columns: readonly Column[] | null, name: string): number {
  return columns?.findIndex((column) => column.name === name) ?? -1;
}
