// What of a statement's text may be recorded: literals of rows and roles never, comments never, and
// nothing at all of a text that does not lex. Made from tokens: a pattern would miss what a lexer sees.
import { createHash } from 'node:crypto';
import { isLexicalError, tokenize } from '../cql/lexer.ts';
import { isConstant, type Tokens } from '../cql/tokens.ts';
import { fingerprint } from '../cql/fingerprint.ts';
import type { Statement, Unanalysable } from '../cql/statement.ts';
import { LEDGER } from '../limits/audit.ts';
import { cutMiddle } from './bound.ts';

export interface RedactedText {
  readonly text: string | null;
  /** Of the recorded text before it is cut: a hash of the raw one would let a password be guessed. */
  readonly sha256: string | null;
  /** Of its shape: the same for texts that differ in values only. */
  readonly fingerprint: string | null;
}

/** Of texts that were redacted elsewhere, or before: by what the analyser made of them. */
const remembered = new WeakMap<Statement | Unanalysable, RedactedText>();

/** Of statements that are kept and were not redacted yet: each session asks for it anew. */
const shapes = new WeakMap<Statement, string | null>();

export function rememberRedacted(found: Statement | Unanalysable, redacted: RedactedText): void {
  remembered.set(found, redacted);
}

/** As `redact`, once for each statement that is kept; a statement stands for one text. */
export function redactOnce(text: string, found: Statement | Unanalysable): RedactedText {
  let redacted = remembered.get(found);
  if (redacted === undefined) {
    redacted = redact(text, 'kind' in found ? found : null);
    if ('kind' in found && found.isKept) remembered.set(found, redacted);
  }
  return redacted;
}

/** Its fingerprint alone: the text is neither redacted nor hashed for it. */
export function fingerprintOf(text: string, statement: Statement): string | null {
  const redacted = remembered.get(statement);
  if (redacted !== undefined) return redacted.fingerprint;
  if (!statement.isKept) return fingerprint(text);
  let shape = shapes.get(statement);
  if (shape === undefined) {
    shape = fingerprint(text);
    shapes.set(statement, shape);
  }
  return shape;
}

/** `statement` is null where the text was not understood: then every literal goes. */
export function redact(text: string, statement: Statement | null): RedactedText {
  const tokens = tokenize(text);
  if (isLexicalError(tokens)) return { text: null, sha256: null, fingerprint: null };
  const words = wordsOf(text, tokens, statement);
  const whole = words.join('');
  const sha256 = sha256Of(whole);
  return { text: cut(words, whole), sha256, fingerprint: fingerprint(text) };
}

/** The tokens and the spaces between them, without what may not be recorded. */
function wordsOf(text: string, tokens: Tokens, statement: Statement | null): string[] {
  const keepsLiterals = statement?.family === 'schema' && statement.kind !== 'TRUNCATE';
  const words: string[] = [];
  let previousEnd = 0;
  let afterPassword = false;
  for (let i = 0; i < tokens.count - 1; i++) {
    const kind = tokens.kindAt(i);
    const start = tokens.starts[i]!;
    const end = tokens.ends[i]!;
    // A comment or white space between two tokens becomes one space.
    if (start > previousEnd && words.length > 0) words.push(' ');
    const hide = isConstant(kind) && (!keepsLiterals || afterPassword);
    words.push(hide ? '?' : text.slice(start, end));
    previousEnd = end;
    afterPassword ||= tokens.wordAt(i) === 'password';
  }
  return words;
}

/**
 * What a statement does must not be hidden behind how long it is: long literals and names are cut first, each
 * to its beginning, length and hash, and then the middle, so that beginning and end stay.
 */
function cut(words: readonly string[], whole: string): string {
  if (Buffer.byteLength(whole) <= LEDGER.textBytes) return whole;
  return cutMiddle(words.map(shortened).join(''), LEDGER.textBytes);
}

function shortened(word: string): string {
  if (word.length <= LEDGER.wordLength) return word;
  const bytes = Buffer.byteLength(word);
  const head = word.slice(0, LEDGER.wordLength / 4);
  return `${head}...(cut: ${bytes} bytes, sha256 ${sha256Of(word)})`;
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
