// The table at the top of src/upstream/connection-keyspace.ts, walked state by state and event by event.
import { describe, expect, it } from 'vitest';
import { LONG_AGO, later, monotonicMs } from '../../src/clock.ts';
import { NO_KEYSPACE, type WantedKeyspace } from '../../src/cql/connection-state.ts';
import { ProtocolFault } from '../../src/errors.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeError } from '../../src/protocol/messages/error.ts';
import { ResultKind } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { ConnectionKeyspace } from '../../src/upstream/connection-keyspace.ts';

const frameOf = (bytes: Buffer): Frame => new Frame(bytes, 0, bytes.length);
const result = (body: Buffer): Frame =>
  frameOf(encodeFrame({ version: 4, opcode: Opcode.RESULT, streamId: 1, body }));
const setKeyspace = (keyspace: string): Frame =>
  result(new Writer().writeInt(ResultKind.SET_KEYSPACE).writeString(keyspace).toBuffer());
const refused = frameOf(
  encodeError({ version: 4, streamId: 1 }, 'no', { code: CqlErrorCode.INVALID }),
);
const noAnswer = result(new Writer().writeInt(ResultKind.VOID).toBuffer());
const cutOff = result(new Writer().writeInt(ResultKind.SET_KEYSPACE).toBuffer());

interface Driven {
  readonly keyspace: ConnectionKeyspace;
  readonly problems: string[];
}

function driven(...events: ((keyspace: ConnectionKeyspace) => void)[]): Driven {
  const problems: string[] = [];
  const keyspace = new ConnectionKeyspace((problem) => problems.push(problem));
  for (const event of events) event(keyspace);
  return { keyspace, problems };
}

/** All that the world sees of it, as a text. */
function seen({ keyspace }: Driven): string {
  const { current, state, target, readers, isOffered, isChanging } = keyspace;
  expect(isChanging).toBe(state !== 'settled');
  expect(target !== null).toBe(state === 'reserved' || state === 'switching');
  const words = [
    ...(state === 'reserved' ? [`reserved for ${target}`] : []),
    ...(state === 'switching' ? [`switching to ${target}`] : []),
    ...(state === 'ended' ? ['ended'] : []),
    ...(readers === 0 ? [] : [`${readers} reading`]),
    ...(isOffered ? ['offered'] : []),
  ];
  return [`in ${current ?? 'none'}`, ...words].join(', ');
}

type Step = (keyspace: ConnectionKeyspace) => void;
const inA: Step = (one) => {
  one.switchTo('a');
  one.useAnswered(setKeyspace('a'));
};
const reads: Step = (one) => one.readerStarted();
const offered: Step = (one) => void one.offer();
const reserved: Step = (one) => one.reserve('r');
const switching: Step = (one) => one.switchTo('s');
const ended: Step = (one) => one.end();

const STATES: readonly (readonly [name: string, steps: readonly Step[]])[] = [
  ['in none', []],
  ['in none, offered', [offered]],
  ['in a', [inA]],
  ['in a, 2 reading', [inA, reads, reads]],
  ['in a, reserved for r', [inA, reserved]],
  ['in a, reserved for r, 1 reading', [inA, reads, reserved]],
  ['in a, switching to s', [inA, switching]],
  ['in a, switching to s, 1 reading', [inA, switching, reads]],
  ['in a, ended', [inA, ended]],
];

/** What becomes of each state, in their order; `-` leaves it as it is. `!` throws and leaves it as it is. */
const EVENTS: readonly (readonly [name: string, event: Step, outcomes: readonly string[]])[] = [
  [
    'a request that reads it leaves',
    (one) => one.readerStarted(),
    [
      'in none, 1 reading',
      'in none, 1 reading, offered',
      'in a, 1 reading',
      'in a, 3 reading',
      'in a, reserved for r, 1 reading',
      'in a, reserved for r, 2 reading',
      'in a, switching to s, 1 reading',
      '!',
      '!',
    ],
  ],
  [
    'a request that reads it is answered',
    (one) => one.readerEnded(monotonicMs()),
    [
      '!',
      '!',
      '!',
      'in a, 1 reading',
      '!',
      'in a, reserved for r',
      '!',
      'in a, switching to s',
      '-',
    ],
  ],
  [
    'it is reserved',
    (one) => one.reserve('q'),
    [
      'in none, reserved for q',
      '!',
      'in a, reserved for q',
      'in a, reserved for q, 2 reading',
      '!',
      '!',
      '!',
      '!',
      '-',
    ],
  ],
  [
    'it is released',
    (one) => one.release('r'),
    ['-', '-', '-', '-', 'in a', 'in a, 1 reading', '-', '-', '-'],
  ],
  [
    'it is released from what it is not reserved for',
    (one) => one.release('s'),
    ['-', '-', '-', '-', '-', '-', '-', '-', '-'],
  ],
  [
    'a USE is about to leave',
    (one) => one.switchTo('t'),
    [
      'in none, switching to t',
      'in none, switching to t, offered',
      'in a, switching to t',
      '!',
      'in a, switching to t',
      '!',
      '!',
      '!',
      '-',
    ],
  ],
  [
    'the USE did not leave',
    (one) => one.useNotSent(),
    ['-', '-', '-', '-', '-', '-', 'in a', '-', '-'],
  ],
  [
    'the node confirms a USE',
    (one) => {
      const asked = one.state === 'switching' ? one.target : one.current;
      if (asked !== null) one.useAnswered(setKeyspace(asked));
    },
    ['-', '-', '-', '-', '-', '-', 'in s', 'in s, 1 reading', '-'],
  ],
  [
    'the node refuses a USE',
    (one) => one.useAnswered(refused),
    ['-', '-', '-', '-', '-', '-', 'in a', 'in a, 1 reading', '-'],
  ],
  [
    'it is offered',
    (one) => void one.offer(),
    [
      'in none, offered',
      '-',
      'in a, offered',
      'in a, 2 reading, offered',
      'in a, reserved for r, offered',
      'in a, reserved for r, 1 reading, offered',
      'in a, switching to s, offered',
      'in a, switching to s, 1 reading, offered',
      'in a, ended, offered',
    ],
  ],
  ['an offer ends', (one) => one.offerEnded(), ['-', 'in none', '-', '-', '-', '-', '-', '-', '-']],
  [
    'the connection ends',
    (one) => one.end(),
    [
      'in none, ended',
      'in none, ended, offered',
      'in a, ended',
      'in a, ended, 2 reading',
      'in a, ended',
      'in a, ended, 1 reading',
      'in a, ended',
      'in a, ended, 1 reading',
      '-',
    ],
  ],
];

