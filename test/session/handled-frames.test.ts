// What becomes of each thing that a handler makes of a frame, at once or after a wait.
import { beforeEach, describe, expect, it } from 'vitest';
import { HandledFrames } from '../../src/session/handled-frames.ts';
import { close, reply, type Handled, type HandledWait } from '../../src/session/outcome.ts';
import { requestFor } from '../support/exchanges.ts';

const FRAME = Buffer.from('frame');
const REQUEST = requestFor('SELECT v FROM ks.t');

let done: unknown[];
let beginFails: boolean;
let frames: HandledFrames;

beforeEach(() => {
  done = [];
  beginFails = false;
  frames = new HandledFrames({
    begin: (request) => {
      if (beginFails) throw new Error('ours');
      done.push(['begin', request]);
    },
    reply: (frame) => done.push(['reply', frame]),
    close: (frame, reason) => done.push(['close', frame, reason]),
    handleFault: (error) => done.push(['fault', String(error)]),
    handleFurther: () => done.push('further'),
    cutOff: () => done.push('cut off'),
  });
});

const waitFor = (outcome: Promise<Handled>, blocking: boolean): HandledWait => ({
  ...{ type: 'wait', outcome, blocking },
});

/** Everything that promises led to has happened. */
const settled = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what a handler made of a frame', () => {
  it.each<[string, Handled, unknown]>([
    ['a statement is carried out', REQUEST, ['begin', REQUEST]],
    ['an answer is given', reply(FRAME), ['reply', FRAME]],
    ['an end is one', close(FRAME, 'bad startup'), ['close', FRAME, 'bad startup']],
  ])('%s', (_, handled, expected) => {
    frames.apply(handled);
    expect(done).toEqual([expected]);
    expect(frames.isWaiting).toBe(false);
  });

  it('is handled now where the frame was kept until then', () => {
    frames.apply({ type: 'continue', handle: () => reply(FRAME) });
    expect(done).toEqual([['reply', FRAME]]);
  });
});

describe('a wait', () => {
  it('that blocks lets nothing else be handled until it is over, and then all that came', async () => {
    frames.apply(waitFor(Promise.resolve(reply(FRAME)), true));
    expect(frames.isWaiting).toBe(true);
    expect(done).toEqual([]);
    await settled();
    expect(frames.isWaiting).toBe(false);
    expect(done).toEqual([['reply', FRAME], 'further']);
  });

  it('that does not block holds nothing up, nor ends the wait of another', async () => {
    frames.apply(waitFor(new Promise(() => undefined), true));
    frames.apply(waitFor(Promise.resolve(reply(FRAME)), false));
    await settled();
    expect(done).toEqual([['reply', FRAME], 'further']);
    expect(frames.isWaiting).toBe(true);
  });

  it('that fails is a fault, and holds nothing up any more', async () => {
    frames.apply(waitFor(Promise.reject(new Error('ours')), true));
    await settled();
    expect(frames.isWaiting).toBe(false);
    expect(done).toEqual([['fault', 'Error: ours']]);
  });

  it('whose end cannot be carried out is a fault', async () => {
    beginFails = true;
    frames.apply(waitFor(Promise.resolve(REQUEST), true));
    await settled();
    expect(done).toEqual([['fault', 'Error: ours'], 'further']);
  });
});
