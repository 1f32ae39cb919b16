// Lines about refused connections: a number in each interval, and how many more there were.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SIDECAR } from '../../src/limits/commands.ts';
import { Complaints } from '../../src/sidecar/complaints.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('each interval has its lines, and the others are counted when it is over', () => {
  const told: string[] = [];
  const complaints = new Complaints((message) => told.push(message));
  const { complaintsPerInterval: most, complaintsIntervalMs } = SIDECAR;
  for (let i = 0; i < most; i++) complaints.add(`refused ${i}`);
  expect(told).toHaveLength(most);
  complaints.add('one more');
  complaints.add('another');
  expect(told).toHaveLength(most);
  vi.advanceTimersByTime(complaintsIntervalMs - 1);
  expect(told).toHaveLength(most);
  vi.advanceTimersByTime(1);
  expect(told.at(-1)).toBe('2 more like these');
  complaints.add('in the next interval');
  expect(told.at(-1)).toBe('in the next interval');
  // Where none were left out nothing is said.
  vi.advanceTimersByTime(complaintsIntervalMs);
  complaints.close();
  expect(told).toHaveLength(most + 2);
});
