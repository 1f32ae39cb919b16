// What follows from a decoded request alone, and what another frame of it keeps.
import { describe, expect, it } from 'vitest';
import { NO_KEYSPACE } from '../../src/cql/connection-state.ts';
import { resolveLimits } from '../../src/limits/operator.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { endsInKeyspace } from '../../src/protocol/request-keyspace.ts';
import { requestFor, statementOf } from '../support/exchanges.ts';

const SELECT = 'SELECT v FROM ks.t';
const INSERT = 'INSERT INTO ks.t (k) VALUES (1)';
const CREATE = 'CREATE TABLE ks.t (k int PRIMARY KEY)';
const ROLE = 'CREATE ROLE r';

describe('a request', () => {
  it.each([
    [SELECT, Opcode.QUERY, { isMutation: false, isWrittenAhead: false, isOfRows: true }],
    [INSERT, Opcode.QUERY, { isMutation: true, isWrittenAhead: false, isOfRows: true }],
    [INSERT, Opcode.PREPARE, { isMutation: false, isWrittenAhead: false, isOfRows: true }],
    [CREATE, Opcode.EXECUTE, { isMutation: true, isWrittenAhead: true, isOfRows: false }],
    [CREATE, Opcode.PREPARE, { isMutation: false, isWrittenAhead: false, isOfRows: false }],
    [ROLE, Opcode.QUERY, { isMutation: true, isWrittenAhead: true, isOfRows: false }],
    ['USE ks', Opcode.QUERY, { isUse: true, isMutation: false, isPinned: false }],
    ['USE ks', Opcode.PREPARE, { isUse: false, isPrepare: true }],
  ] as const)('%s by opcode %i is told from others', (text, opcode, expected) => {
    expect(requestFor(text, { opcode })).toMatchObject(expected);
  });

  it.each([
    [SELECT, false],
    ['SELECT * FROM system.local', true],
    ['SELECT * FROM system_schema.tables', true],
    [CREATE, true],
    [ROLE, true],
  ])('%s stays at one node: %s', (text, isPinned) => {
    expect(requestFor(text).isPinned).toBe(isPinned);
  });

  it('takes as long as its kind may', () => {
    const limits = {
      ...resolveLimits({}),
      readTimeoutMs: 1,
      writeTimeoutMs: 2,
      schemaTimeoutMs: 3,
    };
    const timeOf = (text: string): number => requestFor(text).timeLimitMs(limits);
    expect([SELECT, 'USE ks', INSERT, ROLE, CREATE].map(timeOf)).toEqual([1, 1, 2, 2, 3]);
  });
});

describe('a request whose frame names its keyspace', () => {
  const body = encodeQuery({ query: 'SELECT v FROM t', consistency: 1, version: 5 });
  const bytes = encodeFrame({ version: 5, opcode: Opcode.QUERY, streamId: 9, body });
  const request = requestFor(SELECT, {
    frame: new Frame(bytes, 0, bytes.length),
    statement: statementOf('SELECT v FROM t', 'ks'),
    keyspace: 'ks',
    naming: true,
  });

  it('is another one, and answers the same stream though a node’s id was patched in', () => {
    request.frame.setStreamId(1234);
    const named = request.named();
    expect(endsInKeyspace(named.frame, 'ks')).toBe(true);
    expect(endsInKeyspace(request.frame, 'ks')).toBe(false);
    expect(named).toMatchObject({ clientStreamId: 9, namedKeyspace: 'ks', namesKeyspace: true });
    expect(request).toMatchObject({ namedKeyspace: null, namesKeyspace: false });
  });

  it('is the same one where it is carried out in none', () => {
    const inNone = request.inNoKeyspace(request.statement);
    expect(inNone.keyspace).toBe(NO_KEYSPACE);
    expect(inNone.named()).toBe(inNone);
  });
});
