// A node keeps each type that is written as a string, and its classes, for as long as it runs: a role that sends
// ever new ones would fill its memory. Each role has a share.
import { afterEach, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { CQL } from '../../src/limits/cql.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { errorOf } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const VOID = new Writer().writeInt(1).toBuffer();
const PREPARED = new Writer()
  .writeInt(4)
  .writeShortBytes(Buffer.alloc(16, 1))
  .writeInt(4)
  .writeInt(0)
  .writeInt(0)
  .writeInt(4)
  .writeInt(0)
  .toBuffer();

let gate: ScriptedGate;

afterEach(async () => {
  await gate?.close();
});

/** A type that nobody named before; they get shorter by a blank each. */
let named = 0;
const type = (): string => `'Int32Type${' '.repeat(CQL.javaTypeLength - 20 - named++)}'`;
const insert = (hint: string): string => `INSERT INTO shop.t (k) VALUES ((${hint})1)`;

it('a role that names ever new types as strings is stopped, however it sends them', async () => {
  const grants = ['CREATE, SELECT, MODIFY ON KEYSPACE shop'];
  gate = await ScriptedGate.start({ job: { grants }, other: { grants } });
  gate.cluster.script = ({ opcode, text, answer }) => {
    const isOurs = text.includes('shop.') || opcode === Opcode.BATCH;
    if (isOurs) answer(Opcode.RESULT, opcode === Opcode.PREPARE ? PREPARED : VOID);
    return isOurs;
  };
  const client = await gate.login('job');
  const first = insert(type());
  expect(errorOf(await client.query(first))).toBeNull();
  const ways = [
    async () => client.query(`SELECT k FROM shop.t WHERE k = (${type()})1`),
    async () => client.prepare(`CREATE TABLE shop.u (k int PRIMARY KEY, v ${type()})`),
    async () => client.batch(Array.from({ length: 10 }, () => insert(type()))),
    async () => client.query(`BEGIN BATCH ${insert(type())} APPLY BATCH`),
  ];
  // Thirteen in a round.
  const rounds = Math.ceil(CQL.javaTypesPerRole / (13 * (CQL.javaTypeLength - 500)));
  const found: (number | undefined)[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (const ask of ways) found.push(errorOf(await ask())?.code);
  }
  expect(found.slice(0, ways.length)).toEqual(ways.map(() => undefined));
  expect(found.slice(-ways.length)).toEqual(ways.map(() => CqlErrorCode.INVALID));
  const isOurs = ({ text }: { text: string }): boolean => text.includes('shop.');
  const atNode = (): number => gate.cluster.nodes[0]!.requests.filter(isOurs).length;
  const before = atNode();
  const error = errorOf(await ways[0]!());
  expect(error?.message).toContain('too many different types as strings');
  expect(atNode()).toBe(before);

  // What nodes have already costs them nothing more, and others have shares of their own.
  expect(errorOf(await client.query(first))).toBeNull();
  expect(errorOf(await client.query('SELECT k FROM shop.t'))).toBeNull();
  const other = await gate.login('other');
  expect(errorOf(await other.query(insert(type())))).toBeNull();
});
