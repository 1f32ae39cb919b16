// Lines and slots that tenants share: one floods, another asks for a little. What is counted is how many go before
// the honest one, never how long that takes.
import { describe, expect, it } from 'vitest';
import { FairLine, FairSlots, type Turn } from '../src/fair-queue.ts';

const FLOOD: Turn = { key: 'flood', owner: 'session 1' };
const HONEST: Turn = { key: 'honest', owner: 'session 2' };
const many = <Made>(count: number, make: (i: number) => Made): Made[] =>
  Array.from({ length: count }, (_unused, i) => make(i));

describe('a line', () => {
  interface Item {
    readonly name: string;
  }
  const lineOf = (max: number) => {
    const displaced: string[] = [];
    return { line: new FairLine<Item>(max, ({ name }) => displaced.push(name)), displaced };
  };
  const served = (line: FairLine<Item>): string[] => {
    const names: string[] = [];
    for (let item = line.first; item !== null; item = line.first) {
      line.served(item);
      names.push(item.name);
    }
    return names;
  };

  it('gives roles their turns, and in a role its sessions, whoever came first', () => {
    const { line } = lineOf(100);
    for (let i = 0; i < 40; i++) line.add({ name: `f${i}` }, { key: 'flood', owner: i % 2 });
    line.add({ name: 'other session' }, { key: 'flood', owner: 'quiet' });
    line.add({ name: 'honest' }, HONEST);
    const all = line.inTurn().map(({ name }) => name);
    const order = served(line);
    expect(all).toEqual(order);
    expect(order.indexOf('honest')).toBe(1);
    expect(order.indexOf('other session')).toBeLessThan(6);
    expect(order).toHaveLength(42);
  });

  it('is all for one who is alone, and when full the largest gives way to the smaller', () => {
    const { line, displaced } = lineOf(10);
    const mine = many(10, (i) => line.add({ name: `f${i}` }, { key: 'flood', owner: i % 3 }));
    expect(mine).not.toContain(false);
    expect(line.add({ name: 'one more' }, { key: 'flood', owner: 0 })).toBe(false);
    for (let i = 0; i < 9; i++) line.add({ name: `h${i}` }, HONEST);
    expect(line.size).toBe(10);
    expect(displaced).toHaveLength(5);
    expect(displaced.every((name) => name.startsWith('f'))).toBe(true);
    // What came first of the flood is still there.
    expect(served(line)).toContain('f0');
  });

  it('that one session of a role has filled has room for another of the same role', () => {
    const { line, displaced } = lineOf(10);
    for (let i = 0; i < 10; i++) line.add({ name: `f${i}` }, FLOOD);
    expect(line.add({ name: 'quiet' }, { key: 'flood', owner: 'quiet' })).toBe(true);
    expect(displaced).toEqual(['f9']);
    expect(served(line).indexOf('quiet')).toBe(1);
  });

  it('does not serve less fairly when some leave, or cannot be served yet', () => {
    const { line } = lineOf(100);
    const items = many(10, (i) => ({ name: `f${i}` }));
    for (const item of items) line.add(item, FLOOD);
    line.add({ name: 'honest' }, HONEST);
    for (const item of items.slice(0, 5)) expect(line.delete(item)).toBe(true);
    expect(line.delete(items[0]!)).toBe(false);
    expect(served(line).indexOf('honest')).toBe(1);
  });
});

describe('who waits in a line', () => {
  it('may move to another with its turn, as far as that has room', () => {
    const displaced: string[] = [];
    const [from, to] = [3, 2].map(
      (max) => new FairLine<{ name: string }>(max, ({ name }) => displaced.push(name)),
    );
    for (const name of ['a', 'b', 'c']) from!.add({ name }, { key: name, owner: 1 });
    from!.moveTo(to!);
    expect([from!.size, to!.size, displaced]).toEqual([0, 2, ['c']]);
    expect(to!.inTurn().map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('leaves by what fits, in the order of their turns', () => {
    const line = new FairLine<{ name: string }>(9, () => undefined);
    for (const name of ['a', 'b', 'c']) line.add({ name }, FLOOD);
    expect(line.drop(({ name }) => name !== 'b').map(({ name }) => name)).toEqual(['a', 'c']);
    expect(line.first?.name).toBe('b');
  });

  it('is told about how many have their turn before', () => {
    const line = new FairLine<object>(99, () => undefined);
    expect(line.ahead(HONEST)).toBe(0);
    for (let i = 0; i < 50; i++) line.add({}, FLOOD);
    expect(line.ahead(HONEST)).toBe(1);
    expect(line.ahead(FLOOD)).toBe(50);
    line.add({}, HONEST);
    expect(line.ahead(HONEST)).toBe(4);
  });
});

describe('slots', () => {
  const slotsOf = (waitMs = 60_000) => new FairSlots({ slots: 4, perKey: 3, waiting: 8, waitMs });
  const never = async (): Promise<never> => new Promise(() => undefined);

  it('of one key never take them all, though its work never ends', async () => {
    const slots = slotsOf();
    for (let i = 0; i < 8; i++) void slots.run(FLOOD, never).catch(() => undefined);
    expect(await slots.run(HONEST, async () => Promise.resolve('done'))).toBe('done');
  });

  it('refuse who would flood the line, and say why', async () => {
    const slots = slotsOf();
    const all = many(20, async (i) => slots.run({ key: 'flood', owner: i }, never));
    await expect(all.at(-1)).rejects.toMatchObject({ name: 'QueueFault', why: 'full' });
    expect(slots.waiting).toBe(8);
    const honest = many(4, async () => slots.run(HONEST, async () => Promise.resolve('done')));
    expect(await Promise.all(honest)).toEqual(many(4, () => 'done'));
    for (const one of all) one.catch(() => undefined);
  });

  it('come back from what fails, and only that fails', async () => {
    const slots = slotsOf();
    const failing = many(6, async () =>
      slots.run(FLOOD, async () => Promise.reject(new Error('failed'))),
    );
    const results = await Promise.allSettled(failing);
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(await slots.run(FLOOD, async () => Promise.resolve(1))).toBe(1);
  });

  it('are not waited for without end', async () => {
    const slots = slotsOf(20);
    for (let i = 0; i < 3; i++) void slots.run(FLOOD, never);
    await expect(slots.run(FLOOD, never)).rejects.toMatchObject({ why: 'late' });
    expect(slots.waiting).toBe(0);
  });
});
