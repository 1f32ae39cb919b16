// Rows and cells as a node sends them, for readers of system tables and of the gate's own.
import type { Frame } from '../../src/protocol/frame.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { OwnQueries } from '../../src/upstream/own-query.ts';
import { rowsMessage } from './own-answers.ts';

export type AnswerCell = Buffer | string | null;

export function rowsAnswer(
  names: readonly string[],
  rows: readonly (readonly AnswerCell[])[],
): Frame {
  const bytes = (cell: AnswerCell) => (typeof cell === 'string' ? Buffer.from(cell) : cell);
  return rowsMessage(names, ...rows.map((row) => row.map(bytes)));
}

/** Queries that the test answers. */
export function queriesOf(answer: (query: string, consistency: number) => Frame): OwnQueries {
  return new OwnQueries(async (query, consistency) => Promise.resolve(answer(query, consistency)));
}

/** A `list<text>` or `set<text>`; a map has its keys and values in turn. */
export function textsCell(texts: readonly string[], perElement = 1): Buffer {
  const writer = new Writer().writeInt(texts.length / perElement);
  for (const text of texts) writer.writeBytes(Buffer.from(text));
  return writer.toBuffer();
}

export function intCell(value: number): Buffer {
  return new Writer().writeInt(value).toBuffer();
}
