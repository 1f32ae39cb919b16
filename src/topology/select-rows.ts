// A SELECT over rows that the gate made itself: which of them are meant, and the text by which a node computes what is
// asked of them. In that text the values of a row stand as constants in the place of columns, so that whatever
// Cassandra can compute of a column it computes of the gate's values, and never sees a client's guess beside a node's.
import type {
  SelectionTerm,
  SimpleSelection,
  TopologySelect,
  TopologySelector,
} from '../cql/statement.ts';
import { quoteIfNeeded, stringLiteral } from '../cql/quote.ts';
import { inetBytes, inetText } from '../protocol/inet.ts';
import type { Column, Rows } from '../protocol/messages/result.ts';
import { TypeCode } from '../protocol/types.ts';

export type Row = readonly (Buffer | null)[];

/** What is bound to a marker; null where there is nothing. */
export type Bound = (marker: { index: number; name: string | null }) => Buffer | null;

/**
 * The rows that conditions leave. The node checked the statement before: here columns exist and values fit. null: a
 * condition is none that is compared here.
 */
export function matching(
  { columns, rows }: Rows,
  where: SimpleSelection['where'],
  bound: Bound,
): Row[] | null {
  const conditions: { index: number; values: (Buffer | null)[] }[] = [];
  for (const { column, terms } of where) {
    const index = columns.findIndex(({ name }) => name === column);
    if (index < 0) return null;
    const values: (Buffer | null)[] = [];
    for (const term of terms) {
      const value = term.type === 'marker' ? bound(term) : literalBytes(term, columns[index]!);
      if (value === undefined) return null;
      values.push(value);
    }
    conditions.push({ index, values });
  }
  return rows.filter((row) =>
    conditions.every(({ index, values }) => {
      const cell = row[index] ?? null;
      return cell !== null && values.some((value) => value !== null && cell.equals(value));
    }),
  );
}

/** How many rows at most. */
export function limitOf(limit: SelectionTerm | null, bound: Bound): number {
  if (limit === null) return Infinity;
  if (limit.type === 'literal') return Number(limit.value);
  const value = bound(limit);
  return value?.length === 4 ? value.readInt32BE(0) : Infinity;
}

/** The cells of plain columns; null is `*`. */
export function cellsOf(
  selectors: readonly TopologySelector[] | null,
  columns: readonly Column[],
  row: Row,
): Row {
  if (selectors === null) return row;
  return selectors.map(
    ({ column }) => row[columns.findIndex(({ name }) => name === column)] ?? null,
  );
}

/** Counts over several rows, which no row of a node stands for; null where something else is asked. */
export function countsOf(
  selectors: readonly TopologySelector[] | null,
  columns: readonly Column[],
  rows: readonly Row[],
): Row | null {
  const cells = (selectors ?? []).map(({ counts }) => {
    if (counts === null) return null;
    const index = columns.findIndex(({ name }) => name === counts);
    const count = counts === '*' ? rows.length : rows.filter((row) => row[index] !== null).length;
    const cell = Buffer.alloc(8);
    cell.writeBigInt64BE(BigInt(count));
    return cell;
  });
  return cells.length === 0 || cells.includes(null) ? null : cells;
}

/**
 * The selection with the values of a row in the place of columns. `isKept`: columns that may stay. `names`: what each
 * selector is called in the result, which the constants would change.
 */
export function constantSelection(
  { selectors }: Pick<TopologySelect, 'selectors'>,
  { columns, row }: { readonly columns: readonly Column[]; readonly row: Row },
  names: readonly string[],
  isKept: (column: string) => boolean,
): string {
  const constant = (name: string): string | null => {
    const index = columns.findIndex((column) => column.name === name);
    return index < 0 || isKept(name) ? null : constantText(row[index] ?? null, columns[index]!);
  };
  const all = selectors ?? columns.map(({ name }) => plain(name));
  return all
    .map(({ text, reads }, i) => {
      let made = text;
      // From behind, so that the places before stay what they are.
      for (const { name, start, end } of [...reads].reverse()) {
        const value = constant(name);
        if (value !== null) made = made.slice(0, start) + value + made.slice(end);
      }
      return `${made} AS "${(names[i] ?? '').replaceAll('"', '""')}"`;
    })
    .join(', ');
}

/** What is selected, as it is written. */
export function selectionText({ selectors }: Pick<TopologySelect, 'selectors'>): string {
  if (selectors === null) return '*';
  return selectors
    .map(({ text, alias }) => (alias === null ? text : `${text} AS ${quoteIfNeeded(alias, true)}`))
    .join(', ');
}

function plain(name: string): Pick<TopologySelector, 'text' | 'reads'> {
  const text = quoteIfNeeded(name);
  return { text, reads: [{ name, start: 0, end: text.length }] };
}

/** By the codes of the types that the columns of peers have. */
const CONSTANTS: Readonly<Record<number, readonly [type: string, text: (cell: Buffer) => string]>> =
  {
    [TypeCode.VARCHAR]: ['text', (cell) => stringLiteral(cell.toString('utf8'))],
    [TypeCode.INET]: ['inet', (cell) => stringLiteral(inetText(cell) ?? '')],
    [TypeCode.INT]: ['int', (cell) => String(cell.readInt32BE(0))],
    [TypeCode.UUID]: ['uuid', (cell) => uuid(cell)],
    [TypeCode.SET]: ['set<text>', (cell) => `{${texts(cell).map(stringLiteral).join(', ')}}`],
  };

/** With its type, which Cassandra cannot tell of a constant that is selected. */
function constantText(cell: Buffer | null, { type }: Column): string {
  const known = CONSTANTS[type.code];
  if (known === undefined) return 'null';
  const [name, text] = known;
  return `(${name})${cell === null ? 'null' : text(cell)}`;
}

function uuid(cell: Buffer): string {
  return cell.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function texts(cell: Buffer): string[] {
  const found: string[] = [];
  let at = 4;
  for (let left = cell.readInt32BE(0); left > 0; left--) {
    const end = at + 4 + cell.readInt32BE(at);
    found.push(cell.toString('utf8', at + 4, end));
    at = end;
  }
  return found;
}

/** A literal in the serialization of its column's type; undefined where it is none that is compared here. */
function literalBytes(
  term: { readonly value: string; readonly quoted: boolean },
  column: Column,
): Buffer | undefined {
  return LITERALS[column.type.code]?.(term.value, term.quoted) ?? undefined;
}

const LITERALS: Readonly<Record<number, (value: string, quoted: boolean) => Buffer | null>> = {
  [TypeCode.VARCHAR]: (value, isQuoted) => (isQuoted ? Buffer.from(value, 'utf8') : null),
  [TypeCode.INET]: (value, isQuoted) => (isQuoted ? inetBytes(value) : null),
  [TypeCode.INT]: (value, isQuoted) => {
    if (isQuoted || !/^-?\d+$/.test(value)) return null;
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(Number(value) | 0, 0);
    return bytes;
  },
  [TypeCode.UUID]: (value) =>
    /^[0-9a-f-]{36}$/i.test(value) ? Buffer.from(value.replaceAll('-', ''), 'hex') : null,
};
