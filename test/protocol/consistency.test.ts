// Consistency levels by code and by name.
import { expect, it } from 'vitest';
import { Consistency, consistencyName, isConsistency } from '../../src/protocol/consistency.ts';

it('each level has the code of the specification, its name, and no others are taken', () => {
  const codes = Object.values(Consistency);
  expect(codes).toEqual(codes.map((_unused, i) => i));
  for (const [name, code] of Object.entries(Consistency)) expect(consistencyName(code)).toBe(name);
  expect(codes.every(isConsistency)).toBe(true);
  expect(isConsistency(codes.length)).toBe(false);
  expect(isConsistency(0xffff)).toBe(false);
  expect(consistencyName(0x77)).toBe('0x77');
});
