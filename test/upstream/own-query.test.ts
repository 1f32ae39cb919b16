// What the gate believes of answers to its own requests: what was asked for, and nothing else.
import { describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { Consistency } from '../../src/protocol/consistency.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { decodeQuery } from '../../src/protocol/messages/query.ts';
import { ResultKind } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import {
  authenticate,
  columnAt,
  givesSignOfLife,
  type OwnQueries,
  prepareOver,
  queriesOver,
  refusalIn,
  registerFor,
  startUp,
  supportedBy,
  UnexpectedAnswerFault,
} from '../../src/upstream/own-query.ts';
import { errorMessage, message, rowsMessage, voidMessage } from '../support/own-answers.ts';

const ROW = Buffer.from('1');
const ROWS = rowsMessage(['a', 'b'], [ROW, null]);
const CUT = message(Opcode.RESULT, new Writer().writeInt(ResultKind.ROWS).writeInt(1).toBuffer());
const LOST = new UpstreamFault('unreachable', 'gone');

interface Request {
  readonly opcode: number;
  readonly body: Buffer | null;
  readonly timeoutMs: number;
  readonly reads: boolean | undefined;
}

/** A connection that gives one answer, and notes what it was asked. */
function answering(answer: Frame | Error) {
  const requests: Request[] = [];
  return {
    version: 4,
    requests,
    request: async (opcode: number, body: Buffer | null, timeoutMs: number, reads?: boolean) => {
      requests.push({ opcode, body, timeoutMs, reads });
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
}

const queries = (answer: Frame): OwnQueries => queriesOver(answering(answer));

describe('a query', () => {
  it('gives the rows', async () => {
    const { columns, rows } = await queries(ROWS).rows('SELECT');
    expect(columns.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(rows).toEqual([[ROW, null]]);
  });

  it.each<[string, Frame]>([
    ['nothing', voidMessage()],
    ['another message', message(Opcode.READY)],
    ['rows that are cut off', CUT],
    ['a result without a kind', message(Opcode.RESULT)],
    ['an error that is cut off', message(Opcode.ERROR, Buffer.from([0, 0]))],
  ])('takes %s for a fault of the protocol, and no refusal', async (_what, answer) => {
    const failed = await queries(answer)
      .rows('SELECT')
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(UnexpectedAnswerFault);
    expect(failed).toMatchObject({ code: 'protocol' });
    expect(refusalIn(failed)).toBeNull();
  });

  it.each([
    [CqlErrorCode.UNAUTHORIZED, 'login_refused'],
    [CqlErrorCode.INVALID, 'protocol'],
    [CqlErrorCode.OVERLOADED, 'protocol'],
  ])('throws what the node says against it (%i)', async (code, faultCode) => {
    const failed = await queries(errorMessage(code, 'no such table'))
      .rows('SELECT')
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: faultCode,
      message: "the gate's own request was refused: no such table",
    });
    expect(refusalIn(failed)).toEqual({ code, message: 'no such table' });
  });

  it('throws what ended its connection', async () => {
    await expect(queriesOver(answering(LOST)).rows('SELECT')).rejects.toBe(LOST);
    expect(refusalIn(LOST)).toBeNull();
    expect(refusalIn(undefined)).toBeNull();
  });

  it('may answer with nothing where that is expected, and with rows all the same', async () => {
    expect(await queries(voidMessage()).rowsIfAny('LIST')).toBeNull();
    expect((await queries(ROWS).rowsIfAny('LIST'))?.rows).toHaveLength(1);
    await expect(queries(message(Opcode.READY)).rowsIfAny('LIST')).rejects.toThrow('READY');
    await expect(queries(errorMessage(0)).rowsIfAny('LIST')).rejects.toThrow('was refused');
  });

  it('is sent with the consistency and the time that are asked for', async () => {
    const one = answering(ROWS);
    await queriesOver(one).rows('SELECT 1');
    await queriesOver(one, { timeoutMs: 7 }).rows('SELECT 2', Consistency.QUORUM);
    await queriesOver(one, { consistency: Consistency.LOCAL_QUORUM }).rowsIfAny('SELECT 3');
    const sent = one.requests.map(({ opcode, body, timeoutMs }) => {
      const { query, parameters } = decodeQuery(message(opcode, body), 4);
      return [query, parameters.consistency, timeoutMs];
    });
    expect(sent).toEqual([
      ['SELECT 1', Consistency.ONE, UPSTREAM.controlTimeoutMs],
      ['SELECT 2', Consistency.QUORUM, 7],
      ['SELECT 3', Consistency.LOCAL_QUORUM, UPSTREAM.controlTimeoutMs],
    ]);
  });
});

describe('a statement', () => {
  it('is done where the node answers with nothing', async () => {
    await expect(queries(voidMessage()).run('INSERT')).resolves.toBeUndefined();
  });

  it.each<[string, Frame]>([
    ['with rows', ROWS],
    ['with a refusal', errorMessage(CqlErrorCode.INVALID)],
    ['with another message', message(Opcode.SUPPORTED)],
  ])('is not known to be done where it answers %s', async (_how, answer) => {
    await expect(queries(answer).run('INSERT')).rejects.toThrow(UpstreamFault);
  });
});

describe('the column of an answer', () => {
  it('is found by its name, and must be there', async () => {
    const rows = await queries(ROWS).rows('SELECT');
    expect(columnAt(rows, 'b')).toBe(1);
    expect(() => columnAt(rows, 'c')).toThrow('has no column c');
  });
});

describe('a PREPARE of the gate', () => {
  const prepared = new Writer()
    .writeInt(ResultKind.PREPARED)
    .writeShortBytes(Buffer.alloc(16, 7))
    .writeInt(1)
    .writeInt(0)
    .writeInt(0)
    .writeString('k')
    .writeString('t')
    .writeInt(4)
    .writeInt(0)
    .toBuffer();

  it('gives what was prepared, and says whether it reads the keyspace', async () => {
    const one = answering(message(Opcode.RESULT, prepared));
    const body = Buffer.from('body');
    expect((await prepareOver(one, body, true)).id).toEqual(Buffer.alloc(16, 7));
    expect(one.requests).toEqual([
      { opcode: Opcode.PREPARE, body, timeoutMs: UPSTREAM.controlTimeoutMs, reads: true },
    ]);
  });

  it.each<[string, Frame]>([
    ['rows', ROWS],
    ['a refusal', errorMessage(CqlErrorCode.SYNTAX_ERROR)],
    ['what is cut off', message(Opcode.RESULT, prepared.subarray(0, 20))],
  ])('throws on %s', async (_what, answer) => {
    await expect(prepareOver(answering(answer), Buffer.alloc(0), false)).rejects.toThrow(
      UpstreamFault,
    );
  });
});

describe('a login', () => {
  const by = (answer: Frame) => async () => Promise.resolve(answer);
  const authenticator = new Writer().writeString('org.example.Auth').toBuffer();

  it('says which authenticator the node has, or that it asks for none', async () => {
    expect(await startUp(by(message(Opcode.AUTHENTICATE, authenticator)), new Map())).toBe(
      'org.example.Auth',
    );
    expect(await startUp(by(message(Opcode.READY)), new Map())).toBeNull();
  });

  it('throws where the node answers STARTUP with anything else', async () => {
    const answers = [
      ROWS,
      errorMessage(0),
      message(Opcode.AUTHENTICATE),
      message(Opcode.SUPPORTED),
    ];
    for (const answer of answers) {
      await expect(startUp(by(answer), new Map())).rejects.toThrow(UpstreamFault);
    }
  });

  it('is over only where the node says that it succeeded', async () => {
    const token = Buffer.from('t');
    await authenticate(by(message(Opcode.AUTH_SUCCESS)), token);
    for (const answer of [message(Opcode.READY), message(Opcode.AUTH_CHALLENGE), errorMessage(0)]) {
      await expect(authenticate(by(answer), token)).rejects.toThrow(UpstreamFault);
    }
  });
});

it('asks what a node supports', async () => {
  const supported = new Writer()
    .writeShort(1)
    .writeString('CQL_VERSION')
    .writeStringList(['3.4.7']);
  const one = answering(message(Opcode.SUPPORTED, supported.toBuffer()));
  expect([...(await supportedBy(one))]).toEqual([['CQL_VERSION', ['3.4.7']]]);
  await expect(supportedBy(answering(message(Opcode.READY)))).rejects.toThrow(UpstreamFault);
});

it('takes a refusal for a sign of life, and another message for none', async () => {
  const answers = [message(Opcode.SUPPORTED), errorMessage(0), message(Opcode.READY)];
  const alive = answers.map(async (answer) => givesSignOfLife(answering(answer), 1));
  expect(await Promise.all(alive)).toEqual([true, true, false]);
  await expect(givesSignOfLife(answering(LOST), 1)).rejects.toBe(LOST);
});

it('is registered for events only where the node says so', async () => {
  const one = answering(message(Opcode.READY));
  await registerFor(one, ['SCHEMA_CHANGE']);
  expect(one.requests[0]?.opcode).toBe(Opcode.REGISTER);
  for (const answer of [errorMessage(CqlErrorCode.UNAUTHORIZED), message(Opcode.SUPPORTED)]) {
    await expect(registerFor(answering(answer), ['SCHEMA_CHANGE'])).rejects.toThrow(UpstreamFault);
  }
});
