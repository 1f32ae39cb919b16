// Statements by text and keyspace, so that the same text is analysed once. Statements are kept,
// decisions never: a new policy needs no cache emptied.
import { analyse } from './analyse.ts';
import type { Statement, Unanalysable } from './statement.ts';

/** A statement's objects, estimated high. */
const ENTRY_BYTES = 2048;
/** `null` and a keyspace named so must not meet. */
const NO_KEYSPACE = '\0';

export class StatementCache {
  readonly #maxBytes: number;
  /** The younger half of what is kept; when full it becomes the older half. */
  #young = new Map<string, Map<string, Statement | Unanalysable>>();
  #old = new Map<string, Map<string, Statement | Unanalysable>>();
  #youngBytes = 0;

  constructor({ maxBytes }: { readonly maxBytes: number }) {
    this.#maxBytes = maxBytes;
  }

  /** For texts up to `CQL.cachedTextLength`. */
  get(text: string, keyspace: string | null): Statement | Unanalysable {
    const scope = keyspace ?? NO_KEYSPACE;
    const known = this.#young.get(scope)?.get(text);
    if (known !== undefined) return known;
    const result = this.#old.get(scope)?.get(text) ?? analyse(text, keyspace);
    this.#keep(scope, text, result);
    return result;
  }

  /** Two generations instead of a list in order of use: a hit costs nothing but the look-up. */
  #keep(scope: string, text: string, result: Statement | Unanalysable): void {
    const bytes = ENTRY_BYTES + 2 * text.length;
    if (2 * (this.#youngBytes + bytes) > this.#maxBytes) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    let texts = this.#young.get(scope);
    if (texts === undefined) {
      texts = new Map();
      this.#young.set(scope, texts);
    }
    texts.set(text, result);
    this.#youngBytes += bytes;
  }
}
