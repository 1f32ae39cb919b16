// The last look at a permit before a frame leaves, without a connection.
import { describe, expect, it } from 'vitest';
import { NEVER } from '../../src/clock.ts';
import { NO_KEYSPACE, type WantedKeyspace } from '../../src/cql/connection-state.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { withKeyspace } from '../../src/protocol/request-keyspace.ts';
import { PermitFault } from '../../src/upstream/faults.ts';
import type { ClientRequest } from '../../src/upstream/in-flight-request.ts';
import { checkPermit } from '../../src/upstream/permit-check.ts';
import { FakeConnection } from '../support/choosable.ts';
import { permitted } from '../support/policy.ts';

const { permit: PERMIT, ...PERMITTED } = permitted('ci');
const BYTES = encodeFrame({
  version: 4,
  opcode: Opcode.QUERY,
  streamId: 0,
  body: encodeQuery({ query: 'SELECT v FROM t', consistency: 1, version: 4 }),
});
const PLAIN = new Frame(BYTES, 0, BYTES.length);
const NAMES_A = withKeyspace(PLAIN, 'a');

function request(change: Partial<ClientRequest> = {}): ClientRequest {
  return {
    ...PERMITTED,
    keyspace: null,
    namesKeyspace: false,
    isUse: false,
    deadlineAtMs: NEVER,
    takesParts: false,
    answered: () => undefined,
    lost: () => undefined,
    timedOut: () => undefined,
    tooLarge: () => undefined,
    failed: () => undefined,
    ...change,
  };
}

function connectionIn(keyspace: string | null, takesRequestKeyspace = true) {
  const { keyspaceState } = new FakeConnection(keyspace);
  return { cassandraRole: 'ci', takesRequestKeyspace, keyspaceState };
}

describe('a permit', () => {
  it.each<[string, Partial<ClientRequest>, string]>([
    [
      'another statement',
      { statement: permitted('ci', 'SELECT v FROM ks.t').statement },
      'statement',
    ],
    ['another policy', { policyVersion: 'v2' }, 'policy'],
  ])('is not for %s', (_what, change, text) => {
    const check = () => checkPermit(PERMIT, request(change), PLAIN, connectionIn(null));
    expect(check).toThrow(PermitFault);
    expect(check).toThrow(text);
  });

  it('is not for the connection of another login', () => {
    const other = { ...connectionIn(null), cassandraRole: 'other' };
    expect(() => checkPermit(PERMIT, request(), PLAIN, other)).toThrow(PermitFault);
  });

  it.each<[WantedKeyspace, string | null]>([
    ['a', 'b'],
    ['a', null],
    [NO_KEYSPACE, 'a'],
  ])('is not for a request decided in %s on a connection in %s', (keyspace, current) => {
    const check = () => checkPermit(PERMIT, request({ keyspace }), PLAIN, connectionIn(current));
    expect(check).toThrow(PermitFault);
  });

  it('is not for a connection that is being set to the keyspace', () => {
    const connection = connectionIn('b');
    connection.keyspaceState.switchTo('a');
    const check = () => checkPermit(PERMIT, request({ keyspace: 'a' }), PLAIN, connection);
    expect(check).toThrow(PermitFault);
  });

  it.each<[string, Frame, boolean, boolean]>([
    ['the frame names another', PLAIN, true, true],
    ['the request does not say so', NAMES_A, false, true],
    ['the node does not read it there', NAMES_A, true, false],
  ])('is not for a request that is said to name its keyspace where %s', (_why, ...of) => {
    const [frame, namesKeyspace, takes] = of;
    const one = request({ keyspace: 'a', namesKeyspace });
    expect(() => checkPermit(PERMIT, one, frame, connectionIn('b', takes))).toThrow(PermitFault);
  });
});

describe('a permitted request', () => {
  const reads = (change: Partial<ClientRequest>, frame = PLAIN, keyspace: string | null = 'a') =>
    checkPermit(PERMIT, request(change), frame, connectionIn(keyspace));

  it('reads the keyspace of the connection where it depends on it, and where it is a USE', () => {
    expect(reads({ keyspace: 'a' })).toBe(true);
    expect(reads({ keyspace: NO_KEYSPACE }, PLAIN, null)).toBe(true);
    expect(reads({ isUse: true })).toBe(true);
  });

  it('does not read it where it needs none, or names it by its bytes', () => {
    expect(reads({})).toBe(false);
    expect(reads({ keyspace: 'a', namesKeyspace: true }, NAMES_A, 'b')).toBe(false);
    expect(reads({ keyspace: 'a', namesKeyspace: true }, NAMES_A)).toBe(false);
    expect(reads({ keyspace: 'a', namesKeyspace: true }, PLAIN)).toBe(true);
  });
});
