// Consistency levels (section 3 of the specification, [consistency]).

export const Consistency = {
  ANY: 0,
  ONE: 1,
  TWO: 2,
  THREE: 3,
  QUORUM: 4,
  ALL: 5,
  LOCAL_QUORUM: 6,
  EACH_QUORUM: 7,
  SERIAL: 8,
  LOCAL_SERIAL: 9,
  LOCAL_ONE: 10,
  /** In no specification; the node says what it makes of it. */
  NODE_LOCAL: 11,
} as const;

const NAMES = Object.keys(Consistency);

export function isConsistency(code: number): boolean {
  return code < NAMES.length;
}

export function consistencyName(code: number): string {
  return NAMES[code] ?? `0x${code.toString(16)}`;
}
