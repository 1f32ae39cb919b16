// Statements by text and keyspace, so that the same text is analysed once. Statements are kept,
// decisions never: a new policy needs no cache emptied.
import { CQL } from '../limits/cql.ts';
import { LEDGER } from '../limits/audit.ts';
import { MEMORY } from '../limits/session.ts';
import { UNCOUNTED, type Account } from '../memory/store.ts';
import { footprintOf, MAP_ENTRY_BYTES, stringBytes } from '../memory/footprint.ts';
import { analyse } from './analyse.ts';
import type { Statement, Unanalysable } from './statement.ts';

/** By keyspace, and by text; no keyspace is `null`, which no client can send as a name. */
type Kept = Map<string | null, Map<string, Statement | Unanalysable>>;

export class StatementCache {
  readonly #maxBytes: number;
  readonly #account: Account;
  /**
   * Hashes of texts that came lately, each at the place that it gives itself. Only what comes again is kept:
   * a job that writes its values into its texts sends each of them once, and hundred thousands of them on
   * the heap make every collection of garbage dear.
   */
  readonly #seen = new Uint32Array(CQL.textsSeen);
  /** The younger half of what is kept; when full it becomes the older half. */
  #young: Kept = new Map();
  #old: Kept = new Map();
  #youngBytes = 0;
  #oldBytes = 0;
  /** Of all texts that were not known. */
  analysedCharacters = 0;

  constructor(options: { readonly maxBytes: number; readonly account?: Account }) {
    this.#maxBytes = options.maxBytes;
    this.#account = options.account ?? UNCOUNTED;
  }

  get bytes(): number {
    return this.#youngBytes + this.#oldBytes;
  }

  /** Lets the older half go. */
  evict(): void {
    this.#account.add(-this.#oldBytes);
    this.#old = this.#young;
    this.#oldBytes = this.#youngBytes;
    this.#young = new Map();
    this.#youngBytes = 0;
  }

  /** For texts up to `CQL.cachedTextLength`. */
  get(text: string, keyspace: string | null): Statement | Unanalysable {
    const young = this.#young.get(keyspace)?.get(text);
    if (young !== undefined) return young;
    const old = this.#old.get(keyspace)?.get(text);
    if (old !== undefined) {
      this.#keep(keyspace, text, old);
      return old;
    }
    const result = analyse(text, keyspace);
    this.analysedCharacters += text.length;
    if (this.#comesAgain(text)) this.#keep(keyspace, text, result);
    return result;
  }

  /** Two texts of one hash, or one place, cost an analysis more or an entry: no more than that. */
  #comesAgain(text: string): boolean {
    const hash = hashOf(text);
    const place = hash % this.#seen.length;
    if (this.#seen[place] === hash) return true;
    this.#seen[place] = hash;
    return false;
  }

  /** Two generations instead of a list in order of use: a hit costs nothing but the look-up. */
  #keep(keyspace: string | null, text: string, result: Statement | Unanalysable): void {
    const bytes = costOf(text, result);
    // A short text may stand for very many objects: one that would take much of the room is not kept.
    if (bytes > Math.min(CQL.cachedStatementBytes, this.#maxBytes / 4)) return;
    if ('kind' in result) result.isKept = true;
    if (2 * (this.#youngBytes + bytes) > this.#maxBytes) this.evict();
    let texts = this.#young.get(keyspace);
    if (texts === undefined) {
      texts = new Map();
      this.#young.set(keyspace, texts);
    }
    texts.set(text, result);
    this.#youngBytes += bytes;
    this.#account.add(bytes);
  }
}

/** What is kept of a text: what was found in it, and later the text as it is recorded (redact.ts). */
function costOf(text: string, result: Statement | Unanalysable): number {
  const textBytes = stringBytes(text);
  const bytes = MAP_ENTRY_BYTES + textBytes + footprintOf(result);
  return 'kind' in result
    ? bytes + Math.min(textBytes, LEDGER.textBytes) + MEMORY.keptBytes
    : bytes;
}

/** FNV-1a over code units; never 0, which is a place that nothing came to. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0 || 1;
}
