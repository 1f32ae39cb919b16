// The estimate of what a text costs a node: how it grows with what Cassandra takes long for, and that
// it does not with anything else.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { allowedUs } from '../../src/cql/cost.ts';
import { CQL, PARSING } from '../../src/limits/cql.ts';

function costUs(text: string): number {
  const found = analyse(text, 'ks');
  if (!isStatement(found)) throw new Error(found.reason);
  return found.costUs;
}

const many = (count: number, item: (i: number) => string, separator = ','): string =>
  Array.from({ length: count }, (_, i) => item(i)).join(separator);
const nest = (open: string, close: string, depth: number, core = 'a'): string =>
  open.repeat(depth) + core + close.repeat(depth);
const select = (selection: string): string => `SELECT ${selection} FROM t`;
const insert = (term: string): string => `INSERT INTO t (a) VALUES (${term})`;

describe('the cost of a selection', () => {
  it.each([
    ['parentheses', '(', ')'],
    ['type hints', '(int)', ''],
    ['calls', 'f(', ')'],
    ['lists', '[', ']'],
    ['sets', '{', '}'],
    ['keys of maps', '{', ':1}'],
    ['values of maps', '{1:', '}'],
    ['user types', '{f:', '}'],
    ['casts', 'CAST(', ' AS int)'],
    ['sums', '(1+', ')'],
  ])('doubles with each level of %s', (_what, open, close) => {
    const [ten, eleven] = [10, 11].map((depth) => costUs(select(nest(open, close, depth))));
    expect(eleven! / ten!).toBeGreaterThan(1.9);
    expect(eleven! / ten!).toBeLessThan(2.1);
  });

  it('quadruples with a type hint in parentheses', () => {
    const [four, five] = [4, 5].map((depth) => costUs(select(nest('((int)', ')', depth))));
    expect(five! / four!).toBeGreaterThan(3.5);
  });

  it('counts what stands within, for GROUP BY and views too', () => {
    const wide = many(100, () => 'a');
    expect(costUs(select(nest('(', ')', 5, wide)))).toBeGreaterThan(
      50 * costUs(select(nest('(', ')', 5))),
    );
    const selection = nest('f(', ')', 10);
    const plain = costUs(select(selection));
    expect(costUs(`SELECT a FROM t GROUP BY ${selection}`)).toBeGreaterThanOrEqual(plain);
    const view = `CREATE MATERIALIZED VIEW v AS ${select(selection)} PRIMARY KEY (a)`;
    expect(costUs(view)).toBeGreaterThanOrEqual(plain);
  });

  it('is taken again for JSON and for DISTINCT', () => {
    const selection = nest('f(', ')', 10);
    const plain = costUs(select(selection));
    expect(costUs(select(`JSON ${selection}`)) / plain).toBeCloseTo(2, 1);
    expect(costUs(select(`JSON DISTINCT ${selection}`)) / plain).toBeCloseTo(4, 1);
  });

  it('does not grow with a minus, which is read once', () => {
    expect(costUs(select(nest('- ', '', 90)))).toBeLessThan(1);
  });
});

