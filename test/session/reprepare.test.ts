// UNPREPARED from nodes that do not agree on the schema: a client is told what ends it, and is never sent round in
// circles between a node that takes its PREPARE and one that forgets it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

const VOID = new Writer().writeInt(1).toBuffer();
const textOf = (i: number): string => `UPDATE shop.t${i} SET v = ? WHERE k = 1`;
const idOf = (text: string): Buffer => Buffer.alloc(16, Number(/t(\d+) /.exec(text)![1]) + 1);

/** A statement with one marker, of text or int. */
function preparedAs(text: string, type: number): Buffer {
  const writer = new Writer().writeInt(4).writeShortBytes(idOf(text));
  writer.writeInt(0).writeInt(1).writeInt(0);
  writer.writeString('shop').writeString('t').writeString('v').writeShort(type);
  return writer.writeInt(4).writeInt(0).toBuffer();
}

function errorBody(code: number, message: string): Writer {
  return new Writer().writeInt(code).writeString(message);
}

let gate: ScriptedGate;
let client: RawClient;
/** By node, the ids that it has. */
let known: Set<string>[];
/** What a node says of the marker, and the nodes that refuse to prepare. */
let types: number[];
let refusing: Set<number>;

async function start(nodes: number): Promise<void> {
  known = Array.from({ length: nodes }, () => new Set<string>());
  types = Array.from({ length: nodes }, () => TypeCode.VARCHAR);
  refusing = new Set();
  const cluster = await ScriptedCluster.start(Array.from({ length: nodes }, () => 'dc1'));
  cluster.script = (request, node) => serve(request, node);
  gate = await ScriptedGate.start({ job: { grants: ['MODIFY ON KEYSPACE shop'] } }, {}, cluster);
  client = await gate.login('job');
}

/** Ids that an EXECUTE or BATCH of these tests names: each is sixteen equal bytes. */
function idsIn({ bytes }: ScriptedRequest): Buffer[] {
  return Array.from({ length: 9 }, (_unused, i) => Buffer.alloc(16, i + 1)).filter((id) =>
    bytes.includes(id),
  );
}

function serve(request: ScriptedRequest, node: number): boolean {
  const { opcode, text, answer } = request;
  if (opcode === Opcode.PREPARE) {
    if (refusing.has(node)) {
      answer(Opcode.ERROR, errorBody(CqlErrorCode.INVALID, 'table t0 does not exist').toBuffer());
      return true;
    }
    known[node]!.add(idOf(text).toString('hex'));
    answer(Opcode.RESULT, preparedAs(text, types[node]!));
    return true;
  }
  if (opcode !== Opcode.EXECUTE && opcode !== Opcode.BATCH) return false;
  const missing = idsIn(request).find((id) => !known[node]!.has(id.toString('hex')));
  if (missing === undefined) answer(Opcode.RESULT, VOID);
  else {
    const body = errorBody(CqlErrorCode.UNPREPARED, 'not found').writeShortBytes(missing);
    answer(Opcode.ERROR, body.toBuffer());
  }
  return true;
}

afterEach(async () => {
  client?.close();
  await gate?.close();
});

/** As drivers do: prepares again what is UNPREPARED, and repeats. Gives how often it was told so. */
async function persist(send: () => ReturnType<RawClient['query']>) {
  for (let rounds = 0; ; rounds++) {
    const frame = await send();
    const error = errorOf(frame);
    if (error?.code !== CqlErrorCode.UNPREPARED || rounds === 20) return { rounds, error };
    const id = frame!.buffer.subarray(frame!.end - 16, frame!.end);
    const again = await client.prepare(textOf(id[0]! - 1));
    if (errorOf(again) !== null) return { rounds, error: errorOf(again) };
  }
}

async function prepareAll(count: number): Promise<Buffer[]> {
  const texts = Array.from({ length: count }, (_unused, i) => textOf(i));
  for (const text of texts) expect(errorOf(await client.prepare(text))).toBeNull();
  return texts.map(idOf);
}

const forget = (): void => {
  for (const ids of known) ids.clear();
};

describe('a node that forgot statements', () => {
  beforeEach(async () => start(1));

  it('is given all of a BATCH again, without a word to its client', async () => {
    const ids = await prepareAll(5);
    forget();
    expect(await persist(async () => client.batch(ids))).toEqual({ rounds: 0, error: null });
  });

  it('that says other types now costs each client one UNPREPARED, for a BATCH of several too', async () => {
    const ids = await prepareAll(5);
    forget();
    types[0] = TypeCode.INT;
    const { rounds, error } = await persist(async () => client.batch(ids));
    expect(error).toBeNull();
    expect(rounds).toBeLessThanOrEqual(1);
  });
});

describe('nodes that disagree', () => {
  beforeEach(async () => start(3));

  it.each(['EXECUTE', 'BATCH'])('do not send a client round in circles for an %s', async (what) => {
    const ids = await prepareAll(4);
    for (let i = 0; i < 6; i++) {
      forget();
      types = [TypeCode.VARCHAR, TypeCode.INT, TypeCode.BLOB];
      const send = async () => (what === 'BATCH' ? client.batch(ids) : client.execute(ids[0]!));
      const { rounds, error } = await persist(send);
      expect(error).toBeNull();
      expect(rounds).toBeLessThanOrEqual(3 * ids.length);
    }
  });

  it('are asked one after the other where one does not take the statement', async () => {
    const ids = await prepareAll(1);
    for (let node = 0; node < 3; node++) {
      forget();
      refusing = new Set([node]);
      for (let i = 0; i < 3; i++) {
        expect(await persist(async () => client.execute(ids[0]!))).toEqual({
          rounds: 0,
          error: null,
        });
      }
    }
  });

  it('of which most do not take it: the client is told what they say', async () => {
    const ids = await prepareAll(1);
    forget();
    refusing = new Set([0, 1, 2]);
    const { rounds, error } = await persist(async () => client.execute(ids[0]!));
    expect(rounds).toBe(0);
    expect(error).toMatchObject({ code: CqlErrorCode.INVALID, message: 'table t0 does not exist' });
  });
});
