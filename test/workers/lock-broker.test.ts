// Locks between the workers of a gate: in order, in time, and given back by the dead.
import { describe, expect, it } from 'vitest';
import { LockBroker } from '../../src/workers/lock-broker.ts';

const [one, other, third] = [{ of: 1 }, { of: 2 }, { of: 3 }];
const LONG_MS = 10_000;

/** What was settled by now, in this order. */
function settled(claims: Readonly<Record<string, Promise<boolean>>>): string[] {
  const order: string[] = [];
  for (const [name, claim] of Object.entries(claims)) {
    void claim.then((isGranted) => order.push(`${name} ${isGranted}`));
  }
  return order;
}

const turn = async () => new Promise((resolve) => setImmediate(resolve));

describe('the lock desk', () => {
  it('grants a lock to one at a time, in order of arrival', async () => {
    const desk = new LockBroker();
    const order = settled({
      one: desk.acquire(one, 'a', LONG_MS),
      other: desk.acquire(other, 'a', LONG_MS),
      third: desk.acquire(third, 'a', LONG_MS),
      elsewhere: desk.acquire(third, 'b', LONG_MS),
    });
    await turn();
    expect(order).toEqual(['one true', 'elsewhere true']);
    desk.release(one, 'a');
    await turn();
    expect(order.at(-1)).toBe('other true');
    desk.release(other, 'a');
    await turn();
    expect(order.at(-1)).toBe('third true');
    desk.release(third, 'a');
    expect(await desk.acquire(one, 'a', 0)).toBe(true);
  });

  it('takes who waited too long out of the line', async () => {
    const desk = new LockBroker();
    expect(await desk.acquire(one, 'a', LONG_MS)).toBe(true);
    expect(await desk.acquire(other, 'a', 20)).toBe(false);
    const last = desk.acquire(third, 'a', LONG_MS);
    desk.release(one, 'a');
    expect(await last).toBe(true);
  });

  it('gives a lock that is granted for good: its time to wait does not end it', async () => {
    const desk = new LockBroker();
    expect(await desk.acquire(one, 'a', 10)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await desk.acquire(other, 'a', 10)).toBe(false);
  });

  it('gives back what a worker held and waited for when it dies', async () => {
    const desk = new LockBroker();
    const order = settled({
      one: desk.acquire(one, 'a', LONG_MS),
      'one again': desk.acquire(one, 'a', LONG_MS),
      other: desk.acquire(other, 'a', LONG_MS),
      b: desk.acquire(other, 'b', LONG_MS),
      'one on b': desk.acquire(one, 'b', LONG_MS),
    });
    await turn();
    expect(order).toEqual(['one true', 'b true']);
    desk.releaseAll(one);
    await turn();
    expect(order.slice(2).sort()).toEqual(['one again false', 'one on b false', 'other true']);
  });

  it('lets nobody give back what another holds', async () => {
    const desk = new LockBroker();
    expect(await desk.acquire(one, 'a', LONG_MS)).toBe(true);
    desk.release(other, 'a');
    desk.release(other, 'never taken');
    expect(await desk.acquire(other, 'a', 10)).toBe(false);
  });
});
