// When a session, or its role, has so much in flight that others go first: by count, by what its requests hold,
// and by what its answers are expected to be.
import { beforeEach, describe, expect, it } from 'vitest';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { resolveLimits } from '../../src/limits/operator.ts';
import { MemoryBudget } from '../../src/memory/budget.ts';
import { InFlightRequests, RoleLoad } from '../../src/session/in-flight.ts';

const MIB = 1024 * 1024;
let requests: InFlightRequests;
let role: RoleLoad;

beforeEach(() => {
  const budget = new MemoryBudget({
    heapBytes: 64 * MIB,
    bufferBytes: 1024 * MIB,
    requestBytes: 1024 * MIB,
    evicted: () => undefined,
    paused: () => undefined,
  });
  const account = budget.open({ memoryLooked: () => undefined, outOfMemory: () => undefined });
  requests = new InFlightRequests(budget, account, resolveLimits({}));
  role = new RoleLoad();
  requests.loggedIn(role);
});

const answer = (times: number, bytes: number): void => {
  for (let i = 0; i < times; i++) requests.answered(bytes);
};

describe('requests in flight are much', () => {
  it('where a role has many, whatever session they are of', () => {
    answer(200, 100);
    role.inFlight = UPSTREAM.muchPerRole;
    expect(requests.isMuch).toBe(false);
    role.inFlight++;
    expect(requests.isMuch).toBe(true);
  });

  it('where the last answers to the role were large, and no longer once they are small', () => {
    answer(200, 1 * MIB);
    role.inFlight = 8;
    expect(requests.isMuch).toBe(true);
    answer(200, 100);
    expect(requests.isMuch).toBe(false);
  });

  it('where nothing is known of the answers yet and there are many', () => {
    role.inFlight = 400;
    expect(requests.isMuch).toBe(false);
    role.inFlight = 600;
    expect(requests.isMuch).toBe(true);
  });

  it('and stop whoever has any of them, where the role waits for more than makes sense', () => {
    answer(200, 1 * MIB);
    role.inFlight = 40;
    expect(requests.expectsMuch).toBe(false);
    requests.count = 1;
    expect(requests.expectsMuch).toBe(true);
    role.inFlight = 8;
    expect(requests.expectsMuch).toBe(false);
  });

  it('where what they hold is large', () => {
    answer(200, 100);
    const charge = requests.charge(2 * UPSTREAM.muchBytes);
    expect(requests.isMuch).toBe(true);
    charge.release();
    expect(requests.isMuch).toBe(false);
  });
});
