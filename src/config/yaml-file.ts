// A YAML file read and checked by a schema: all problems at once, each with file, line and column,
// and an unknown key with the nearest known one. A file is read once: what was checked is what is taken,
// whatever happens to the file in between.
import { readFile } from 'node:fs/promises';
import { isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';
import type { z } from 'zod';
import { ConfigFault } from '../errors.ts';
import { FILES } from '../limits/process.ts';

export interface YamlFile<Value> {
  readonly value: Value;
  /** The text that all of this was made of. */
  readonly content: string;
  /** `file:line:column` of a path in the document, for problems found later. */
  place(path: readonly PropertyKey[]): string;
}

/** A text and where it came from, for messages. */
export interface TextFile {
  readonly file: string;
  readonly content: string;
}

/** Throws ConfigFault. */
export function parseYaml<Schema extends z.ZodType>(
  { file, content }: TextFile,
  schema: Schema,
  notYet: ReadonlySet<string>,
): YamlFile<z.infer<Schema>> {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, uniqueKeys: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw new ConfigFault(
      document.errors.map((error) => `${at(error.pos[0])}: ${error.message.split('\n')[0]}`),
    );
  }
  const unusable = unusableKeys(document);
  if (unusable.length > 0) {
    throw new ConfigFault(
      unusable.map(
        (offset) => `${at(offset)}: ${UNUSABLE_KEY} can be no name here; choose another`,
      ),
    );
  }
  const place = (path: readonly PropertyKey[]): string => at(offsetOf(document, path));
  let raw: unknown;
  try {
    // An alias that multiplies (a "billion laughs") is stopped here.
    raw = document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    throw new ConfigFault([`${file}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const result = schema.safeParse(raw);
  if (result.success) return { value: result.data, content, place };
  const problems = result.error.issues.flatMap((issue) =>
    problemsOf(issue, { schema, raw, notYet, place }),
  );
  throw new ConfigFault(problems);
}

/**
 * The one key that is not kept by the schema library (it would be an object's prototype) but left out without a word: a
 * role that nobody misses until it is asked for, or a condition of a binding that binds no more.
 */
const UNUSABLE_KEY = '__proto__';

/** Offsets of such keys, wherever in the document. */
function unusableKeys(document: Document): number[] {
  const offsets: number[] = [];
  visit(document, {
    Pair: (_index, { key }) => {
      if (isScalar(key) && key.value === UNUSABLE_KEY) offsets.push(key.range?.[0] ?? 0);
    },
  });
  return offsets;
}

/** Rejects with ConfigFault. `read`: for one that is read again and again, with what that asks for. */
export async function readText(
  file: string,
  read: (file: string) => Promise<Buffer> = readFile,
): Promise<TextFile> {
  let content: Buffer;
  try {
    content = await read(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new ConfigFault([
      `${file}: cannot be read (${code}); check the path and its permissions`,
    ]);
  }
  if (content.length > FILES.configBytes) {
    throw new ConfigFault([`${file}: larger than ${FILES.configBytes} bytes`]);
  }
  return { file, content: content.toString('utf8') };
}

interface Checked {
  readonly schema: z.ZodType;
  /** As it was before it was checked. */
  readonly raw: unknown;
  readonly notYet: ReadonlySet<string>;
  readonly place: (path: readonly PropertyKey[]) => string;
}

function problemsOf(issue: z.core.$ZodIssue, { schema, raw, notYet, place }: Checked): string[] {
  const name = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') {
    const where = name === '' ? '' : `${name}: `;
    return [`${place(issue.path)}: ${where}${problemOf(issue, valueAt(raw, issue.path))}`];
  }
  const known = knownKeys(schema, issue.path);
  return issue.keys.map((key) => {
    const full = name === '' ? key : `${name}.${key}`;
    const at = place([...issue.path, key]);
    if (notYet.has(full) || notYet.has(full.replace(/^roles\.[^.]+\./, 'roles.*.'))) {
      return `${at}: ${full} is not enforced by this version; remove it`;
    }
    const nearest = nearestOf(key, known);
    const hint = nearest === null ? `known here: ${known.join(', ')}` : `did you mean ${nearest}?`;
    return `${at}: ${full} is not known; ${hint}`;
  });
}

/** A schema's own words where it has some; the library's are of JavaScript's types, which YAML does not name. */
function problemOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (!issue.message.startsWith('Invalid ')) return issue.message;
  const wanted = wantedBy(issue);
  if (wanted === null) return issue.message;
  if (value === undefined || value === null) {
    const what = issue.path.length === 0 ? 'the file is empty' : 'is missing';
    return `${what}: ${wanted} is expected`;
  }
  return `${wanted} is expected, not ${shown(value)}`;
}

/** What an issue asks for, in words; null where it says so itself. */
function wantedBy(issue: z.core.$ZodIssue): string | null {
  if (issue.code === 'invalid_type') return TYPE_WORDS.get(issue.expected) ?? issue.expected;
  if (issue.code === 'invalid_value') return issue.values.map(String).join(' or ');
  if (issue.code !== 'invalid_union') return null;
  if ('options' in issue && Array.isArray(issue.options)) return issue.options.join(' or ');
  const each = issue.errors.flatMap(([first]) => (first === undefined ? [] : wantedBy(first)));
  return each.length === 0 || each.includes(null) ? null : [...new Set(each)].join(' or ');
}

const TYPE_WORDS: ReadonlyMap<string, string> = new Map([
  ['string', 'a text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['object', 'a mapping of keys'],
  ['record', 'a mapping of names'],
]);

/** A value may be a secret that does not belong here: of texts only what kind of value it is. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' ? 'this text' : JSON.stringify(value);
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** The keys a schema knows at a path, as its JSON Schema tells. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: JsonSchema = schema.toJSONSchema({ io: 'input', unrepresentable: 'any' }) as JsonSchema;
  for (const part of path) {
    const properties = new Map(Object.entries(at.properties ?? {}));
    const next: JsonSchema | undefined =
      typeof part === 'number'
        ? at.items
        : (properties.get(String(part)) ?? at.additionalProperties);
    if (next === undefined) return [];
    at = next;
  }
  const variants = at.oneOf ?? at.anyOf ?? [at];
  return [...new Set(variants.flatMap((variant) => Object.keys(variant.properties ?? {})))];
}

interface JsonSchema {
  readonly properties?: Record<string, JsonSchema>;
  readonly additionalProperties?: JsonSchema;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

/** Offset of the node at a path, or of the nearest one above it that exists. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown =
      length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
      return Number(node.range[0]);
    }
  }
  return 0;
}

export function nearestOf(key: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(key.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(key.toLowerCase(), candidate.toLowerCase());
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_unused, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + change);
    }
    row = next;
  }
  return row[b.length]!;
}
