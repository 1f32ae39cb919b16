// What a store counts, and when it asks for a look.
import { describe, expect, it, vi } from 'vitest';
import { MEMORY } from '../../src/limits/session.ts';
import { BUFFER_KINDS, kindsOf, Store, UNCOUNTED } from '../../src/memory/store.ts';

const LIMIT = 1024;
const SOFT = LIMIT * MEMORY.softShare;

function storeOf() {
  const passed = vi.fn();
  const store = new Store(LIMIT, passed);
  return { passed, store, kinds: kindsOf(BUFFER_KINDS, store) };
}

describe('a store', () => {
  it('holds what its kinds hold together, and each kind what is its own', () => {
    const { store, kinds } = storeOf();
    kinds.input.add(5);
    kinds.output.add(7);
    kinds.output.add(-3);
    expect([kinds.input.bytes, kinds.output.bytes, store.bytes]).toEqual([5, 4, 9]);
  });

  it('asks for a look with each byte above its soft bound, and with none up to it', () => {
    const { passed, kinds } = storeOf();
    kinds.input.add(SOFT);
    expect(passed).not.toHaveBeenCalled();
    kinds.answers.add(1);
    expect(passed).toHaveBeenCalledTimes(1);
    kinds.answers.add(-1);
    expect(passed).toHaveBeenCalledTimes(1);
  });

  it('is urgent above its limit only, and where it grew by its share since the last look', () => {
    const { store, kinds } = storeOf();
    const share = LIMIT * MEMORY.urgentShare;
    kinds.input.add(LIMIT);
    expect(store.isUrgent).toBe(false);
    kinds.input.add(1);
    expect(store.isUrgent).toBe(true);
    store.lookedAtBytes = store.bytes;
    kinds.input.add(share);
    expect(store.isUrgent).toBe(false);
    kinds.input.add(1);
    expect(store.isUrgent).toBe(true);
  });
});

it('what no gate counts can be added to and given back', () => {
  expect(() => {
    UNCOUNTED.add(5);
    UNCOUNTED.add(-5);
  }).not.toThrow();
});
