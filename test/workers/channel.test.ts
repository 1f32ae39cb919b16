// Questions between processes: answers find who asked, faults too, and nobody waits for the dead.
import { describe, expect, it } from 'vitest';
import { Channel } from '../../src/workers/channel.ts';
import { FakePort } from '../support/ports.ts';

type Theirs = {
  readonly slow: (ms: number) => Promise<string>;
  readonly fails: (nothing: null) => never;
};

const handlers: Theirs = {
  slow: async (ms) => new Promise((resolve) => setTimeout(() => resolve(`after ${ms}`), ms)),
  fails: () => {
    throw new Error('it does not work');
  },
};

function between(): { channel: Channel<Theirs>; near: FakePort; far: FakePort } {
  const [near, far] = FakePort.pair();
  new Channel(far, handlers);
  return { channel: new Channel<Theirs>(near, {}), near, far };
}

describe('a channel', () => {
  it('brings each answer to who asked, in whatever order they come', async () => {
    const { channel } = between();
    const answers = await Promise.all([channel.ask('slow', 30), channel.ask('slow', 1)]);
    expect(answers).toEqual(['after 30', 'after 1']);
  });

  it('rejects with what went wrong at the other end, and with questions that it does not know', async () => {
    const { channel } = between();
    await expect(channel.ask('fails', null)).rejects.toThrow('it does not work');
    await expect(channel.ask('other' as 'slow', 1)).rejects.toThrow('nothing answers to other');
  });

  it('rejects what nobody will answer any more', async () => {
    const { channel, near, far } = between();
    const asked = channel.ask('slow', 60_000);
    channel.close();
    await expect(asked).rejects.toThrow('ended');
    far.isClosed = true;
    await expect(channel.ask('slow', 1)).rejects.toThrow('closed');
    near.isClosed = true;
    channel.tell('slow', 1);
  });

  it('tells without waiting, and what goes wrong with that is nobody’s fault', async () => {
    const heard: string[] = [];
    const [near, far] = FakePort.pair();
    new Channel(far, {
      note: (text: string) => {
        heard.push(text);
        throw new Error('not here');
      },
    });
    const channel = new Channel<{ readonly note: (text: string) => void }>(near, {});
    channel.tell('note', 'one');
    channel.tell('note', 'two');
    await expect(channel.ask('note', 'three')).rejects.toThrow('not here');
    expect(heard).toEqual(['one', 'two', 'three']);
  });
});