describe('the cost of other rules', () => {
  it('multiplies with each operator of a term, alone and within calls', () => {
    const [one, two, three] = [1, 2, 3].map((count) => costUs(insert(`${'1+'.repeat(count)}1`)));
    expect(two! / one!).toBeGreaterThan(PARSING.operatorFactor - 1);
    expect(three! / two!).toBeGreaterThan(PARSING.operatorFactor - 1);
    expect(costUs(insert('f(1*f(1+2))'))).toBeGreaterThanOrEqual(two!);
    expect(
      costUs(insert(many(100, () => '1+1')).replace('(a)', `(${many(100, () => 'a')})`)),
    ).toBeLessThan(101 * one!);
  });

  it.each([
    ['digits', (n: number) => insert('7'.repeat(n)), 4_000],
    ['digits behind a point', (n: number) => insert(`0.${'7'.repeat(n)}`), 4_000],
    ['assignments', (n: number) => `UPDATE t SET ${many(n, (i) => `c${i}=1`)} WHERE a=1`, 200],
    ['elements', (n: number) => `UPDATE t SET ${many(n, (i) => `c[${i}]=1`)} WHERE a=1`, 200],
    ['conditions', (n: number) => `SELECT a FROM t WHERE ${many(n, () => 'a=1', ' AND ')}`, 200],
    ['fields', (n: number) => insert(`{${many(n, (i) => `f${i}:1`)}}`), 200],
  ])('grows with the square of %s', (_what, text, size) => {
    const growth = costUs(text(2 * size)) / costUs(text(size));
    expect(growth).toBeGreaterThan(3.9);
    expect(growth).toBeLessThan(4.1);
  });

  it('adds up over the children of a BATCH', () => {
    const child = 'UPDATE t SET a=1+1, b=2 WHERE k=1;';
    const batch = (count: number) => `BEGIN BATCH ${child.repeat(count)} APPLY BATCH`;
    expect(costUs(batch(100)) / costUs(batch(1))).toBeCloseTo(100, 0);
  });

  it.each([
    ['a vector', insert(`[${many(10_000, () => '-0.12345678')}]`)],
    ['a list', insert(`[${many(10_000, (i) => String(i))}]`)],
    ['a blob', insert(`0x${'ab'.repeat(400_000)}`)],
    ['a string', insert(`'${"''".repeat(400_000)}'`)],
    ['a duration', insert('1y'.repeat(10_000))],
    ['an IN', `SELECT a FROM t WHERE a IN (${many(10_000, (i) => String(i))})`],
    [
      'many names',
      `INSERT INTO t (${many(5_000, (i) => `column_${i}`)}) VALUES (${many(5_000, () => '1')})`,
    ],
    ['nested values', insert(nest('[', ']', 90, '1'))],
    [
      'nested types',
      `CREATE TABLE t (a int PRIMARY KEY, b ${nest('frozen<list<', '>>', 99, 'int')})`,
    ],
    ['comments', select(`${'/**/'.repeat(10_000)}a`)],
  ])('is nothing for %s', (_what, text) => {
    expect(costUs(text)).toBeLessThan(1);
  });
});

/**
 * How far a text must be filled up before it may cost that: a text of exactly that cost is taken from so many
 * characters on, and refused below.
 */
function charactersFor(us: number): number {
  return ((us - PARSING.freeUs) * 1024) / PARSING.usPerKib;
}

/** `costs` of nested productions: each level is worked out from the cost of what it holds. */
function grown(levels: number, level: (within: number, depth: number) => number, core = 0): number {
  let us = core;
  for (let depth = 1; depth <= levels; depth++) us = level(us, depth);
  return us;
}

/** Pairs of letters that Java's hash of a name takes for the same. */
const sameHash = (i: number): string =>
  `"${Array.from({ length: 12 }, (_unused, bit) => ((i >> bit) & 1 ? 'BB' : 'aA')).join('')}"`;

const P = PARSING;
const square = (count: number): number => count * count;
const oneCall = (within: number): number => (within + P.callUs) * P.callFactor;

