// What the budget is where nothing is configured.
import { describe, expect, it } from 'vitest';
import { MEMORY } from '../../src/limits/session.ts';
import { availableMemoryBytes, deriveBudget } from '../../src/memory/derive.ts';

const MIB = 1024 * 1024;
const DERIVED = { heapBudgetBytes: 0, bufferBudgetBytes: 0 };

describe('the derived budget', () => {
  it('is as much again as its half of the heap, where the machine has it', () => {
    expect(deriveBudget(DERIVED, 1, 512 * MIB, 16_384 * MIB)).toEqual({
      heapBytes: 256 * MIB,
      bufferBytes: 256 * MIB,
    });
  });

  it('leaves the heap its room in a small container, and is shared by the workers', () => {
    expect(deriveBudget(DERIVED, 1, 512 * MIB, 640 * MIB).bufferBytes).toBe(96 * MIB);
    expect(deriveBudget(DERIVED, 4, 512 * MIB, 2_560 * MIB).bufferBytes).toBe(96 * MIB);
  });

  it('is the shares that the limits say, and no less than the least', () => {
    const { heapShare, restShare, bufferBytesAtLeast } = MEMORY;
    const heap = 512 * MIB;
    const of = (rest: number) => deriveBudget(DERIVED, 1, heap, heap + rest);
    expect(of(heap).heapBytes).toBe(heap * heapShare);
    // Of what the heap leaves a share, up to the heap's own part, and down to the least.
    const most = (heap * heapShare) / restShare;
    expect(of(most * 0.75).bufferBytes).toBe(Math.floor(most * 0.75 * restShare));
    expect(of(most * 2).bufferBytes).toBe(heap * heapShare);
    expect(of(Math.ceil(bufferBytesAtLeast / restShare) + 2).bufferBytes).toBeGreaterThan(
      bufferBytesAtLeast,
    );
    expect(of(Math.floor(bufferBytesAtLeast / restShare) - 2).bufferBytes).toBe(bufferBytesAtLeast);
    expect(of(-MIB).bufferBytes).toBe(bufferBytesAtLeast);
  });

  it('is what the configuration says', () => {
    const own = { heapBudgetBytes: 5, bufferBudgetBytes: 6 };
    expect(deriveBudget(own, 2, 512 * MIB, 640 * MIB)).toEqual({ heapBytes: 5, bufferBytes: 6 });
  });

  it('reads the bound of a container, of either version', () => {
    const v2 = (file: string) => (file.endsWith('memory.max') ? `${512 * MIB}\n` : null);
    const v1 = (file: string) => (file.endsWith('limit_in_bytes') ? `${256 * MIB}\n` : null);
    expect(availableMemoryBytes(v2, 1_024 * MIB)).toBe(512 * MIB);
    expect(availableMemoryBytes(v1, 1_024 * MIB)).toBe(256 * MIB);
    expect(availableMemoryBytes(() => 'max\n', 1_024 * MIB)).toBe(1_024 * MIB);
    expect(availableMemoryBytes(() => '9223372036854771712\n', 1_024 * MIB)).toBe(1_024 * MIB);
    expect(availableMemoryBytes(() => null, 1_024 * MIB)).toBe(1_024 * MIB);
  });
});
