// When a connection is suspect, when it is asked for a sign of life, and when it is given up: with a clock of the
// test's own and no sockets.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { later, monotonicMs, type MonotonicMs } from '../../src/clock.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeError } from '../../src/protocol/messages/error.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { Liveness, type WatchedConnection } from '../../src/upstream/liveness.ts';

const frameOf = (bytes: Buffer): Frame => new Frame(bytes, 0, bytes.length);
const message = (opcode: number): Frame =>
  frameOf(encodeFrame({ version: 4, opcode, streamId: 0, body: null }));
const OVERLOADED = frameOf(
  encodeError({ version: 4, streamId: 0 }, 'busy', { code: CqlErrorCode.OVERLOADED }),
);

class Watched implements WatchedConnection {
  readonly node = '10.0.0.1:9042';
  inFlight = 0;
  quarantined = 0;
  hasRoom = true;
  readonly ends: UpstreamFault[] = [];
  readonly probes: { opcode: number; timeoutMs: number }[] = [];
  answer: (response: Frame) => void = () => undefined;
  fail: (cause: Error) => void = () => undefined;
  async request(opcode: number, _body: Buffer | null, timeoutMs: number): Promise<Frame> {
    this.probes.push({ opcode, timeoutMs });
    return new Promise((resolve, reject) => {
      this.answer = resolve;
      this.fail = reject;
    });
  }
  destroy(cause: UpstreamFault): void {
    this.ends.push(cause);
  }
}

let connection: Watched;
let liveness: Liveness;
let startMs: MonotonicMs;

beforeEach(() => {
  startMs = monotonicMs();
  connection = new Watched();
  liveness = new Liveness(connection);
  liveness.heard(startMs);
});

const at = (ms: number): MonotonicMs => later(startMs, ms);
const tickAt = (ms: number): void => liveness.tick(at(ms));

describe('a connection with something in flight', () => {
  beforeEach(() => {
    connection.inFlight = 1;
    liveness.workStarted(startMs);
  });

  it('is suspect once nothing was heard for a while, until something is', () => {
    tickAt(UPSTREAM.suspectAfterMs - 1);
    expect(liveness.isSuspect).toBe(false);
    tickAt(UPSTREAM.suspectAfterMs + 1);
    expect(liveness.isSuspect).toBe(true);
    liveness.heard(at(UPSTREAM.suspectAfterMs + 2));
    tickAt(UPSTREAM.suspectAfterMs + 3);
    expect(liveness.isSuspect).toBe(false);
    expect(connection.probes).toEqual([]);
  });

  it('counts its silence from the first request, not from when it was heard before', () => {
    liveness.workStarted(at(60_000));
    expect(liveness.silentMs(at(60_010))).toBeCloseTo(10);
    tickAt(60_000 + UPSTREAM.suspectAfterMs - 1);
    expect(liveness.isSuspect).toBe(false);
  });

  it('is asked for a sign of life after longer silence, once at a time', async () => {
    tickAt(UPSTREAM.probeAfterMs - 1);
    expect(connection.probes).toEqual([]);
    tickAt(UPSTREAM.probeAfterMs + 1);
    tickAt(UPSTREAM.probeAfterMs + 2);
    expect(connection.probes).toEqual([
      { opcode: Opcode.OPTIONS, timeoutMs: UPSTREAM.probeTimeoutMs },
    ]);
    connection.answer(message(Opcode.SUPPORTED));
    await nextTurn();
    tickAt(UPSTREAM.probeAfterMs + 3);
    expect(connection.probes).toHaveLength(2);
    expect(connection.ends).toEqual([]);
  });
});

describe('a connection with nothing in flight', () => {
  it('is never suspect, and asked for a sign of life only after long', () => {
    tickAt(UPSTREAM.heartbeatIdleMs - 1);
    expect(connection.probes).toEqual([]);
    tickAt(UPSTREAM.heartbeatIdleMs + 1);
    expect(connection.probes).toHaveLength(1);
    expect(liveness.isSuspect).toBe(false);
  });

  it('is idle since the last word, whether or not it was probed since', async () => {
    liveness.heard(at(10));
    liveness.workEnded();
    expect(liveness.idleSinceMs).toBe(at(10));
    liveness.probe();
    liveness.heard(at(50));
    liveness.workEnded();
    connection.answer(message(Opcode.SUPPORTED));
    await nextTurn();
    expect(liveness.idleSinceMs).toBe(at(10));
    liveness.heard(at(90));
    liveness.workEnded();
    expect(liveness.idleSinceMs).toBe(at(90));
  });
});

describe('a probe', () => {
  it('is not sent where no stream is free', () => {
    connection.hasRoom = false;
    liveness.probe();
    expect(connection.probes).toEqual([]);
  });

  it('takes a refusal for a sign of life', async () => {
    liveness.probe();
    connection.answer(OVERLOADED);
    await nextTurn();
    expect(connection.ends).toEqual([]);
  });

  it('ends the connection where another message comes', async () => {
    liveness.probe();
    connection.answer(message(Opcode.READY));
    await nextTurn();
    expect(connection.ends).toMatchObject([
      { code: 'protocol', message: '10.0.0.1:9042 answered OPTIONS with another message' },
    ]);
  });

  it('ends the connection where nothing comes in time', async () => {
    liveness.probe();
    connection.fail(new UpstreamFault('timeout', 'late'));
    await nextTurn();
    expect(connection.ends).toMatchObject([
      { code: 'timeout', message: '10.0.0.1:9042 gives no sign of life' },
    ]);
  });
});

it('gives a node up that leaves too many requests unanswered', () => {
  connection.inFlight = UPSTREAM.quarantinedStreams;
  connection.quarantined = UPSTREAM.quarantinedStreams;
  tickAt(0);
  expect(connection.ends).toEqual([]);
  connection.quarantined++;
  tickAt(0);
  expect(connection.ends).toMatchObject([
    { code: 'timeout', message: '10.0.0.1:9042 left too many requests unanswered' },
  ]);
  expect(connection.probes).toEqual([]);
});
