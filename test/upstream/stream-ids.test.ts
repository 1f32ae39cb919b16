// Stream ids: each out once, and a timed-out one only after its late response.
import { describe, expect, it } from 'vitest';
import { StreamIds, type UpstreamStreamId } from '../../src/upstream/stream-ids.ts';

/** Takes one that must be there. */
function taken(ids: StreamIds): UpstreamStreamId {
  const id = ids.take();
  if (id === -1) throw new Error('none is free');
  return id;
}

describe('stream ids', () => {
  it('are each out once, and come back', () => {
    const ids = new StreamIds(4);
    const out = [taken(ids), taken(ids), taken(ids), taken(ids)];
    expect(new Set(out).size).toBe(4);
    expect(ids.take()).toBe(-1);
    ids.give(out[2]!);
    expect(ids.take()).toBe(out[2]);
  });

  it('stay out while quarantined', () => {
    const ids = new StreamIds(1);
    const id = taken(ids);
    ids.quarantine();
    expect([ids.take(), ids.quarantined, ids.available]).toEqual([-1, 1, 0]);
    ids.giveQuarantined(id);
    expect([ids.take(), ids.quarantined]).toEqual([id, 0]);
  });

  it('fit a signed short', () => {
    expect(() => new StreamIds(32_769)).toThrow(RangeError);
    expect(() => new StreamIds(0)).toThrow(RangeError);
    expect(() => new StreamIds(-1)).toThrow(RangeError);
  });

  it('are all that a signed short has, from 0 on, each once', () => {
    const ids = new StreamIds(32_768);
    const out = Array.from({ length: 32_768 }, () => taken(ids));
    expect(out[0]).toBe(0);
    expect(Math.max(...out)).toBe(32_767);
    expect(new Set(out).size).toBe(32_768);
    expect(ids.take()).toBe(-1);
    for (const id of out) ids.give(id);
    expect([ids.available, ids.taken]).toEqual([32_768, 0]);
  });

  it('are counted as taken while quarantined, and as free once they are back', () => {
    const ids = new StreamIds(3);
    const [one, two] = [taken(ids), taken(ids)];
    expect([ids.available, ids.taken, ids.quarantined]).toEqual([1, 2, 0]);
    ids.quarantine();
    ids.quarantine();
    expect([ids.available, ids.taken, ids.quarantined]).toEqual([1, 2, 2]);
    ids.giveQuarantined(one);
    expect([ids.available, ids.taken, ids.quarantined]).toEqual([2, 1, 1]);
    ids.giveQuarantined(two);
    expect([ids.available, ids.taken, ids.quarantined]).toEqual([3, 0, 0]);
  });

  it('are never out twice, however they are taken and given', () => {
    const ids = new StreamIds(8);
    const out = new Set<UpstreamStreamId>();
    let seed = 7;
    for (let step = 0; step < 2_000; step++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      const isTake = seed % 16 < 8;
      const [first] = out;
      if (isTake) {
        const id = ids.take();
        expect(id === -1).toBe(out.size === 8);
        if (id !== -1) {
          expect(out.has(id)).toBe(false);
          out.add(id);
        }
      } else if (first !== undefined) {
        out.delete(first);
        ids.give(first);
      }
      expect(ids.taken).toBe(out.size);
    }
  });
});
