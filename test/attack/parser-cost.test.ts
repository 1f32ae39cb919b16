// Small texts that would keep a thread of a node busy for seconds to days. None of them may reach a
// node, in whatever way it is sent; what a person writes may.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { rowOf, ScriptedCluster } from '../support/scripted-cluster.ts';

const INVALID = 0x2200;

let scripted: ScriptedCluster;
let gate: TestGate;
let client: RawClient;
/** Of the requests that reached the node since the test began. */
let reached: number[] = [];

beforeAll(async () => {
  scripted = await ScriptedCluster.start(['dc1']);
  let isSetUp = false;
  scripted.script = ({ opcode, text, answer }) => {
    const isOfClient =
      text.includes('shop') || opcode === Opcode.PREPARE || opcode === Opcode.BATCH;
    if (!isSetUp || !isOfClient) return false;
    reached.push(opcode);
    answer(Opcode.RESULT, rowOf({ v: 'x' }));
    return true;
  };
  const contactPoint = scripted.name(0);
  gate = await TestGate.start({
    contactPoint,
    roles: {
      job: { grants: ['ALL ON KEYSPACE shop', 'EXECUTE ON ALL FUNCTIONS IN KEYSPACE shop'] },
    },
    config: { cluster: { contactPoints: [contactPoint], allowUntested: true } },
  });
  isSetUp = true;
  client = await RawClient.login(gate.port, 'job', gate.issuer.mint());
});

beforeEach(() => {
  reached = [];
});

afterAll(async () => {
  client?.close();
  await gate?.close();
  await scripted?.close();
});

const select = (selection: string) => `SELECT ${selection} FROM shop.t`;
const insert = (term: string) => `INSERT INTO shop.t (a) VALUES (${term})`;
const nest = (open: string, close: string, depth: number, core = 'a') =>
  open.repeat(depth) + core + close.repeat(depth);

const COSTLY: readonly (readonly [what: string, text: string, reason: string])[] = [
  ['parentheses', select(nest('(', ')', 24)), 'nest it less deep'],
  ['type hints', select(nest('(int)', '', 24)), 'nest it less deep'],
  ['calls', select(nest('f(', ')', 24)), 'nest it less deep'],
  ['calls of JSON DISTINCT', `SELECT JSON DISTINCT ${nest('f(', ')', 15)} FROM shop.t`, 'nest it'],
  ['casts', select(nest('CAST(', ' AS int)', 24)), 'nest it less deep'],
  ['lists, sets and maps', select(nest('[{{1:', '}}]', 8)), 'nest it less deep'],
  ['GROUP BY', `SELECT a FROM shop.t GROUP BY ${nest('f(', ')', 24)}`, 'nest it less deep'],
  [
    'the SELECT of a view',
    `CREATE MATERIALIZED VIEW shop.v AS SELECT ${nest('(', ')', 24)} FROM shop.t WHERE a IS NOT NULL PRIMARY KEY (a)`,
    'nest it less deep',
  ],
  [
    'many selectors of less depth',
    select(Array.from({ length: 200 }, () => nest('(', ')', 12)).join(',')),
    'nest it less deep',
  ],
  ['fields', select(`a${'.f'.repeat(201)}`), 'nests deeper than 200'],
  ['terms', insert(nest('[', ']', 201, '1')), 'nests deeper than 200'],
  ['operators', insert('1.5+1.5+1.5+1.5+1.5+1.5+1.5+1.5+1.5'), 'with each operator'],
  ['operators within calls', insert(nest('f(1*', '+1)', 3, '1')), 'with each operator'],
  ['operators in an element', select('m[1+1+1+1+1+1+1]'), 'with each operator'],
  ['digits', insert('7'.repeat(128 * 1024)), 'too many digits'],
  ['digits of a slice', select(`m[${'7'.repeat(128 * 1024)}..1]`), 'too many digits'],
  ['digits behind the point', insert(`0.${'7'.repeat(128 * 1024)}`), 'too many digits'],
  ['an exponent', insert('1/1e-100000'), 'too small an exponent'],
  ['an exponent of zero', insert('0e999999999'), 'too small an exponent'],
  ['an exponent within a call', insert('log(1e-1000)'), 'too small an exponent'],
  [
    'assignments',
    `UPDATE shop.t SET ${Array.from({ length: 4096 }, () => 'a=1').join(',')} WHERE k=1`,
    'set fewer',
  ],
  [
    'conditions',
    `SELECT a FROM shop.t WHERE ${Array.from({ length: 8192 }, (_, i) => `m[${i}]=1`).join(' AND ')} ALLOW FILTERING`,
    'ask for fewer',
  ],
  [
    'fields of one hash',
    insert(`{${Array.from({ length: 8192 }, (_, i) => `${sameHash(i)}:1`).join(',')}}`),
    'too many fields',
  ],
  [
    'names of one hash',
    `INSERT INTO shop.t (${Array.from({ length: 8192 }, (_, i) => sameHash(i)).join(',')}) VALUES (1)`,
    'same hash',
  ],
  ['a statement longer than the gate takes', insert(`'${'x'.repeat(1024 * 1024)}'`), 'is longer'],
];

