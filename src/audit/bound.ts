// The one place that every record passes on its way to the ledger: whatever a client, a token or an issuer
// made of its fields, a record has at most LEDGER.recordBytes, says of what was cut how much there was and its
// hash, and holds no character that moves, hides or breaks the text around it.
import { createHash } from 'node:crypto';
import { LEDGER } from '../limits/audit.ts';

/** What stands in a record's `cut` for a field that does not hold all of its value. */
export interface Cut {
  /** Of a list: how many there were. */
  readonly items?: number;
  /** UTF-8 bytes of the value; of a list, of its JSON text. */
  readonly bytes: number;
  /** Of the same bytes, so that two records can be told to be of the same. */
  readonly sha256: string;
}

export type Cuts = Readonly<Record<string, Cut>>;

interface Cuttable {
  readonly cut?: Cuts;
}

const CUT_MARK = ' ... (cut) ... ';

interface Budget {
  readonly textBytes: number;
  readonly valueBytes: number;
  readonly listBytes: number;
}

/** The JSON text of a record, bounded. A record like most is only looked at. */
export function encode(record: object & Cuttable): string {
  const plain = JSON.stringify(record);
  return isPlain(plain) ? plain : JSON.stringify(rewrite(record, plain));
}

/** A record that is kept before it is written: the same object where it is within bounds. */
export function bounded<Entry extends object & Cuttable>(entry: Entry): Entry {
  const plain = JSON.stringify(entry);
  return isPlain(plain) ? entry : rewrite(entry, plain);
}

/** ASCII of a permitted length, without anything that JSON escapes but quotes. */
function isPlain(json: string): boolean {
  if (json.length > LEDGER.recordBytes || json.includes('\u007f')) return false;
  if (json.includes('\\') && JSON_ESCAPE.test(json)) return false;
  const bytes = Buffer.byteLength(json);
  return bytes === json.length || (bytes <= LEDGER.recordBytes && !RISKY.test(json));
}

/** JSON's own escapes stand for control characters and lone surrogates. */
const JSON_ESCAPE = /\\[bfnrtu]/;

/**
 * Control and format characters (those that change the direction of text among them), those without width, line and
 * paragraph separators, surrogates without their other half, and U+FFFD, which bytes that are no UTF-8 are read as.
 */
const RISKY = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff0-\ufffd]/u;
const ALL_RISKY = new RegExp(RISKY.source, 'gu');

/** Each as `\uXXXX`, six characters that can be seen. */
export function escaped(text: string): string {
  return text.replace(ALL_RISKY, (found) =>
    [...Array(found.length).keys()]
      .map((i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** Escaped, but for what a cut to so many bytes takes away anyway. */
function shown(value: string, mostBytes: number): string {
  if (value.length <= 2 * mostBytes) return escaped(value);
  return escaped(value.slice(0, mostBytes)) + escaped(value.slice(-mostBytes));
}

function rewrite<Entry extends object & Cuttable>(entry: Entry, plain: string): Entry {
  const before = entry.cut ?? {};
  // What is cut by a large budget is cut by a smaller one too: nothing is hashed twice.
  const cuts: Record<string, Cut> = { ...before };
  let budget: Budget = LEDGER;
  for (;;) {
    const made = new Rewriter(budget, cuts).objectOf(entry, '') as Entry;
    const whole = Object.keys(cuts).length === 0 ? made : { ...made, cut: cuts };
    const bytes = Buffer.byteLength(JSON.stringify(whole));
    if (bytes <= LEDGER.recordBytes) return whole;
    if (budget.valueBytes < 64)
      throw new Error(`a record of ${plain.length} characters can't be cut`);
    const { textBytes, valueBytes, listBytes } = budget;
    budget = { textBytes: textBytes / 2, valueBytes: valueBytes / 2, listBytes: listBytes / 2 };
  }
}

class Rewriter {
  readonly #budget: Budget;
  readonly #cuts: Record<string, Cut>;

  constructor(budget: Budget, cuts: Record<string, Cut>) {
    this.#budget = budget;
    this.#cuts = cuts;
  }

  objectOf(object: object, path: string): object {
    const made: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(object)) {
      if (path === '' && key === 'cut') continue;
      made[key] = this.#valueOf(value, path === '' ? key : `${path}.${key}`);
    }
    return made;
  }

  #valueOf(value: unknown, path: string): unknown {
    if (typeof value === 'string') {
      const most = path === 'statement.text' ? this.#budget.textBytes : this.#budget.valueBytes;
      return this.#textOf(value, most, path);
    }
    if (Array.isArray(value)) return this.#listOf(value, path);
    return typeof value === 'object' && value !== null ? this.objectOf(value, path) : value;
  }

  #textOf(value: string, most: number, path: string): string {
    const text = shown(value, most);
    if (Buffer.byteLength(text) <= most) return text;
    this.#cuts[path] ??= { bytes: Buffer.byteLength(value), sha256: sha256(value) };
    return cutMiddle(text, most);
  }

  /** As many of its first items as fit. */
  #listOf(list: readonly unknown[], path: string): unknown[] {
    const made: unknown[] = [];
    let bytes = 0;
    let isWhole = true;
    for (const item of list) {
      const text = shown(
        typeof item === 'string' ? item : JSON.stringify(item),
        this.#budget.valueBytes,
      );
      const one = cutMiddle(text, this.#budget.valueBytes);
      bytes += Buffer.byteLength(one) + 3;
      if (made.length > 0 && bytes > this.#budget.listBytes) break;
      if (one !== text) isWhole = false;
      made.push(one);
    }
    if (made.length < list.length || !isWhole) {
      const json = JSON.stringify(list);
      this.#cuts[path] ??= {
        items: list.length,
        bytes: Buffer.byteLength(json),
        sha256: sha256(json),
      };
    }
    return made;
  }
}

/** Its beginning and its end, with the mark between, in at most so many bytes. */
export function cutMiddle(text: string, mostBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= mostBytes) return text;
  const room = Math.max(0, Math.floor(mostBytes) - CUT_MARK.length);
  const tail = Math.floor(room / 3);
  const head = bytes.toString('utf8', 0, room - tail);
  const end = bytes.toString('utf8', bytes.length - tail);
  // A character that the cut went through decodes to replacement marks, which go too.
  return `${head.replace(/\ufffd+$/, '')}${CUT_MARK}${end.replace(/^\ufffd+/, '')}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
