// A request of the gate's own in flight: each of its ends settles the promise of whoever asked.
import { describe, expect, it } from 'vitest';
import { later, monotonicMs } from '../../src/clock.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { OwnRequest, ownFrame } from '../../src/upstream/own-request.ts';
import { message } from '../support/own-answers.ts';

function asked() {
  const ends: unknown[] = [];
  const request = new OwnRequest(
    'n:9042',
    250,
    (response) => ends.push(response),
    (error) => ends.push(error),
  );
  return { request, ends };
}

describe('a request of the gate', () => {
  it('ends with its answer, which is taken whole', () => {
    const { request, ends } = asked();
    const answer = message(Opcode.READY);
    expect(request.takesParts).toBe(false);
    request.answered(answer);
    expect(ends).toEqual([answer]);
  });

  it.each<[string, (request: OwnRequest) => void, object]>([
    [
      'the answer has no room',
      (request) => request.tooLarge(77),
      { code: 'busy', message: 'an answer of 77 bytes has no room here' },
    ],
    [
      'no answer comes in time',
      (request) => request.timedOut(),
      { code: 'timeout', message: 'n:9042 did not answer within 250 ms' },
    ],
    [
      'the connection ends',
      (request) => request.lost(true, new UpstreamFault('unreachable', 'gone')),
      { code: 'unreachable', message: 'gone' },
    ],
    [
      'an error of ours comes up',
      (request) => request.failed(new Error('ours')),
      { message: 'ours' },
    ],
  ])('ends with a fault where %s', (_why, end, fault) => {
    const { request, ends } = asked();
    end(request);
    expect(ends).toMatchObject([fault]);
  });

  it('has its time from when it was made', () => {
    const beforeMs = monotonicMs();
    const { deadlineAtMs } = asked().request;
    expect(deadlineAtMs >= later(beforeMs, 250)).toBe(true);
    expect(deadlineAtMs <= later(monotonicMs(), 250)).toBe(true);
  });

  it('is a frame whose stream id is set when it leaves', () => {
    const frame = ownFrame(4, Opcode.OPTIONS, null);
    expect([frame.opcode, frame.streamId, frame.byteLength]).toEqual([Opcode.OPTIONS, 0, 9]);
    frame.setStreamId(300);
    expect(frame.streamId).toBe(300);
  });
});
