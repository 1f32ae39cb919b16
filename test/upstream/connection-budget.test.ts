import { expect, it } from 'vitest';
import { ConnectionBudget } from '../../src/upstream/connection-budget.ts';

it('gives no more connections than there may be, and again what came back', () => {
  const budget = new ConnectionBudget(2);
  expect([budget.take(), budget.take(), budget.take()]).toEqual([true, true, false]);
  expect([budget.taken, budget.hasRoom]).toEqual([2, false]);
  budget.give();
  expect([budget.taken, budget.hasRoom]).toEqual([1, true]);
  expect([budget.take(), budget.take()]).toEqual([true, false]);
});
