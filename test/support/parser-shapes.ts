// Texts that double one recursive or repeated rule of Cassandra's grammar at a time: deep, wide, long,
// and two rules in turn. What the gate lets through of them must not cost a node dearly.

export interface Shape {
  readonly name: string;
  /** The text in which the rule stands `size` times. */
  readonly text: (size: number) => string;
  readonly sizes: readonly number[];
}

/** Levels of nesting; what takes exponential time ends early. */
const DEEP = [4, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 64, 100, 200];
/** Items of a list, characters of a token, statements of a batch. */
const WIDE = [256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

const repeat = (count: number, item: string, separator = ','): string =>
  Array.from({ length: count }, () => item).join(separator);
const numbered = (count: number, item: (i: number) => string, separator = ','): string =>
  Array.from({ length: count }, (_, i) => item(i)).join(separator);

/** What stands before and behind the level within. */
type Level = readonly [before: string, behind: string];

function nested(levels: readonly Level[], depth: number, core: string): string {
  let before = '';
  let behind = '';
  for (let i = 0; i < depth; i++) {
    const [one, other] = levels[i % levels.length]!;
    before += one;
    behind = other + behind;
  }
  return before + core + behind;
}

/** The rules of a selection that hold selections. */
export const SELECTION_LEVELS: Readonly<Record<string, Level>> = {
  parentheses: ['(', ')'],
  tuple: ['(a,', ')'],
  'tuple, first': ['(', ',a)'],
  'type hint': ['(int)', ''],
  'type hint in parentheses': ['((int)', ')'],
  'long type hint': ['(map<int,frozen<list<int>>>)', ''],
  list: ['[', ']'],
  set: ['{', '}'],
  'map, key': ['{', ':1}'],
  'map, value': ['{1:', '}'],
  'user type': ['{f:', '}'],
  call: ['f(', ')'],
  'call, second argument': ['f(a,', ')'],
  'qualified call': ['k.f(', ')'],
  cast: ['CAST(', ' AS int)'],
  minus: ['- ', ''],
  'minus and parentheses': ['-(', ')'],
  sum: ['(a+', ')'],
  'sum, left': ['(', '+a)'],
  product: ['(', '*a)'],
  field: ['(', ').f'],
  element: ['(', ')[1]'],
  slice: ['f(', ')[1..2]'],
};

/** The rules of a term that hold terms. */
export const TERM_LEVELS: Readonly<Record<string, Level>> = {
  tuple: ['(', ')'],
  'tuple of two': ['(1,', ')'],
  'tuple, first': ['(', ',1)'],
  'type hint': ['(int)', ''],
  list: ['[', ']'],
  set: ['{', '}'],
  'map, key': ['{', ':1}'],
  'map, value': ['{1:', '}'],
  'user type': ['{f:', '}'],
  call: ['f(', ')'],
  'qualified call': ['k.f(', ')'],
  cast: ['CAST(', ' AS int)'],
  'minus and call': ['-f(', ')'],
  sum: ['f(1+', ')'],
  product: ['f(', '*1)'],
};

const TYPE_LEVELS: Readonly<Record<string, Level>> = {
  list: ['list<', '>'],
  set: ['set<', '>'],
  'map, key': ['map<', ',int>'],
  'map, value': ['map<int,', '>'],
  tuple: ['tuple<', '>'],
  'tuple of two': ['tuple<int,', '>'],
  vector: ['vector<', ',3>'],
  'frozen list': ['frozen<list<', '>>'],
  frozen: ['frozen<', '>'],
};

/** Where a selection may stand. */
const SELECTIONS: Readonly<Record<string, (selection: string) => string>> = {
  SELECT: (selection) => `SELECT ${selection} FROM k.t`,
  'SELECT JSON': (selection) => `SELECT JSON ${selection} FROM k.t`,
  'SELECT DISTINCT': (selection) => `SELECT DISTINCT ${selection} FROM k.t`,
  'SELECT JSON DISTINCT': (selection) => `SELECT JSON DISTINCT ${selection} FROM k.t`,
  alias: (selection) => `SELECT ${selection} AS x FROM k.t`,
  'GROUP BY': (selection) => `SELECT a FROM k.t GROUP BY ${selection}`,
  view: (selection) =>
    `CREATE MATERIALIZED VIEW k.v AS SELECT ${selection} FROM k.t WHERE a IS NOT NULL PRIMARY KEY (a)`,
};

/** Where a term may stand. */
const TERMS: Readonly<Record<string, (term: string) => string>> = {
  VALUES: (term) => `INSERT INTO k.t (a) VALUES (${term})`,
  WHERE: (term) => `SELECT a FROM k.t WHERE a=${term}`,
  IN: (term) => `SELECT a FROM k.t WHERE a IN (${term})`,
  CONTAINS: (term) => `SELECT a FROM k.t WHERE a CONTAINS ${term}`,
  'element of WHERE': (term) => `SELECT a FROM k.t WHERE a[${term}]=1`,
  'token()': (term) => `SELECT a FROM k.t WHERE token(a)>${term}`,
  'several columns': (term) => `SELECT a FROM k.t WHERE (a,b)=(${term},1)`,
  'several columns IN': (term) => `SELECT a FROM k.t WHERE (a,b) IN ((${term},1))`,
  'expr()': (term) => `SELECT a FROM k.t WHERE expr(i,${term})`,
  'ANN OF': (term) => `SELECT a FROM k.t ORDER BY a ANN OF ${term} LIMIT 1`,
  SET: (term) => `UPDATE k.t SET a=${term} WHERE a=1`,
  'SET, prepended': (term) => `UPDATE k.t SET a=${term}+a WHERE a=1`,
  'SET, appended': (term) => `UPDATE k.t SET a=a+${term} WHERE a=1`,
  'SET +=': (term) => `UPDATE k.t SET a+=${term} WHERE a=1`,
  'SET element': (term) => `UPDATE k.t SET a[${term}]=1 WHERE a=1`,
  IF: (term) => `UPDATE k.t SET a=1 WHERE a=1 IF a=${term}`,
  'IF IN': (term) => `UPDATE k.t SET a=1 WHERE a=1 IF a IN (${term})`,
  'IF element': (term) => `UPDATE k.t SET a=1 WHERE a=1 IF a[${term}]=1`,
  DELETE: (term) => `DELETE a[${term}] FROM k.t WHERE a=1`,
  BATCH: (term) => `BEGIN BATCH INSERT INTO k.t (a) VALUES (${term}) APPLY BATCH`,
  'element of a selection': (term) => `SELECT a[${term}] FROM k.t`,
  INITCOND: (term) => `CREATE AGGREGATE k.g(int) SFUNC f STYPE int INITCOND ${term}`,
  MASKED: (term) => `CREATE TABLE k.t (a int PRIMARY KEY, b int MASKED WITH f(${term}))`,
};

const TYPES: Readonly<Record<string, (type: string) => string>> = {
  'CREATE TABLE': (type) => `CREATE TABLE k.t (a int PRIMARY KEY, b ${type})`,
  'ALTER TABLE': (type) => `ALTER TABLE k.t ADD b ${type}`,
  'CREATE TYPE': (type) => `CREATE TYPE k.u (a ${type})`,
  'CREATE FUNCTION': (type) =>
    `CREATE FUNCTION k.f(a ${type}) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS ''`,
  'DROP FUNCTION': (type) => `DROP FUNCTION k.f(${type})`,
  'GRANT ON FUNCTION': (type) => `GRANT EXECUTE ON FUNCTION k.f(${type}) TO r`,
  'type hint of a term': (type) => `INSERT INTO k.t (a) VALUES ((${type})1)`,
  'type hint of a selection': (type) => `SELECT (${type})a FROM k.t`,
};

function deep(
  places: Readonly<Record<string, (inner: string) => string>>,
  levels: Readonly<Record<string, Level>>,
  core: string,
): Shape[] {
  const shapes: Shape[] = [];
  const [home] = Object.entries(places);
  for (const [place, within] of Object.entries(places)) {
    for (const [name, level] of Object.entries(levels)) {
      shapes.push({
        name: `${place}: ${name}, deep`,
        text: (size) => within(nested([level], size, core)),
        sizes: DEEP,
      });
    }
  }
  const [place, within] = home!;
  for (const [first, outer] of Object.entries(levels)) {
    for (const [second, inner] of Object.entries(levels)) {
      if (first === second) continue;
      shapes.push({
        name: `${place}: ${first} and ${second} in turn, deep`,
        text: (size) => within(nested([outer, inner], size, core)),
        sizes: DEEP,
      });
    }
  }
  return shapes;
}

/** A long list within some levels, and levels that stand side by side. */
function wide(): Shape[] {
  const shapes: [string, (size: number) => string][] = [
    ['columns selected', (n) => `SELECT ${repeat(n, 'a')} FROM k.t`],
    ['columns selected, JSON DISTINCT', (n) => `SELECT JSON DISTINCT ${repeat(n, 'a')} FROM k.t`],
    ['aliases', (n) => `SELECT ${numbered(n, (i) => `a AS b${i}`)} FROM k.t`],
    ['GROUP BY', (n) => `SELECT a FROM k.t GROUP BY ${repeat(n, 'a')}`],
    ['ORDER BY', (n) => `SELECT a FROM k.t ORDER BY ${repeat(n, 'a')}`],
    ['selections in 6 levels', (n) => `SELECT ${nested([['(', ')']], 6, repeat(n, 'a'))} FROM k.t`],
    ['6 levels side by side', (n) => `SELECT ${repeat(n, '((((((a))))))')} FROM k.t`],
    ['calls selected', (n) => `SELECT ${repeat(n, 'f(a)')} FROM k.t`],
    ['arguments selected', (n) => `SELECT f(${repeat(n, 'a')}) FROM k.t`],
    ['sum selected', (n) => `SELECT ${repeat(n, 'a', '+')} FROM k.t`],
    ['product selected', (n) => `SELECT ${repeat(n, 'a', '*')} FROM k.t`],
    ['fields selected', (n) => `SELECT a${'.f'.repeat(n)} FROM k.t`],
    ['elements selected', (n) => `SELECT a${'[1]'.repeat(n)} FROM k.t`],
    ['list selected', (n) => `SELECT [${repeat(n, '1')}] FROM k.t`],
    ['set selected', (n) => `SELECT {${repeat(n, '1')}} FROM k.t`],
    ['map selected', (n) => `SELECT {${repeat(n, '1:1')}} FROM k.t`],
    ['writetime', (n) => `SELECT ${repeat(n, 'writetime(a)')} FROM k.t`],
    ['list of an element', (n) => `SELECT a[[${repeat(n, '1')}]] FROM k.t`],
    ['element in 6 levels', (n) => `SELECT ((((((a[[${repeat(n, '1')}]])))))) FROM k.t`],
    ['markers', (n) => `INSERT INTO k.t (a) VALUES ([${repeat(n, '?')}])`],
    ['named markers', (n) => `INSERT INTO k.t (a) VALUES ([${numbered(n, (i) => `:m${i}`)}])`],
    ['columns and values', (n) => `INSERT INTO k.t (${repeat(n, 'a')}) VALUES (${repeat(n, '1')})`],
    [
      'distinct columns and values',
      (n) => `INSERT INTO k.t (${numbered(n, (i) => `c${i}`)}) VALUES (${repeat(n, '1')})`,
    ],
    [
      'columns of one hash',
      (n) => `INSERT INTO k.t (${numbered(n, sameHash)}) VALUES (${repeat(n, '1')})`,
    ],
    ['names of one hash selected', (n) => `SELECT ${numbered(n, sameHash)} FROM k.t`],
    [
      'conditions on names of one hash',
      (n) => `SELECT a FROM k.t WHERE ${numbered(n, (i) => `${sameHash(i)}=1`, ' AND ')}`,
    ],
    ['list', (n) => `INSERT INTO k.t (a) VALUES ([${repeat(n, '1')}])`],
    ['set', (n) => `INSERT INTO k.t (a) VALUES ({${repeat(n, '1')}})`],
    ['map', (n) => `INSERT INTO k.t (a) VALUES ({${repeat(n, '1:1')}})`],
    ['tuple', (n) => `INSERT INTO k.t (a) VALUES ((${repeat(n, '1')}))`],
    ['vector of floats', (n) => `INSERT INTO k.t (a) VALUES ([${repeat(n, '-0.12345678')}])`],
    ['fields', (n) => `INSERT INTO k.t (a) VALUES ({${numbered(n, (i) => `f${i}:1`)}})`],
    ['one field again', (n) => `INSERT INTO k.t (a) VALUES ({${repeat(n, 'f:1')}})`],
    [
      'fields of one hash',
      (n) => `INSERT INTO k.t (a) VALUES ({${numbered(n, (i) => `${sameHash(i)}:1`)}})`,
    ],
    ['lists in a list', (n) => `INSERT INTO k.t (a) VALUES ([${repeat(n, '[1]')}])`],
    ['arguments', (n) => `INSERT INTO k.t (a) VALUES (f(${repeat(n, '1')}))`],
    ['sum', (n) => `INSERT INTO k.t (a) VALUES (${repeat(n, '1', '+')})`],
    ['product', (n) => `INSERT INTO k.t (a) VALUES (${repeat(n, '1', '*')})`],
    ['minus', (n) => `INSERT INTO k.t (a) VALUES (${repeat(n, '- 1', '-')})`],
    ['IN', (n) => `SELECT a FROM k.t WHERE a IN (${repeat(n, '1')})`],
    ['conditions', (n) => `SELECT a FROM k.t WHERE ${repeat(n, 'a=1', ' AND ')}`],
    ['conditions in parentheses', (n) => `SELECT a FROM k.t WHERE ${repeat(n, '(a=1)', ' AND ')}`],
    [
      'columns of one condition',
      (n) => `SELECT a FROM k.t WHERE (${repeat(n, 'a')})=(${repeat(n, '1')})`,
    ],
    ['tuples of IN', (n) => `SELECT a FROM k.t WHERE (a,b) IN (${repeat(n, '(1,1)')})`],
    ['markers of tuples', (n) => `SELECT a FROM k.t WHERE (a,b) IN (${repeat(n, '?')})`],
    ['columns of token()', (n) => `SELECT a FROM k.t WHERE token(${repeat(n, 'a')})>1`],
    ['SET of one column', (n) => `UPDATE k.t SET ${repeat(n, 'a=1')} WHERE a=1`],
    ['SET of distinct columns', (n) => `UPDATE k.t SET ${numbered(n, (i) => `c${i}=1`)} WHERE a=1`],
    ['SET +=', (n) => `UPDATE k.t SET ${repeat(n, 'a+=1')} WHERE a=1`],
    ['SET of elements', (n) => `UPDATE k.t SET ${repeat(n, 'a[1]=1')} WHERE a=1`],
    ['SET of fields', (n) => `UPDATE k.t SET ${repeat(n, 'a.f=1')} WHERE a=1`],
    ['IF', (n) => `UPDATE k.t SET a=1 WHERE a=1 IF ${repeat(n, 'a=1', ' AND ')}`],
    ['USING', (n) => `UPDATE k.t USING ${repeat(n, 'TTL 1', ' AND ')} SET a=1 WHERE a=1`],
    ['columns deleted', (n) => `DELETE ${repeat(n, 'a')} FROM k.t WHERE a=1`],
    ['BATCH', (n) => `BEGIN BATCH ${repeat(n, 'INSERT INTO k.t (a) VALUES (1)', ' ')} APPLY BATCH`],
    [
      'BATCH of UPDATEs',
      (n) => `BEGIN BATCH ${repeat(n, 'UPDATE k.t SET a=1 WHERE a=1;', ' ')} APPLY BATCH`,
    ],
    [
      'columns of a table',
      (n) => `CREATE TABLE k.t (a int PRIMARY KEY, ${numbered(n, (i) => `c${i} int`)})`,
    ],
    ['empty columns of a table', (n) => `CREATE TABLE k.t (a int PRIMARY KEY${','.repeat(n)})`],
    ['partition key', (n) => `CREATE TABLE k.t (a int, PRIMARY KEY ((${repeat(n, 'a')})))`],
    ['clustering', (n) => `CREATE TABLE k.t (a int, PRIMARY KEY (${repeat(n, 'a')}))`],
    [
      'clustering order',
      (n) =>
        `CREATE TABLE k.t (a int PRIMARY KEY) WITH CLUSTERING ORDER BY (${repeat(n, 'a ASC')})`,
    ],
    ['columns added', (n) => `ALTER TABLE k.t ADD (${numbered(n, (i) => `c${i} int`)})`],
    ['columns dropped', (n) => `ALTER TABLE k.t DROP (${numbered(n, (i) => `c${i}`)})`],
    [
      'columns renamed',
      (n) => `ALTER TABLE k.t RENAME ${numbered(n, (i) => `a${i} TO b${i}`, ' AND ')}`,
    ],
    ['fields of a type', (n) => `CREATE TYPE k.u (${numbered(n, (i) => `f${i} int`)})`],
    [
      'types of a tuple',
      (n) => `CREATE TABLE k.t (a int PRIMARY KEY, b tuple<${repeat(n, 'int')}>)`,
    ],
    [
      'types of a tuple in 100 times frozen',
      (n) =>
        `CREATE TABLE k.t (a int PRIMARY KEY, b ${nested([['frozen<', '>']], 100, `tuple<${repeat(n, 'int')}>`)})`,
    ],
    [
      'types of a tuple in 99 times frozen list',
      (n) =>
        `CREATE TABLE k.t (a int PRIMARY KEY, b ${nested([['frozen<list<', '>>']], 99, `tuple<${repeat(n, 'int')}>`)})`,
    ],
    ['types of a hint', (n) => `SELECT (tuple<${repeat(n, 'int')}>)a FROM k.t`],
    [
      'arguments of a function',
      (n) =>
        `CREATE FUNCTION k.f(${numbered(n, (i) => `a${i} int`)}) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS ''`,
    ],
    ['columns of an index', (n) => `CREATE INDEX ON k.t (${repeat(n, 'a')})`],
    [
      'properties',
      (n) => `CREATE TABLE k.t (a int PRIMARY KEY) WITH ${numbered(n, (i) => `p${i}=1`, ' AND ')}`,
    ],
    [
      'map of a property',
      (n) => `CREATE TABLE k.t (a int PRIMARY KEY) WITH p={${numbered(n, (i) => `'p${i}':1`)}}`,
    ],
    ['permissions', (n) => `GRANT ${repeat(n, 'SELECT')} ON k.t TO r`],
    ['options of a role', (n) => `CREATE ROLE r WITH OPTIONS={${numbered(n, (i) => `'o${i}':1`)}}`],
    [
      'data centers',
      (n) => `CREATE ROLE r WITH ACCESS TO DATACENTERS {${numbered(n, (i) => `'d${i}'`)}}`,
    ],
    ['cidrs', (n) => `CREATE ROLE r WITH ACCESS FROM CIDRS {${numbered(n, (i) => `'d${i}'`)}}`],
    ['access', (n) => `CREATE ROLE r WITH ${repeat(n, "ACCESS TO DATACENTERS {'a'}", ' AND ')}`],
    ['types of a signature', (n) => `GRANT EXECUTE ON FUNCTION k.f(${repeat(n, 'int')}) TO r`],
    [
      'properties of an MBEAN',
      (n) => `GRANT SELECT ON MBEAN 'd:${numbered(n, (i) => `k${i}=1`)}' TO r`,
    ],
    ['semicolons', (n) => `SELECT a FROM k.t${';'.repeat(n)}`],
  ];
  return shapes.map(([name, text]) => ({ name: `${name}, wide`, text, sizes: WIDE }));
}

/** Names that Java's `ByteBuffer.hashCode` takes for the same: 31 times the second letter and the first. */
function sameHash(index: number): string {
  let name = '';
  for (let bit = 0; bit < 16; bit++) name += (index >> bit) & 1 ? 'aa' : 'Bb';
  return `"${name}"`;
}

/** One token that is long. */
function long(): Shape[] {
  const value = (literal: (n: number) => string) => (n: number) =>
    `INSERT INTO k.t (a) VALUES (${literal(n)})`;
  const shapes: [string, (size: number) => string][] = [
    ['integer', value((n) => '7'.repeat(n))],
    ['negative integer', value((n) => `-${'7'.repeat(n)}`)],
    ['zeros', value((n) => '0'.repeat(n))],
    ['float', value((n) => `1.${'7'.repeat(n)}`)],
    ['float below one', value((n) => `0.${'7'.repeat(n)}`)],
    ['float of zeros', value((n) => `0.${'0'.repeat(n)}1`)],
    ['float of an exponent', value((n) => `${'7'.repeat(n)}e-${n}`)],
    ['small float of an exponent', value((n) => `0.${'7'.repeat(n)}e-300`)],
    ['zeros of an exponent', value((n) => `1e${'0'.repeat(n)}1`)],
    ['hex', value((n) => `0x${'a'.repeat(n)}`)],
    ['duration', value((n) => '1y'.repeat(n))],
    ['digits of a duration', value((n) => `${'1'.repeat(n)}y`)],
    ['digits of an ISO duration', value((n) => `P${'1'.repeat(n)}Y`)],
    ['string', value((n) => `'${'x'.repeat(n)}'`)],
    ['string of quotes', value((n) => `'${"''".repeat(n)}'`)],
    ['dollar string', value((n) => `$$${'x'.repeat(n)}$$`)],
    ['dollar string of dollars', value((n) => `$$${'$ '.repeat(n)}$$`)],
    ['identifier', (n) => `SELECT ${'x'.repeat(n)} FROM k.t`],
    ['hex identifier', (n) => `SELECT ${'a'.repeat(n)} FROM k.t`],
    ['identifier of P', (n) => `SELECT ${'P'.repeat(n)} FROM k.t`],
    ['quoted name', (n) => `SELECT "${'x'.repeat(n)}" FROM k.t`],
    ['quoted name of quotes', (n) => `SELECT "${'""'.repeat(n)}" FROM k.t`],
    ['line comment', (n) => `SELECT a FROM k.t --${'x'.repeat(n)}\n`],
    ['block comment', (n) => `SELECT a FROM k.t /*${'x'.repeat(n)}*/`],
    ['block comment of stars', (n) => `SELECT a FROM k.t /*${'* '.repeat(n)}*/`],
    ['line comments', (n) => `SELECT a FROM k.t ${'--\n'.repeat(n)}`],
    ['block comments', (n) => `SELECT a FROM k.t ${'/**/'.repeat(n)}`],
    ['comments between tokens', (n) => `SELECT ${repeat(n, '/**/a/**/')} FROM k.t`],
    ['white space', (n) => `SELECT a FROM k.t${' '.repeat(n)}`],
    ['lines', (n) => `SELECT a FROM k.t${'\n'.repeat(n)}`],
    ['foreign characters in a string', value((n) => `'${'é'.repeat(n)}'`)],
    ['surrogates in a string', value((n) => `'${'😀'.repeat(n)}'`)],
    ['JSON', (n) => `INSERT INTO k.t JSON '{"a":[${repeat(n, '1')}]}'`],
    ['JSON, nested', (n) => `INSERT INTO k.t JSON '{"a":${'['.repeat(n)}1${']'.repeat(n)}}'`],
    [
      'body of a function',
      (n) =>
        `CREATE FUNCTION k.f(a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$${'x'.repeat(n)}$$`,
    ],
    ['digits of LIMIT', (n) => `SELECT a FROM k.t LIMIT ${'7'.repeat(n)}`],
    ['digits of TTL', (n) => `INSERT INTO k.t (a) VALUES (1) USING TTL ${'7'.repeat(n)}`],
    ['digits of a property', (n) => `CREATE TABLE k.t (a int PRIMARY KEY) WITH p=${'7'.repeat(n)}`],
    [
      'digits of DROP USING TIMESTAMP',
      (n) => `ALTER TABLE k.t DROP a USING TIMESTAMP ${'7'.repeat(n)}`,
    ],
    [
      'digits of a vector type',
      (n) => `CREATE TABLE k.t (a int PRIMARY KEY, b vector<int,${'7'.repeat(n)}>)`,
    ],
    ['digits selected', (n) => `SELECT ${'7'.repeat(n)} FROM k.t`],
    ['digits selected in 6 levels', (n) => `SELECT ((((((${'7'.repeat(n)})))))) FROM k.t`],
    [
      'digits in many integers of 1000',
      value((n) => `[${repeat(Math.ceil(n / 1000), '7'.repeat(1000))}]`),
    ],
  ];
  return shapes.map(([name, text]) => ({ name: `${name}, long`, text, sizes: WIDE }));
}

function conditions(): Shape[] {
  return [
    {
      name: 'conditions in parentheses, deep',
      text: (size) => `SELECT a FROM k.t WHERE ${nested([['(', ')']], size, 'a=1')}`,
      sizes: DEEP,
    },
    {
      name: 'DISTINCT as often as it goes, deep',
      text: (size) => `SELECT ${'DISTINCT '.repeat(size)}a FROM k.t`,
      sizes: DEEP,
    },
  ];
}

export function shapes(): Shape[] {
  return [
    ...wide(),
    ...long(),
    ...conditions(),
    ...deep(SELECTIONS, SELECTION_LEVELS, 'a'),
    ...deep(TERMS, TERM_LEVELS, '1'),
    ...deep(TYPES, TYPE_LEVELS, 'int'),
  ];
}