/** Different names that Java's hash of their bytes does not tell apart. */
function sameHash(index: number): string {
  const letters = Array.from({ length: 16 }, (_, bit) => ((index >> bit) & 1 ? 'aa' : 'Bb'));
  return `"${letters.join('')}"`;
}

describe('a text that would cost a node too much', () => {
  it.each(COSTLY)('for its %s is refused as QUERY and PREPARE', async (_what, text, reason) => {
    for (const answer of [await client.query(text), await client.prepare(text)]) {
      expect(errorOf(answer)).toEqual({
        code: INVALID,
        message: expect.stringContaining(reason) as string,
      });
    }
    expect(reached).toEqual([]);
  });

  it.each(COSTLY.filter(([, text]) => /^(INSERT|UPDATE)/.test(text)))(
    'for its %s is refused as a child of a BATCH',
    async (_what, text, reason) => {
      const within = `BEGIN BATCH ${text}; APPLY BATCH`;
      for (const answer of [await client.batch([text]), await client.query(within)]) {
        expect(errorOf(answer)?.code).toBe(INVALID);
        expect(errorOf(answer)?.message).toMatch(new RegExp(`${reason}|is longer`));
      }
      expect(reached).toEqual([]);
    },
  );

  it('is refused for children of a BATCH that each pass alone', async () => {
    const child = insert(nest('', '', 0, '1+1+1+1'));
    expect((await client.query(child))?.opcode).toBe(Opcode.RESULT);
    const children = Array.from({ length: 100 }, () => child);
    expect(errorOf(await client.batch(children))).toEqual({
      code: INVALID,
      message: expect.stringContaining('split the BATCH') as string,
    });
    const text = `BEGIN BATCH ${children.join(' ')} APPLY BATCH`;
    expect(errorOf(await client.query(text))?.code).toBe(INVALID);
    expect(reached).toEqual([Opcode.QUERY]);
  });

  it('is recorded as a refusal of its own', async () => {
    // Of one principal only the first refusals in a minute are recorded one by one.
    const token = gate.issuer.mint({ sub: 'another' });
    const another = await RawClient.login(gate.port, 'job', token);
    await another.query(select(nest('(', ')', 24, 'of_the_ledger')));
    another.close();
    const record = await gate.record(
      ({ statement }) => statement?.text?.includes('of_the_ledger') === true,
    );
    expect(record.decision).toMatchObject({ result: 'deny', reason: 'too_costly' });
  });
});

describe('a text that people write is let through', () => {
  it.each([
    ['a few levels of a selection', select(nest('f(', ')', 8))],
    ['arithmetic', insert('60 * 60 * 24 * 7')],
    ['a condition on computed dates', `SELECT a FROM shop.t WHERE a > now() - 1d + 2h`],
    ['a vector', insert(`[${Array.from({ length: 10_000 }, () => '-0.12345678').join(',')}]`)],
    ['nested values', insert(nest('[', ']', 90, '1'))],
    ['a long blob', insert(`0x${'ab'.repeat(400_000)}`)],
    ['a number of 10,000 digits', insert('7'.repeat(10_000))],
    [
      '500 assignments',
      `UPDATE shop.t SET ${Array.from({ length: 500 }, (_, i) => `c${i}=${i}`).join(',')} WHERE a=1`,
    ],
    ['5,000 columns', select(Array.from({ length: 5_000 }, (_, i) => `c${i}`).join(','))],
    [
      '5,000 children of a BATCH',
      `BEGIN BATCH ${Array.from({ length: 5_000 }, (_, i) => `UPDATE shop.t SET a=${i}, b=b+1 WHERE k=${i};`).join('')} APPLY BATCH`,
    ],
  ])('with %s', async (_what, text) => {
    const answer = await client.query(text);
    expect(errorOf(answer)?.message ?? null).toBe(null);
    expect(reached).toEqual([Opcode.QUERY]);
  });
});
