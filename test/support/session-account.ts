// The memory budget of a gate with room for everything, and the account of one session in it.
import { MemoryBudget, type SessionAccount } from '../../src/memory/budget.ts';

const MIB = 1024 * 1024;

export function roomyBudget(): MemoryBudget {
  return new MemoryBudget({
    heapBytes: 64 * MIB,
    bufferBytes: 1024 * MIB,
    requestBytes: 1024 * MIB,
    evicted: () => undefined,
    paused: () => undefined,
  });
}

export function accountOf(budget: MemoryBudget): SessionAccount {
  return budget.open({ memoryLooked: () => undefined, outOfMemory: () => undefined });
}
