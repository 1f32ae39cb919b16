// The analyser, and what a text may cost the node that parses it.

import { KIB, MIB } from './units.ts';

/** The analyser. */
export const CQL = {
  /** Productions within productions: types, terms, selectors. Deeper is refused. */
  nestingDepth: 200,
  /** Scale of a decimal that a text writes as a blob: what a double holds. */
  decimalScale: 324,
  /** Columns of one statement kept by name, for masks; beyond it all columns are taken as meant. */
  columnsKept: 256,
  /** Different functions, types, or children of a BATCH: each is decided on for every request. */
  namesPerText: 1024,
  /** Java classes that are not Cassandra's own: a role lists them one by one. */
  classesPerText: 64,
  /**
   * Types in strings: a node keeps the text of each for good. Cassandra writes a user type of fifty fields in
   * so many characters; its parser nests some ten frames of a small stack for each level.
   */
  javaTypeLength: 8_192,
  javaTypeDepth: 32,
  /** What the different ones of a role may have together, in characters and for each: 10 to 20 MiB of a node. */
  javaTypesPerRole: 1 * MIB,
  javaTypeOverhead: 64,
  /** Columns, and terms compared with, of a SELECT that the gate answers itself; what asks more is not answered. */
  selectionParts: 1024,
  /** Longer texts are not kept, and analysed in a thread of their own. */
  cachedTextLength: 16 * KIB,
  /** What one text may take of the cache, with all that was found in it. */
  cachedStatementBytes: 256 * KIB,
  /** Hashes of texts that came once: 256 KiB. A text is kept when it comes again before so many others. */
  textsSeen: 65_536,
  /** Heap of that thread: the tokens of the longest text take a tenth of it. */
  workerHeapMib: 256,
  /** How far that thread, and the one that decompresses, step back (`nice`) where there are fewer processors than work for them. */
  workerNiceness: 5,
  /** Requests with long texts that wait for that thread; sessions wait for one each. */
  analysesWaiting: 1024,
  /** Drivers give up a request after 10 to 12 s. */
  analysisWaitMs: 10_000,
  /** The texts of one request take 2 s at the most; so one that hangs delays others by less than they wait. */
  analysisMs: 4_000,
} as const;

/**
 * What a text may cost the node that parses it, in microseconds of its warm parser: 20 ms and 1 ms for each
 * KiB at most. Half of that is allowed here, for what is not estimated (reading the text once, up to 0.3 ms
 * for a KiB) and for slower machines. The rest is fitted to Cassandra 5.0.9: test/support/measure-parser.ts.
 */
export const PARSING = {
  freeUs: 10_000,
  usPerKib: 500,
  /** One token read again: each level of a selection is read twice, and all within it. */
  tokenUs: 0.07,
  /** For each square of a number's digits. */
  digitUs: 0.000_04,
  /** The same where the text takes a logarithm or a power of e. */
  logarithmDigitUs: 0.04,
  /** An exponent below what a double holds counts as so many digits: decimals are divided, and their logarithm taken. */
  exponentDigits: 50,
  /** For each square of the assignments of an UPDATE: each is compared with all before it. */
  assignmentUs: 0.006,
  /** The same for those that Cassandra refuses when the column comes again, with an error for each pair. */
  plainAssignmentUs: 0.02,
  /** For each square of the conditions of one WHERE or IF. */
  conditionUs: 0.012,
  /** For each square of the fields of a user type's literal, whose names may be of one hash. */
  fieldUs: 0.01,
  /** For each square of the names that are not the first of their hash. */
  nameUs: 0.01,
  /** Texts of fewer tokens hold no more names than can be afforded, whatever their hashes. */
  namesUnchecked: 1024,
  /** A type in a string, which a node reads by reflection. */
  javaTypeUs: 20,
  /** An operator of a term, and how much more it makes of what stands before it: types are tried out. */
  operatorUs: 1,
  operatorFactor: 10,
  /** A call in a term, and how often one of Cassandra's own looks at what stands in it to find its types. */
  callUs: 1.5,
  callFactor: 3,
  /** The same of overloads, and of operators, around a call that may be of any type: each tries it for its own types. */
  overloadFactor: 24,
  operatorOfCallsFactor: 40,
} as const;
