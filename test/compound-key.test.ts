// One key for several parts: no other choice of parts has it. (All characters that could confuse it: attack/names.)
import { expect, it } from 'vitest';
import { compoundKey } from '../src/compound-key.ts';

it('a key tells its parts, their number, numbers from other numbers, and null from every text', () => {
  const choices = [
    [],
    [''],
    ['', ''],
    ['a', 'b'],
    ['ab', ''],
    ['ab'],
    ['1:a', 'b'],
    ['a1:b'],
    [null],
    ['-'],
    ['null'],
    [null, 'a'],
    ['a', null],
    [12],
    [1, 2],
  ];
  const keys = choices.map((parts) => compoundKey(...parts));
  expect(new Set(keys).size).toBe(choices.length);
  expect(compoundKey('a', null, 5)).toBe(compoundKey('a', null, '5'));
});
