// What the budget is where the configuration does not say: of V8's own bound of the heap, and of what the
// container or the machine has.
import { readFileSync } from 'node:fs';
import os from 'node:os';
import v8 from 'node:v8';
import type { Limits } from '../limits/operator.ts';
import { MEMORY } from '../limits/session.ts';

export interface BudgetBytes {
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

/** The budget of one of so many workers. */
export function deriveBudget(
  limits: Pick<Limits, 'heapBudgetBytes' | 'bufferBudgetBytes'>,
  workers: number,
  heapLimitBytes = v8.getHeapStatistics().heap_size_limit,
  memoryBytes = availableMemoryBytes(),
): BudgetBytes {
  // What the heap may grow to is taken already; of the rest, Buffers get no more than the heap's own part.
  const rest = memoryBytes / workers - heapLimitBytes;
  const derived = Math.min(heapLimitBytes * MEMORY.heapShare, rest * MEMORY.restShare);
  return {
    heapBytes: limits.heapBudgetBytes || Math.floor(heapLimitBytes * MEMORY.heapShare),
    bufferBytes:
      limits.bufferBudgetBytes || Math.max(Math.floor(derived), MEMORY.bufferBytesAtLeast),
  };
}

/** The bound of the container, by version 2 or 1 of control groups, or the machine's memory. */
export function availableMemoryBytes(
  read: (file: string) => string | null = contentOf,
  machineBytes = os.totalmem(),
): number {
  for (const file of CGROUP_FILES) {
    const content = read(file)?.trim();
    // Version 2 says "max" where there is no bound, version 1 a number near 2^63.
    const bytes = content !== undefined && /^\d+$/.test(content) ? Number(content) : Infinity;
    if (bytes < machineBytes) return bytes;
  }
  return machineBytes;
}

const CGROUP_FILES = [
  '/sys/fs/cgroup/memory.max',
  '/sys/fs/cgroup/memory/memory.limit_in_bytes',
] as const;

function contentOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