/** For each figure a text, and what it costs by the figures. */
const EDGES: [figures: string, text: string, us: number][] = [
  ['freeUs, usPerKib, digitUs', insert('7'.repeat(30_000)), square(30_000) * P.digitUs],
  [
    'logarithmDigitUs',
    insert(`log(${'7'.repeat(600)})`),
    square(600) * (P.digitUs + P.logarithmDigitUs) + oneCall(0),
  ],
  ['exponentDigits', insert('1e-400'), square(P.exponentDigits * 400) * P.digitUs],
  [
    'tokenUs',
    select(nest('(', ')', 17)),
    grown(17, (within, depth) => 2 * within + (2 * depth + 1) * P.tokenUs, P.tokenUs),
  ],
  [
    'assignmentUs',
    `UPDATE t SET ${many(2_500, () => 'c[1]=1')} WHERE a=1`,
    square(2_500) * P.assignmentUs + P.conditionUs,
  ],
  [
    'plainAssignmentUs',
    `UPDATE t SET ${many(700, (i) => `c${i}=1`)} WHERE a=1`,
    square(700) * (P.assignmentUs + P.plainAssignmentUs) + P.conditionUs,
  ],
  [
    'conditionUs',
    `SELECT a FROM t WHERE ${many(2_000, () => 'a=1', ' AND ')}`,
    square(2_000) * P.conditionUs + P.tokenUs,
  ],
  ['fieldUs', insert(`{${many(2_000, (i) => `f${i}:1`)}}`), square(2_000) * P.fieldUs],
  [
    'nameUs',
    `INSERT INTO t (${many(3_000, sameHash)}) VALUES (${many(3_000, () => '1')})`,
    square(2_999) * P.nameUs,
  ],
  [
    'javaTypeUs',
    `CREATE TABLE t (k int PRIMARY KEY, ${many(1_500, (i) => `c${i} 'Int32Type'`)})`,
    1_500 * P.javaTypeUs,
  ],
  [
    'operatorUs, operatorFactor',
    insert('1+1+1+1+1'),
    grown(4, (before) => (before + P.operatorUs) * P.operatorFactor),
  ],
  ['callUs, callFactor', insert(nest('blobastext(', ')', 8, '0x00')), grown(8, oneCall)],
  [
    'overloadFactor',
    insert(nest('abs(', ')', 3, 'blobasint(0x00)')),
    grown(3, (within) => (within + P.callUs) * P.overloadFactor, oneCall(0)),
  ],
  [
    'operatorOfCallsFactor',
    insert('blobasint(0x00)+1+1, blobasint(0x00)+1+1').replace('(a)', '(a, b)'),
    2 * grown(2, (before) => (before + P.operatorUs) * P.operatorOfCallsFactor, oneCall(0)),
  ],
];

describe('a text at the edge of what it may cost', () => {
  it.each(EDGES)('is taken there and refused one character below it (%s)', (_figures, text, us) => {
    const characters = charactersFor(us);
    expect(characters).toBeGreaterThan(text.length + 1);
    const most = analyse(text.padEnd(Math.ceil(characters) + 1), 'ks');
    expect(most).toMatchObject({ kind: expect.any(String) as string });
    expect(isStatement(most) ? most.costUs : 0).toBeCloseTo(us, 3);
    const less = analyse(text.padEnd(Math.floor(characters) - 1), 'ks');
    expect(less).toMatchObject({ rule: 'too_costly' });
  });

  it('has its names compared by hash from so many tokens on', () => {
    // INSERT INTO t (names) VALUES (values): seven tokens, and four for each name.
    const names = (P.namesUnchecked - 8) / 4;
    const text = (count: number): string =>
      `INSERT INTO t (${many(count, sameHash)}) VALUES (${many(count, () => '1')})`;
    const below = text(Math.floor(names));
    expect(costUs(below)).toBe(0);
    expect(costUs(`${below};`)).toBeCloseTo(square(Math.floor(names) - 1) * P.nameUs, 3);
  });
});

describe('what is allowed', () => {
  it('grows with the text, and is half of what is promised', () => {
    expect(allowedUs(0)).toBe(10_000);
    expect(allowedUs(1024) - allowedUs(0)).toBe(500);
  });

  it('is refused beyond it, and for too deep a nesting, as too costly', () => {
    const rule = 'too_costly';
    expect(analyse(select(nest('(', ')', 24)), 'ks')).toMatchObject({ rule });
    expect(analyse(insert(nest('[', ']', CQL.nestingDepth, '1')), 'ks')).toMatchObject({ rule });
    expect(analyse(`SELECT a${'.f'.repeat(CQL.nestingDepth + 1)} FROM t`, 'ks')).toMatchObject({
      rule,
    });
  });
});
