// SELECTs over Cassandra's own tables that the gate looks into: system.local and peers, where it stands in the place
// of nodes; the estimates, of which a role sees its part; traces, whose rows it rewrites. The text was parsed already;
// here its tokens are gone through once more.
import type {
  SelectionTerm,
  SimpleSelection,
  TopologySelect,
  TopologySelector,
} from '../statement.ts';
import { CQL } from '../../limits/cql.ts';
import { isConstant, Kind } from '../tokens.ts';
import type { Parser } from './parser.ts';
import { Refusal } from './refusal.ts';
import { selectionWord, selector } from './select.ts';

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
export function simpleSelection(p: Parser, start: number): SimpleSelection | null {
  return read(p, start, (reader, end) => ({ columns: columns(reader), ...rest(reader, end) }));
}

/** The same where only the columns must be plain: what else it asks is left to the node. */
export function plainSelection(p: Parser, start: number): SimpleSelection | null {
  return read(p, start, (reader) => ({ columns: columns(reader), where: [], limit: null }));
}

function read<Found>(
  p: Parser,
  start: number,
  selection: (reader: Reader, end: number) => Found,
): Found | null {
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

/** The SELECT over system.local, peers or peers_v2 that begins at a token; null where it has too many parts. */
export function topologySelect(p: Parser, start: number): TopologySelect | null {
  try {
    return read(p, start, topologyParts);
  } catch (error) {
    // Its allowance went into reading it once.
    if (error instanceof Refusal) return null;
    throw error;
  }
}

function topologyParts(reader: Reader, end: number): TopologySelect {
  const { p } = reader;
  p.expect('select');
  const isJson = selectionWord(p, 'json');
  const isDistinct = selectionWord(p, 'distinct');
  const { markers } = p;
  const selectors = p.accept('*') ? null : topologySelectors(reader);
  // Their positions count over the whole text.
  const bindsSelection = p.markers > markers;
  p.expect('from');
  p.table();
  const behind = p.index;
  const tail = p.sourceTextOf(behind, end);
  const rows = bindsSelection ? null : read(p, behind, () => rest(reader, end));
  p.rewind(behind);
  return { isJson, isDistinct, selectors, bindsSelection, tail, groups: groups(p, end), rows };
}

function groups(p: Parser, end: number): boolean {
  for (let i = p.index; i < end; i++) if (p.isAt(i, 'group') && p.isAt(i + 1, 'by')) return true;
  return false;
}

function topologySelectors(reader: Reader): TopologySelector[] {
  const { p } = reader;
  const found: TopologySelector[] = [];
  let next: number;
  do {
    reader.part();
    const start = p.index;
    const tokens: number[] = [];
    next = p.again(
      start,
      (token) => tokens.push(token),
      () => {
        selector(p);
        return p.index;
      },
    );
    p.rewind(next);
    const text = p.sourceTextOf(start, next);
    const reads = tokens.map((token) => {
      reader.part();
      const from = p.sourceTextOf(start, token + 1).length;
      const { length } = p.sourceTextAt(token);
      return { name: p.nameAt(token), start: from - length, end: from };
    });
    const column = next === start + 1 && tokens[0] === start ? p.nameAt(start) : null;
    const counts = countedBy(p, start, next);
    const alias = p.accept('as') ? reader.name() : null;
    found.push({ text, alias, column, counts, reads });
  } while (p.accept(','));
  return found;
}

/** `count(*)`, `count(1)` or `count(column)`, and nothing else. */
function countedBy(p: Parser, start: number, end: number): string | null {
  const isCall = end === start + 4 && p.isAt(start, 'count') && p.isAt(start + 1, '(');
  if (!isCall) return null;
  const what = start + 2;
  return p.isNameAt(what) ? p.nameAt(what) : '*';
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
