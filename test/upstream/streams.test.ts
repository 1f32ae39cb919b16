// The streams of a connection without a socket: whom an answer belongs to, and what reads the keyspace meanwhile.
import { describe, expect, it } from 'vitest';
import { later, monotonicMs, NEVER, type MonotonicMs } from '../../src/clock.ts';
import { ProtocolFault } from '../../src/errors.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { ConnectionKeyspace } from '../../src/upstream/connection-keyspace.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import type { InFlight } from '../../src/upstream/in-flight-request.ts';
import { Streams } from '../../src/upstream/streams.ts';

const NOW = monotonicMs();
const GONE = new UpstreamFault('unreachable', 'gone');

function made() {
  const keyspace = new ConnectionKeyspace(() => undefined);
  return { keyspace, streams: new Streams(keyspace) };
}

function request(deadlineAtMs: MonotonicMs = NEVER, ends: string[] = []) {
  const told: InFlight = {
    deadlineAtMs,
    takesParts: false,
    answered: () => ends.push('answered'),
    lost: (sent) => ends.push(sent ? 'lost, sent' : 'lost, unsent'),
    timedOut: () => ends.push('timed out'),
    tooLarge: () => ends.push('too large'),
    failed: (error) => ends.push(`failed: ${String(error)}`),
  };
  return Object.assign(told, { ends });
}

describe('the streams of a connection', () => {
  it('give each answer to the request that waits on its id', () => {
    const { streams } = made();
    const [a, b] = [request(), request()];
    const ids = [streams.take(a, false), streams.take(b, false)];
    expect(streams.taken).toBe(2);
    expect(streams.end(ids[1]!, NOW)).toBe(b);
    expect(streams.end(ids[0]!, NOW)).toBe(a);
    expect(streams.taken).toBe(0);
    expect(() => streams.end(ids[0]!, NOW)).toThrow(ProtocolFault);
    expect(() => streams.end(UPSTREAM.streamsPerConnection, NOW)).toThrow(ProtocolFault);
  });

  it('refuse what comes when every id is taken, and count no reader for it', () => {
    const { keyspace, streams } = made();
    while (streams.available > 0) streams.take(request(), true);
    expect(keyspace.readers).toBe(UPSTREAM.streamsPerConnection);
    expect(streams.take(request(), true)).toBe(-1);
    expect(keyspace.readers).toBe(UPSTREAM.streamsPerConnection);
  });

  it('count who reads the keyspace until the answer comes, however late', () => {
    const { keyspace, streams } = made();
    const late = request(later(NOW, -1));
    const id = streams.take(late, true);
    streams.take(request(), false);
    streams.expire(NOW);
    expect(late.ends).toEqual(['timed out']);
    expect([keyspace.readers, streams.quarantined, streams.taken]).toEqual([1, 1, 2]);
    // Whoever gets the late answer is nobody.
    streams.end(id, later(NOW, 7)).timedOut();
    expect(late.ends).toEqual(['timed out']);
    expect([keyspace.readers, streams.quarantined, streams.taken]).toEqual([0, 0, 1]);
    expect(keyspace.lastReaderEndedAtMs).toBe(later(NOW, 7));
  });

  it('take nothing that reads the keyspace beside a USE', () => {
    const { keyspace, streams } = made();
    keyspace.switchTo('a');
    const use = streams.take(request(), true);
    expect(() => streams.take(request(), true)).toThrow();
    expect(streams.take(request(), false)).not.toBe(use);
    expect(streams.taken).toBe(2);
  });

  it('tell each whether a byte of it left when the connection ends', () => {
    const { streams } = made();
    const [sent, unsent] = [request(), request()];
    streams.take(sent, false);
    const id = streams.take(unsent, false);
    streams.loseAll(id === -1 ? [] : [id], GONE);
    expect([sent.ends, unsent.ends]).toEqual([['lost, sent'], ['lost, unsent']]);
    streams.loseAll([], GONE);
    expect([sent.ends, unsent.ends]).toEqual([['lost, sent'], ['lost, unsent']]);
  });

  it('tell the others though one of them throws', () => {
    const { streams } = made();
    const broken = Object.assign(request(later(NOW, -1)), {
      timedOut: () => {
        throw new Error('of ours');
      },
      lost: () => {
        throw new Error('of ours');
      },
    });
    const other = request(later(NOW, -1));
    streams.take(broken, false);
    streams.take(other, false);
    streams.expire(NOW);
    expect(broken.ends).toEqual(['failed: Error: of ours']);
    expect(other.ends).toEqual(['timed out']);
    const first = Object.assign(request(), {
      lost: () => {
        throw new Error('of ours');
      },
    });
    const second = request();
    streams.take(first, false);
    streams.take(second, false);
    streams.loseAll([], GONE);
    expect(first.ends).toEqual(['failed: Error: of ours']);
    expect(second.ends).toEqual(['lost, sent']);
  });
});
