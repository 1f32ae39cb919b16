// The heap may grow: V8 is told so once, in a flag that it knows.
import * as v8 from 'node:v8';
import { expect, it, vi } from 'vitest';
import { letHeapGrow } from '../../src/commands/heap.ts';

vi.mock('node:v8', async (original) => ({
  ...(await original<typeof v8>()),
  setFlagsFromString: vi.fn(),
}));

it('by twice what is in use', () => {
  letHeapGrow();
  expect(vi.mocked(v8.setFlagsFromString).mock.calls).toEqual([['--heap-growing-percent=200']]);
});
