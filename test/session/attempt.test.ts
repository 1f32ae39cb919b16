// The state of a request on its way: a permit is spent once, a deadline begins once, and what was handed to a socket is
// known as that.
import { describe, expect, it } from 'vitest';
import { LONG_AGO, NEVER } from '../../src/clock.ts';
import { encodeFrame, Frame, FrameFlag } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { endsInKeyspace } from '../../src/protocol/request-keyspace.ts';
import { newAttempt } from '../../src/session/attempt.ts';
import { frameOf, requestFor, statementOf } from '../support/exchanges.ts';
import { monotonic } from '../support/moments.ts';

const SELECT = 'SELECT v FROM ks.t';

describe('an attempt', () => {
  it('has time from when it is sent first, however often it is repeated', () => {
    const attempt = newAttempt(requestFor(SELECT));
    expect(attempt).toMatchObject({ startedAtMs: LONG_AGO, deadlineAtMs: NEVER });
    attempt.starts(monotonic(1_000), 500);
    attempt.starts(monotonic(1_400), 500);
    expect(attempt).toMatchObject({ startedAtMs: 1_000, deadlineAtMs: 1_500 });
  });

  it('waits for a connection from its first wait on', () => {
    const attempt = newAttempt(requestFor(SELECT));
    expect(attempt.waitsFor(monotonic(100), 50)).toBe(150);
    expect(attempt.waitsFor(monotonic(140), 50)).toBe(150);
  });

  it('has no permit to spend before one was given', () => {
    expect(newAttempt(requestFor(SELECT)).spendPermit()).toBeNull();
  });

  it('avoids the node that failed it, and goes by no connection of before', () => {
    const attempt = newAttempt(requestFor(SELECT));
    attempt.isSentTo('a:9042');
    expect(attempt.handedOver).toBe(true);
    attempt.isLost();
    expect(attempt).toMatchObject({ connection: null, avoid: 'a:9042', movedOn: false });
    attempt.movesOn('b:9042');
    expect(attempt).toMatchObject({ connection: null, avoid: 'b:9042', movedOn: true });
  });

  it('is repeated once where it was sent, and not counted as that where it never left', () => {
    const attempt = newAttempt(requestFor(SELECT));
    attempt.isSentTo('a:9042');
    attempt.repeats(false);
    expect(attempt).toMatchObject({ repeated: false, node: null });
    attempt.isSentTo('a:9042');
    attempt.repeats(true);
    attempt.isSentTo('b:9042');
    attempt.repeats(false);
    expect(attempt).toMatchObject({ repeated: true, node: 'b:9042' });
  });

  it('is sent without the flag that asks for a trace, and knows why', () => {
    const frame = frameOf(Opcode.QUERY);
    frame.buffer[1] = FrameFlag.TRACING;
    const attempt = newAttempt(requestFor(SELECT, { frame }));
    attempt.goesUntraced('since it may not');
    expect(attempt.sent.flags & FrameFlag.TRACING).toBe(0);
    expect(attempt.untraced).toBe('since it may not');
  });

  it('names its keyspace in a copy, which was handed to no socket yet', () => {
    const body = encodeQuery({ query: 'SELECT v FROM t', consistency: 1, version: 5 });
    const bytes = encodeFrame({ version: 5, opcode: Opcode.QUERY, streamId: 9, body });
    const statement = statementOf('SELECT v FROM t', 'ks');
    const frame = new Frame(bytes, 0, bytes.length);
    const attempt = newAttempt(
      requestFor(SELECT, { frame, statement, keyspace: 'ks', naming: true }),
    );
    attempt.isSentTo('a:9042');
    attempt.namesKeyspace();
    expect(attempt).toMatchObject({ handedOver: false, isReframed: true });
    expect(endsInKeyspace(attempt.sent, 'ks')).toBe(true);
  });

  it('makes room for what has to come first only where that is asked for', () => {
    const attempt = newAttempt(requestFor(SELECT));
    expect(attempt.preparations).toBeNull();
    expect(attempt.recordId).toBeNull();
    expect(attempt.prepare()).toBe(attempt.prepare());
  });
});
