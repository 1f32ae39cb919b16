// Who may put how much into a ledger's queue.
import { describe, expect, it } from 'vitest';
import { Room } from '../../src/audit/room.ts';
import { LEDGER } from '../../src/limits/audit.ts';

describe('room in the queue', () => {
  it('is left by one role for the others, and served to them in turn', async () => {
    const room = new Room(1_000, () => true);
    const [a, b] = [room.share('a'), room.share('b')];
    let kept = 0;
    while (room.keep(a, 10, false)) kept += 10;
    expect(kept).toBe(500);
    expect(room.keep(b, 100, false)).toBe(true);
    const order: string[] = [];
    const waits = [a, a, a, b].map(async (share) =>
      room.keepWithin(share, 200, false, 60_000).then(() => order.push(share === a ? 'a' : 'b')),
    );
    // The last needs no wait.
    await waits[3];
    expect(order).toEqual(['b']);
    room.give(a, 500);
    room.serve();
    await waits[0];
    expect(order).toEqual(['b', 'a', 'a']);
    room.close();
    await Promise.all(waits);
  });

  it('is not had past its time, nor by more than may wait', async () => {
    let isDiskFine = false;
    const room = new Room(1_000, () => isDiskFine);
    const share = room.share('a');
    expect(await room.keepWithin(share, 1, true, 5)).toBe(false);
    expect(room.waiting).toBe(0);
    const waits = Array.from({ length: LEDGER.waitersPerShare }, async () =>
      room.keepWithin(share, 0, true, 60_000),
    );
    expect(await room.keepWithin(share, 0, true, 60_000)).toBe(false);
    isDiskFine = true;
    room.serve();
    expect(await Promise.all(waits)).not.toContain(false);
  });
});
