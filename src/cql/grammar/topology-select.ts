// SELECTs over system.local, peers and peers_v2 are answered by the gate itself, which can evaluate
// simple ones only; of those over system_traces it rewrites the rows, and must know what each column is.
// The text was parsed already; here its tokens are gone through once more.
import type { SelectionTerm, SimpleSelection } from '../statement.ts';
import { CQL } from '../../limits.ts';
import { isConstant, Kind } from '../lexer.ts';
import type { Parser } from './parser.ts';

/** Thrown where a SELECT is more than simple; never leaves this file. */
class NotSimple extends Error {}

class Reader {
  readonly p: Parser;
  #markers = 0;
  #parts = 0;

  constructor(p: Parser) {
    this.p = p;
  }

  /** One constant or bind marker. */
  term(): SelectionTerm {
    const { p } = this;
    this.part();
    if (p.accept('?')) return { type: 'marker', index: this.#markers++, name: null };
    if (p.accept(':')) return { type: 'marker', index: this.#markers++, name: p.name('a name') };
    const { kind } = p;
    if (!isConstant(kind)) throw new NotSimple();
    if (kind === Kind.STRING) return { type: 'literal', value: p.stringLiteral(), quoted: true };
    const value = p.sourceText();
    p.advance();
    return { type: 'literal', value, quoted: false };
  }

  /** Each is gone through for each request, and comes from the thread that analyses long texts. */
  part(): void {
    if (++this.#parts > CQL.selectionParts) throw new NotSimple();
  }

  name(): string {
    if (!this.p.isNameAt(this.p.index)) throw new NotSimple();
    return this.p.name('a name');
  }
}

/** The SELECT that begins at a token and was parsed before; null where it is not that simple. */
export function topologySelection(p: Parser, start: number): SimpleSelection | null {
  return read(p, start, (reader, end) => ({ columns: columns(reader), ...rest(reader, end) }));
}

/** The same where only the columns must be plain: what else it asks is left to the node. */
export function plainSelection(p: Parser, start: number): SimpleSelection | null {
  return read(p, start, (reader) => ({ columns: columns(reader), where: [], limit: null }));
}

function read(
  p: Parser,
  start: number,
  selection: (reader: Reader, end: number) => SimpleSelection,
): SimpleSelection | null {
  const end = p.index;
  p.rewind(start);
  try {
    return selection(new Reader(p), end);
  } catch (error) {
    if (error instanceof NotSimple) return null;
    throw error;
  } finally {
    p.rewind(end);
  }
}

/** Up to the name of the table. */
function columns(reader: Reader): SimpleSelection['columns'] {
  const { p } = reader;
  p.expect('select');
  const found: { name: string; alias: string | null }[] | null = p.accept('*') ? null : [];
  if (found !== null) {
    do {
      reader.part();
      const name = reader.name();
      found.push({ name, alias: p.accept('as') ? reader.name() : null });
    } while (p.accept(','));
  }
  if (!p.accept('from')) throw new NotSimple();
  p.table();
  return found;
}

function rest(reader: Reader, end: number): Pick<SimpleSelection, 'where' | 'limit'> {
  const { p } = reader;
  const where = p.accept('where') ? conditions(reader) : [];
  const limit = p.accept('limit') ? reader.term() : null;
  if (p.accept('allow')) p.expect('filtering');
  if (p.index !== end) throw new NotSimple();
  return { where, limit };
}

function conditions(reader: Reader): SimpleSelection['where'] {
  const { p } = reader;
  const where: { column: string; terms: readonly SelectionTerm[] }[] = [];
  do {
    const column = reader.name();
    if (p.accept('=')) where.push({ column, terms: [reader.term()] });
    else if (p.accept('in') && p.accept('(')) {
      const terms: SelectionTerm[] = [];
      if (!p.is(')')) {
        do terms.push(reader.term());
        while (p.accept(','));
      }
      if (!p.accept(')')) throw new NotSimple();
      where.push({ column, terms });
    } else throw new NotSimple();
  } while (p.accept('and'));
  return where;
}
