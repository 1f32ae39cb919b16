// WITH properties of schema statements. Some of them name Java classes that the node would load:
// those that are not Cassandra's own are noted, and need the role's leave.
import { isConstant, isName, Kind } from '../tokens.ts';
import type { Parser } from './parser.ts';
import { acceptConstant } from './terms.ts';

/**
 * `{key: value, ...}`. Keys and values are constants only: Cassandra's grammar has terms there, but
 * refuses all others when it has read them.
 */
export function propertyMap(p: Parser): void {
  p.expect('{');
  if (p.accept('}')) return;
  const keys = new Set<string>();
  do {
    const key = p.kind === Kind.STRING ? p.stringLiteral() : constantText(p);
    if (keys.has(key)) throw p.refusal('a property is given twice');
    keys.add(key);
    p.expect(':');
    const isClass = CLASS_KEY.test(key);
    if (p.kind === Kind.STRING) {
      const value = p.stringLiteral();
      if (isClass) noteClass(p, value);
    } else if (isClass) noteClass(p, constantText(p));
    else if (!acceptConstant(p)) throw p.unexpected('a constant');
  } while (p.accept(','));
  p.expect('}');
}

function constantText(p: Parser): string {
  const text = p.sourceText();
  if (!acceptConstant(p)) throw p.unexpected('a constant');
  return text;
}

/** `class` of replication, compaction, compression and memtables, SASI's `analyzer_class`. */
const CLASS_KEY = /class|^sstable_compression$/i;

/** Cassandra's own, as CQL may write them: with their package or without. */
const CASSANDRA_CLASSES: ReadonlySet<string> = new Set([
  'SimpleStrategy',
  'NetworkTopologyStrategy',
  'SizeTieredCompactionStrategy',
  'LeveledCompactionStrategy',
  'TimeWindowCompactionStrategy',
  'UnifiedCompactionStrategy',
  'LZ4Compressor',
  'SnappyCompressor',
  'DeflateCompressor',
  'ZstdCompressor',
  'NoopCompressor',
  'StorageAttachedIndex',
  'SASIIndex',
  'NoOpAnalyzer',
  'NonTokenizingAnalyzer',
  'StandardAnalyzer',
  'DelimiterAnalyzer',
  '',
]);
/** Of indexes, written in any case. */
const INDEX_TYPES: ReadonlySet<string> = new Set([
  'sai',
  'storageattachedindex',
  'legacy_local_table',
]);
const CASSANDRA_PACKAGE =
  /^org\.apache\.cassandra\.(?:locator|db\.compaction|io\.compress|index\.sai|index\.sasi(?:\.analyzer)?)\./;

function noteClass(p: Parser, name: string): void {
  if (!CASSANDRA_CLASSES.has(name.replace(CASSANDRA_PACKAGE, ''))) p.noteClass(name);
}

/** The class behind USING of an index. */
export function noteIndexClass(p: Parser, name: string): void {
  if (!INDEX_TYPES.has(name.toLowerCase())) noteClass(p, name);
}

/** `name = value AND ...` behind WITH; `special` takes what is not of this form. */
export function properties(p: Parser, special: (p: Parser) => boolean = () => false): void {
  const names = new Set<string>();
  do {
    if (special(p)) continue;
    const name = p.name('a property');
    if (names.has(name)) throw p.refusal(`the property ${name} is given twice`);
    names.add(name);
    p.expect('=');
    if (p.is('{')) propertyMap(p);
    else propertyValue(p);
  } while (p.accept('and'));
}

/** A constant, or an unreserved keyword as it stands (`caching = keys`). */
function propertyValue(p: Parser): void {
  if (isConstant(p.kind)) p.advance();
  else if (isName(p.kind) && p.kind !== Kind.IDENT && p.kind !== Kind.QUOTED) p.advance();
  else if (!acceptConstant(p)) throw p.unexpected('a value');
}
