// Requests of a session that is none: for tests of the steps of a request, which need neither sockets nor a gate.
import { Share } from '../../src/audit/room.ts';
import { NEVER, wallAt } from '../../src/clock.ts';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { EMPTY_SCHEMA, type Statement } from '../../src/cql/statement.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import type { Authority } from '../../src/policy/policy.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { newAttempt } from '../../src/session/attempt.ts';
import type { Exchange, RequestSession } from '../../src/session/exchange.ts';
import { Request, type DecodedRequest } from '../../src/session/request.ts';
import { roleUnderPolicy, type TestRoleDocument } from './policy.ts';

export function statementOf(text: string, keyspace: string | null = null): Statement {
  const statement = analyse(text, keyspace);
  if (!isStatement(statement)) throw new Error(`${text}: ${statement.reason}`);
  return statement;
}

/** A request frame of this opcode, with bytes that nobody reads. */
export function frameOf(opcode: number, streamId = 7): Frame {
  const bytes = encodeFrame({ version: 4, opcode, streamId, body: Buffer.alloc(16) });
  return new Frame(bytes, 0, bytes.length);
}

/** A response frame. */
export function responseOf(opcode: number, body: Buffer): Frame {
  const bytes = encodeFrame({ version: 4, opcode, streamId: 0, body });
  return new Frame(bytes, 0, bytes.length);
}

export function requestFor(text: string, changes: Partial<DecodedRequest> = {}): Request {
  return new Request({
    opcode: Opcode.QUERY,
    frame: frameOf(changes.opcode ?? Opcode.QUERY),
    statement: statementOf(text),
    text,
    consistency: 1,
    keyspace: null,
    namedKeyspace: null,
    naming: false,
    prepared: [],
    bound: null,
    parts: null,
    skipsMetadata: false,
    caller: null,
    ...changes,
  });
}

export function authorityOf(document: TestRoleDocument): Authority {
  return {
    ...roleUnderPolicy(document),
    binding: { name: 'b', role: 'r', issuer: 'pipelines', where: new Map() },
    principal: {
      issuerName: 'pipelines',
      issuer: 'https://issuer',
      subject: 'job',
      claims: {},
      isHuman: false,
      tokenSha256: '',
      expiresAtMs: wallAt(1e12),
    },
  };
}

export function sessionOf(changes: Partial<RequestSession> = {}): RequestSession {
  const share = new Share();
  const authority = authorityOf({ grants: ['ALL PERMISSIONS ON KEYSPACE ks'] });
  return {
    id: 's1',
    version: 4,
    keyspace: null,
    isClosed: false,
    hasMuchInFlight: false,
    turn: { key: 'r', owner: {} },
    advertised: { name: 'gate:9042', address: Buffer.from([192, 0, 2, 1]), port: 9042 },
    auditShare: share,
    policyVersion: authority.policy.version,
    schema: EMPTY_SCHEMA,
    nodes: [],
    clusterName: 'test',
    authority: () => authority,
    route: () => {
      throw new Error('no route was expected to be asked for');
    },
    pinned: () => [],
    siblings: () => [],
    auditBase: () => ({ session: 's1', role: 'r' }),
    who: () => ({ share, issuer: 'https://issuer', subject: 'job' }),
    settle: () => undefined,
    deliver: () => undefined,
    reframed: () => undefined,
    keyspaceSet: () => undefined,
    learned: () => undefined,
    ...changes,
  };
}

export function exchangeOf(request: Request, session = sessionOf()): Exchange {
  const attempt = newAttempt(request);
  return {
    session,
    attempt,
    get request() {
      return attempt.request;
    },
    consistency: request.consistency,
    to: { version: session.version, streamId: request.clientStreamId },
    statement: request.statement,
    keyspace: request.keyspace,
    namesKeyspace: request.namesKeyspace,
    naming: request.naming,
    isUse: request.isUse,
    policyVersion: session.policyVersion,
    preferred: [],
    inOrder: false,
    only: false,
    avoid: null,
    givesWay: request.frame.byteLength > UPSTREAM.largeRequestBytes,
    deadlineAtMs: NEVER,
    takesParts: false,
    answered: () => undefined,
    lost: () => undefined,
    timedOut: () => undefined,
    tooLarge: () => undefined,
    failed: () => undefined,
  };
}