describe('the keyspace of a connection', () => {
  it.each(STATES)('%s: is built as named', (name, steps) => {
    expect(seen(driven(...steps))).toBe(name);
  });

  describe.each(EVENTS)('when %s', (_event, event, outcomes) => {
    it.each(STATES.map(([name, steps], i) => [name, steps, outcomes[i]!] as const))(
      '%s',
      (name, steps, outcome) => {
        const one = driven(...steps);
        if (outcome === '!') expect(() => event(one.keyspace)).toThrow();
        else event(one.keyspace);
        expect(seen(one)).toBe(outcome === '!' || outcome === '-' ? name : outcome);
        expect(one.problems).toEqual([]);
      },
    );
  });

  const ENDINGS: readonly (readonly [name: string, event: Step, problem: string])[] = [
    ['a USE goes unanswered', (one) => one.useUnanswered(), 'did not answer a USE'],
    [
      'the answer to a USE cannot be read',
      (one) => one.useUnreadable(),
      'answered a USE with what is no answer to it',
    ],
    [
      'it is moved without a USE',
      (one) => one.movedWithoutUse(),
      'changed the keyspace without a USE',
    ],
  ];
  describe.each(ENDINGS)('when %s', (_event, event, problem) => {
    it.each(STATES)('%s: ends, and the connection with it, once', (name, steps) => {
      const one = driven(...steps);
      const wasEnded = name.includes('ended');
      event(one.keyspace);
      event(one.keyspace);
      expect(seen(one)).toContain('ended');
      expect(one.problems).toEqual(wasEnded ? [] : [problem]);
    });
  });

  describe.each([
    ['is of another kind', noAnswer],
    ['is cut off', cutOff],
    ['names another keyspace', setKeyspace('k')],
  ])('when the answer to a USE %s', (_how, answer) => {
    it.each(STATES)('%s: ends, and says so to whoever asked', (name, steps) => {
      const one = driven(...steps);
      if (name.includes('ended')) {
        one.keyspace.useAnswered(answer);
        expect(one.problems).toEqual([]);
        return;
      }
      expect(() => one.keyspace.useAnswered(answer)).toThrow(ProtocolFault);
      expect(seen(one)).toContain('ended');
      expect(one.problems).toEqual(['answered a USE with what is no answer to it']);
    });
  });

  it.each<[state: string, steps: readonly Step[], isIn: readonly boolean[], canSwitch: boolean]>([
    ['in none', [], [true, true, false], true],
    ['in a', [inA], [true, false, true], true],
    ['in a, read', [inA, reads], [true, false, true], false],
    ['in a, reserved', [inA, reserved], [true, false, true], true],
    ['in a, read and reserved', [inA, reads, reserved], [true, false, true], false],
    ['switching', [inA, switching], [true, false, false], false],
    ['switching, its USE sent', [inA, switching, reads], [true, false, false], false],
    ['ended', [inA, ended], [true, false, false], false],
    ['ended in none', [ended], [true, false, false], false],
  ])('%s: says where a request would be carried out', (_state, steps, isIn, canSwitch) => {
    const { keyspace } = driven(...steps);
    const wanted: WantedKeyspace[] = [null, NO_KEYSPACE, 'a'];
    expect(wanted.map((one) => keyspace.isIn(one))).toEqual(isIn);
    expect(keyspace.isIn('s')).toBe(false);
    expect(keyspace.canSwitch).toBe(canSwitch);
  });

  it('remembers when the last reader ended, and not when others did', () => {
    const { keyspace } = driven(inA, reads, reads);
    const nowMs = monotonicMs();
    expect(keyspace.lastReaderEndedAtMs).toBe(LONG_AGO);
    keyspace.readerEnded(nowMs);
    expect(keyspace.lastReaderEndedAtMs).toBe(LONG_AGO);
    keyspace.readerEnded(later(nowMs, 5));
    expect(keyspace.lastReaderEndedAtMs).toBe(later(nowMs, 5));
  });

  it('is offered to one at a time', () => {
    const { keyspace } = driven();
    expect([keyspace.offer(), keyspace.offer()]).toEqual([true, false]);
    keyspace.offerEnded();
    expect(keyspace.offer()).toBe(true);
  });
});
