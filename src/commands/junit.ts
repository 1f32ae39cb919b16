// JUnit's XML, which Bitbucket Pipelines and others show: a suite for each test of the file, and a case for each of its
// expectations.

export interface Check {
  /** The name of the test that it belongs to. */
  readonly test: string;
  /** What was expected: `permit SELECT ...`. */
  readonly name: string;
  /** What came instead; null where the expectation is met. */
  readonly failure: string | null;
}

export function junit(checks: readonly Check[]): string {
  const suites = new Map<string, Check[]>();
  for (const check of checks) {
    const suite = suites.get(check.test);
    if (suite === undefined) suites.set(check.test, [check]);
    else suite.push(check);
  }
  const body = [...suites].flatMap(([name, cases]) => [
    `  <testsuite ${attributes({ name, ...counts(cases) })}>`,
    ...cases.map((one) => caseElement(name, one)),
    '  </testsuite>',
  ]);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({ name: 'cqlgate policy test', ...counts(checks) })}>`,
    ...body,
    '</testsuites>',
    '',
  ].join('\n');
}

function caseElement(suite: string, { name, failure }: Check): string {
  const opening = `    <testcase ${attributes({ classname: suite, name })}`;
  if (failure === null) return `${opening}/>`;
  return `${opening}><failure ${attributes({ message: failure })}/></testcase>`;
}

function counts(checks: readonly Check[]) {
  return { tests: checks.length, failures: checks.filter((one) => one.failure !== null).length };
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escaped(String(value))}"`)
    .join(' ');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
};

/** XML 1.0 has no other control characters, not even escaped ones, and no halves of surrogate pairs. */
function escaped(text: string): string {
  return text
    .replaceAll(/[&<>"\n\r\t]/g, (character) => ENTITIES[character]!)
    .replaceAll(/[\u0000-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd');
}
