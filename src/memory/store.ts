// What is held on V8's heap and in Buffers, each by kind. Charging is an addition on numbers that are there already;
// only when a store passes its bound is the budget asked to look.
import { MEMORY } from '../limits/session.ts';

/** What lies on V8's heap, or in Buffers beside it. */
export const HEAP_KINDS = [
  'statements',
  'prepared',
  'activity',
  'refusals',
  'tokens',
  'exchanges',
] as const;
export const BUFFER_KINDS = ['unauthenticated', 'input', 'requests', 'output', 'answers'] as const;
export type HeapKind = (typeof HEAP_KINDS)[number];
export type BufferKind = (typeof BUFFER_KINDS)[number];

/** What a cache or log tells of what it holds; the gate's is a Kind of its budget. */
export interface Account {
  /** Negative to give back. */
  add(bytes: number): void;
}

/** For tests and commands that are no gate. */
export const UNCOUNTED: Account = { add: () => undefined };

/** What of one kind is held now. */
export class Kind implements Account {
  readonly #store: Store;
  bytes = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  add(bytes: number): void {
    this.bytes += bytes;
    const store = this.#store;
    store.bytes += bytes;
    if (store.bytes > store.softBytes) store.passed();
  }
}

/** The heap, or Buffers. */
export class Store {
  bytes = 0;
  /** How much was held at the last look. */
  lookedAtBytes = 0;
  readonly limitBytes: number;
  /** Clients above their share are not read from here on, so that what is under way has room. */
  readonly softBytes: number;
  readonly passed: () => void;

  constructor(limitBytes: number, passed: () => void) {
    this.limitBytes = limitBytes;
    this.softBytes = Math.floor(limitBytes * MEMORY.softShare);
    this.passed = passed;
  }

  /** Over its limit, by so much more than at the last look that the next one must not wait. */
  get isUrgent(): boolean {
    const { bytes, limitBytes, lookedAtBytes } = this;
    return bytes > limitBytes && bytes - lookedAtBytes > limitBytes * MEMORY.urgentShare;
  }
}

/** One of each, charged to the same store. */
export function kindsOf<Name extends string>(
  names: readonly Name[],
  store: Store,
): Record<Name, Kind> {
  return Object.fromEntries(names.map((name) => [name, new Kind(store)])) as Record<Name, Kind>;
}
