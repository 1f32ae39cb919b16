// One connection to a node that behaves badly: late, wrong, silent or gone.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { later, monotonicMs, type MonotonicMs } from '../../src/clock.ts';
import { NO_KEYSPACE, type WantedKeyspace } from '../../src/cql/connection-state.ts';
import { TURN } from '../../src/limits/session.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { Connection } from '../../src/upstream/connection.ts';
import { dialPlain } from '../../src/upstream/dial.ts';
import { PermitFault, type UpstreamFault } from '../../src/upstream/faults.ts';
import type { ClientRequest } from '../../src/upstream/in-flight-request.ts';
import { useKeyspace } from '../../src/upstream/use-keyspace.ts';
import { turnWork } from '../../src/turn.ts';
import { permitted } from '../support/policy.ts';
import { ScriptedNode } from '../support/scripted-node.ts';

const PERMITTED = permitted('ci');
const PERMIT = PERMITTED.permit;
const LOGIN = { name: 'ci', open: false, username: 'ci', password: 'pw' } as const;
const query = (text: string) => encodeQuery({ query: text, consistency: 1, version: 4 });
const row = (text: string) => new Writer().writeInt(1).writeString(text).toBuffer();

let node: ScriptedNode;
let closed: UpstreamFault[];

beforeEach(async () => {
  node = await ScriptedNode.start();
  closed = [];
});

afterEach(async () => node.close());

const open = async () => {
  // The array of this test: sockets of the one before may still be closing.
  const own = closed;
  return Connection.open({
    dial: dialPlain(60_000),
    host: '127.0.0.1',
    port: node.port,
    version: 4,
    login: LOGIN,
    compression: null,
    onClosed: (_connection, cause) => own.push(cause),
    onIdle: () => undefined,
  });
};

/** A request whose end is a text: its answer, `timeout`, or `lost`. */
class Request implements ClientRequest {
  readonly namesKeyspace: boolean = false;
  readonly isUse: boolean = false;
  readonly statement = PERMITTED.statement;
  readonly policyVersion = PERMITTED.policyVersion;
  keyspace: WantedKeyspace = null;
  deadlineAtMs: MonotonicMs;
  takesParts = false;
  readonly ends: string[] = [];
  constructor(deadlineAtMs = later(monotonicMs(), 60_000)) {
    this.deadlineAtMs = deadlineAtMs;
  }
  answered(response: Frame): void {
    this.ends.push(response.buffer.toString('utf8', response.bodyStart + 6, response.end));
  }
  timedOut(): void {
    this.ends.push('timeout');
  }
  tooLarge(bytes: number): void {
    this.ends.push(`too large: ${bytes}`);
  }
  failed(error: unknown): void {
    this.ends.push(`failed: ${String(error)}`);
  }
  lost(sent: boolean): void {
    this.ends.push(sent ? 'lost, sent' : 'lost, not sent');
  }
}

function send(connection: Connection, text: string, request: Request): void {
  const bytes = encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: 99, body: query(text) });
  expect(connection.forward(PERMIT, request, new Frame(bytes, 0, bytes.length))).toBe(true);
}

describe('a connection', () => {
  it('gives answers to who asked, in whatever order they come', async () => {
    node.script = () => true;
    const connection = await open();
    const requests = ['a', 'b', 'c'].map((text) => {
      const request = new Request();
      send(connection, text, request);
      return request;
    });
    await expect.poll(() => node.requests.length).toBe(3);
    for (const { text, answer } of [...node.requests].reverse()) answer(Opcode.RESULT, row(text));
    await expect.poll(() => requests.map(({ ends }) => ends)).toEqual([['a'], ['b'], ['c']]);
    expect(connection.inFlight).toBe(0);
  });

  it('hands out answers that make work over turns, in order', async () => {
    node.script = () => true;
    const connection = await open();
    const byTurn = new Map<number, string[]>();
    class Costly extends Request {
      override answered(response: Frame): void {
        turnWork.add(TURN.workPerSession / 4);
        super.answered(response);
        const { turn } = turnWork;
        byTurn.set(turn, [...(byTurn.get(turn) ?? []), this.ends[0]!]);
      }
    }
    const texts = Array.from({ length: 40 }, (_unused, i) => `answer ${i}`);
    const requests = texts.map((text) => {
      const request = new Costly();
      send(connection, text, request);
      return request;
    });
    await expect.poll(() => node.requests.length).toBe(40);
    for (const { text, answer } of node.requests) answer(Opcode.RESULT, row(text));
    await expect.poll(() => requests.every(({ ends }) => ends.length === 1)).toBe(true);
    expect([...byTurn.values()].flat()).toEqual(texts);
    expect(Math.max(...[...byTurn.values()].map((one) => one.length))).toBeLessThanOrEqual(8);
    expect(connection.inFlight).toBe(0);
  });

  it('hands out what came before the end of the connection, though the turn had no more time', async () => {
    node.script = () => true;
    const connection = await open();
    class Costly extends Request {
      override answered(response: Frame): void {
        turnWork.add(TURN.workPerSession);
        super.answered(response);
        // The node is gone by the time that the first answer is handed out.
        for (const socket of node.sockets) socket.resetAndDestroy();
      }
    }
    const texts = Array.from({ length: 100 }, (_unused, i) => `answer ${i}`);
    const requests = texts.map((text) => {
      const request = new Costly();
      send(connection, text, request);
      return request;
    });
    await expect.poll(() => node.requests.length).toBe(100);
    const bytes = node.requests.map(({ text, streamId }) => {
      const frame = encodeFrame({ version: 4, opcode: Opcode.RESULT, streamId, body: row(text) });
      frame[0]! |= 0x80;
      return frame;
    });
    node.requests[0]!.raw(Buffer.concat(bytes));
    await expect.poll(() => closed).toHaveLength(1);
    expect(requests.map(({ ends }) => ends.join())).toEqual(texts);
  });

  it('never gives a late answer to another request', async () => {
    node.script = () => true;
    const connection = await open();
    const late = new Request(later(monotonicMs(), -1));
    send(connection, 'late', late);
    await expect.poll(() => node.requests.length).toBe(1);
    connection.tick(monotonicMs());
    expect(late.ends).toEqual(['timeout']);
    // The id stays out: other requests get other ids.
    const next = new Request();
    send(connection, 'next', next);
    await expect.poll(() => node.requests.length).toBe(2);
    expect(node.requests[1]!.streamId).not.toBe(node.requests[0]!.streamId);
    node.requests[0]!.answer(Opcode.RESULT, row('late'));
    node.requests[1]!.answer(Opcode.RESULT, row('next'));
    await expect.poll(() => next.ends).toEqual(['next']);
    expect(late.ends).toEqual(['timeout']);
    expect(connection.inFlight).toBe(0);
  });

  it('is replaced when too many answers stay out', async () => {
    node.script = () => true;
    const connection = await open();
    for (let i = 0; i <= UPSTREAM.quarantinedStreams; i++) {
      send(connection, 'x', new Request(later(monotonicMs(), -1)));
    }
    connection.tick(monotonicMs());
    expect(closed[0]?.code).toBe('timeout');
    expect(connection.isReady).toBe(false);
  });

  it('ends on an answer that nobody asked for, and tells who waits', async () => {
    node.script = ({ answer, streamId }) => {
      answer(Opcode.RESULT, row('?'), streamId + 7);
      return true;
    };
    const connection = await open();
    const request = new Request();
    send(connection, 'x', request);
    await expect.poll(() => request.ends).toEqual(['lost, sent']);
    expect(closed[0]?.code).toBe('protocol');
  });

  it('ends on bytes that are no frame', async () => {
    node.script = ({ raw }) => {
      raw(Buffer.from('HTTP/1.1 400 Bad Request\r\n'));
      return true;
    };
    const connection = await open();
    const request = new Request();
    send(connection, 'x', request);
    await expect.poll(() => request.ends).toEqual(['lost, sent']);
  });

  it('tells what never left from what may have been done', async () => {
    node.script = () => true;
    const connection = await open();
    const sent = new Request();
    send(connection, 'sent', sent);
    await expect.poll(() => node.requests.length).toBe(1);
    const unsent = new Request();
    send(connection, 'unsent', unsent);
    connection.keyspaceState.useUnanswered();
    expect(sent.ends).toEqual(['lost, sent']);
    expect(unsent.ends).toEqual(['lost, not sent']);
  });

  it('repeats a request with a fresh header, the bytes handed over untouched', async () => {
    const connection = await open();
    const bytes = encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: 99, body: query('x') });
    const frame = new Frame(bytes, 0, bytes.length);
    connection.forward(PERMIT, new Request(), frame);
    const before = Buffer.from(bytes);
    connection.repeat(PERMIT, new Request(), frame);
    await expect.poll(() => node.requests.length).toBe(2);
    expect(bytes).toEqual(before);
    expect(node.requests.map(({ text }) => text)).toEqual(['x', 'x']);
  });

  it('sends nothing with a permit that is not for that', async () => {
    const connection = await open();
    const bytes = encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: 99, body: query('x') });
    const before = Buffer.from(bytes);
    const frame = new Frame(bytes, 0, bytes.length);
    const otherRole = permitted('other');
    const otherStatement = permitted('ci', 'SELECT v FROM ks.t');
    const cases: [typeof PERMIT, ClientRequest][] = [
      [otherRole.permit, Object.assign(new Request(), { statement: otherRole.statement })],
      [otherStatement.permit, new Request()],
      [PERMIT, Object.assign(new Request(), { policyVersion: 'v2' })],
      [PERMIT, Object.assign(new Request(), { keyspace: 'ks' })],
    ];
    for (const [permit, request] of cases) {
      expect(() => connection.forward(permit, request, frame)).toThrow(PermitFault);
      expect(() => connection.repeat(permit, request, frame)).toThrow(PermitFault);
    }
    await useKeyspace(connection, 'ks');
    const inNone = Object.assign(new Request(), { keyspace: NO_KEYSPACE });
    expect(() => connection.forward(PERMIT, inNone, frame)).toThrow(PermitFault);
    expect(bytes).toEqual(before);
    expect(connection.inFlight).toBe(0);
    send(connection, 'last', new Request());
    await expect.poll(() => node.requests.map(({ text }) => text)).toEqual(['USE ks', 'last']);
  });

  it('says which Cassandra role was refused, and not its password', async () => {
    node.refuseLogin = true;
    await expect(open()).rejects.toMatchObject({
      code: 'login_refused',
      message: expect.stringContaining('role ci') as string,
    });
    await expect(open()).rejects.not.toThrow(/pw/);
  });

  it('says that a node cannot be reached', async () => {
    await node.close();
    await expect(open()).rejects.toMatchObject({ code: 'unreachable' });
    node = await ScriptedNode.start();
  });
});
