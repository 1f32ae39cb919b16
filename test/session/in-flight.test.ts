// When a session, or its role, has so much in flight that others go first: by count, by what its requests hold,
// and by what its answers are expected to be.
import { beforeEach, describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { resolveLimits } from '../../src/limits/operator.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import type { MemoryBudget, SessionAccount } from '../../src/memory/budget.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import {
  BufferCharge,
  InFlightRequests,
  RoleLoad,
  RoleLoads,
  type Expecting,
} from '../../src/session/in-flight.ts';
import { accountOf, roomyBudget } from '../support/session-account.ts';

const MIB = 1024 * 1024;
let requests: InFlightRequests;
let budget: MemoryBudget;
let account: SessionAccount;
let role: RoleLoad;

beforeEach(() => {
  budget = roomyBudget();
  account = accountOf(budget);
  requests = new InFlightRequests(budget, account, resolveLimits({}));
  role = new RoleLoad(0);
  requests.loggedIn(role);
});

function statementOf(text: string): Statement {
  const found = analyse(text, null);
  if (!isStatement(found)) throw new Error(found.reason);
  found.isKept = true;
  return found;
}

const SELECT = { opcode: Opcode.EXECUTE, statement: statementOf('SELECT v FROM shop.t') };
const INSERT = {
  opcode: Opcode.EXECUTE,
  statement: statementOf("INSERT INTO shop.t (k) VALUES ('x')"),
};

const answer = (times: number, bytes: number, request: Expecting = SELECT): void => {
  for (let i = 0; i < times; i++) requests.answered(request, bytes);
};

describe('the answer to a request is expected to be', () => {
  const unknown = (opcode: number): Expecting => ({
    opcode,
    statement: statementOf('SELECT v FROM shop.t'),
  });

  it('large where it is read by a prepared statement that nobody executed yet', () => {
    expect(role.expects(unknown(Opcode.EXECUTE))).toBe(UPSTREAM.unknownAnswerBytes);
    // What other statements got says nothing of it.
    answer(200, 100, unknown(Opcode.EXECUTE));
    expect(role.expects(unknown(Opcode.EXECUTE))).toBe(UPSTREAM.unknownAnswerBytes);
  });

  it.each([
    ['texts', Opcode.QUERY],
    ['PREPAREs', Opcode.PREPARE],
  ])('as large as that of other %s of the role, where it is sent once', (_what, opcode) => {
    expect(role.expects(unknown(opcode))).toBe(UPSTREAM.unknownTextAnswerBytes);
    answer(1, MIB, unknown(opcode));
    expect(role.expects(unknown(opcode))).toBe(MIB);
    expect(new RoleLoad(0).expects(unknown(opcode))).toBe(UPSTREAM.unknownTextAnswerBytes);
  });

  it('as its own last answers: larger at once, smaller little by little', () => {
    const request = unknown(Opcode.EXECUTE);
    answer(1, 100, request);
    expect(role.expects(request)).toBe(100);
    answer(1, MIB, request);
    expect(role.expects(request)).toBe(MIB);
    answer(1, 100, request);
    expect(role.expects(request)).toBeGreaterThan(MIB / 2);
    answer(1_000, 100, request);
    expect(role.expects(request)).toBeLessThan(200);
  });

  it('that of its own role, whatever others read by the same text', () => {
    const request = unknown(Opcode.EXECUTE);
    const other = new RoleLoad(1);
    other.answered(request, 64 * MIB);
    expect(role.expects(request)).toBe(UPSTREAM.unknownAnswerBytes);
    role.answered(request, 100);
    other.answered(request, 64 * MIB);
    expect(role.expects(request)).toBe(100);
    // Small answers of others do not make large ones of this role come in a burst.
    other.answered(request, 100);
    role.answered(request, MIB);
    for (let i = 0; i < 1_000; i++) other.answered(request, 100);
    expect(role.expects(request)).toBe(MIB);
  });

  it('kept for a bounded number of roles, and unknown to whoever shares a place with another', () => {
    const request = { ...unknown(Opcode.EXECUTE) };
    request.statement.isKept = true;
    const roles = Array.from({ length: UPSTREAM.answerRoles + 1 }, (_, i) => new RoleLoad(i));
    for (const [i, one] of roles.entries()) one.answered(request, 1_000 + i);
    expect(request.statement.answerBytes).toHaveLength(2 * UPSTREAM.answerRoles);
    expect(roles.map((one) => one.expects(request))).toEqual([
      UPSTREAM.unknownAnswerBytes,
      ...roles.slice(1).map((_, i) => 1_001 + i),
    ]);
  });

  it('small where it has no rows', () => {
    answer(1, MIB, INSERT);
    expect(role.expects(INSERT)).toBe(UPSTREAM.smallAnswerBytes);
  });
});

describe('requests in flight are much', () => {
  it('where a role has many, whatever session they are of', () => {
    role.inFlight = UPSTREAM.muchPerRole;
    expect(requests.isMuch).toBe(false);
    role.inFlight++;
    expect(requests.isMuch).toBe(true);
  });

  it('where the answers that the role waits for will be large', () => {
    role.expectedBytes = UPSTREAM.muchBytes;
    expect(requests.isMuch).toBe(false);
    role.expectedBytes++;
    expect(requests.isMuch).toBe(true);
  });

  it('and stop whoever has any of them, where the role waits for more than makes sense', () => {
    role.expectedBytes = UPSTREAM.expectedBytesPerRole + 1;
    expect(requests.expectsMuch).toBe(false);
    requests.count = 1;
    expect(requests.expectsMuch).toBe(true);
    role.expectedBytes--;
    expect(requests.expectsMuch).toBe(false);
  });

  it('where what they hold is large', () => {
    const charge = requests.charge(2 * UPSTREAM.muchBytes);
    expect(requests.isMuch).toBe(true);
    charge.release();
    expect(requests.isMuch).toBe(false);
  });
});

describe('the limits of a session', () => {
  const limits = resolveLimits({ inFlightPerSession: 3, inFlightBytesPerSession: 64 * 1024 });

  beforeEach(() => {
    requests = new InFlightRequests(budget, account, limits);
    requests.loggedIn(role);
  });

  it('are reached by count, at the limit and not before', () => {
    requests.count = 2;
    expect(requests.isOverLimit).toBe(false);
    requests.count = 3;
    expect(requests.isOverLimit).toBe(true);
  });

  it('are reached by bytes, at the limit and not before', () => {
    requests.charge(64 * 1024 - 1);
    expect(requests.isOverLimit).toBe(false);
    const more = requests.charge(1);
    expect(requests.isOverLimit).toBe(true);
    more.release();
    expect(requests.isOverLimit).toBe(false);
  });
});

describe('requests in flight are much at these edges', () => {
  it('of a session', () => {
    requests.count = UPSTREAM.muchPerSession;
    expect(requests.isMuch).toBe(false);
    requests.count++;
    expect(requests.isMuch).toBe(true);
  });

  it('of what a session holds', () => {
    requests.charge(UPSTREAM.muchBytes);
    expect(requests.isMuch).toBe(false);
    requests.charge(1);
    expect(requests.isMuch).toBe(true);
  });

  it('of what a role may wait for, which stops nobody who waits for nothing', () => {
    role.expectedBytes = UPSTREAM.expectedBytesPerRole + 1;
    expect(requests.expectsMuch).toBe(false);
    requests.count = 1;
    expect(requests.expectsMuch).toBe(true);
    role.expectedBytes = UPSTREAM.expectedBytesPerRole;
    expect(requests.expectsMuch).toBe(false);
  });
});

describe('a buffer that requests hold', () => {
  it('is charged once, from the first view on it until the last is let go', () => {
    const charge = new BufferCharge(1000, account);
    expect(account.requests).toBe(0);
    charge.take();
    charge.take();
    expect(account.requests).toBe(1000);
    charge.release();
    expect(account.requests).toBe(1000);
    charge.release();
    expect(account.requests).toBe(0);
    charge.take();
    expect(account.requests).toBe(1000);
  });
});

describe('the load of roles', () => {
  it('is one for all sessions of a role, and another for each role', () => {
    const loads = new RoleLoads();
    const one = loads.of('one');
    one.inFlight = 7;
    expect(loads.of('one')).toBe(one);
    expect(loads.of('two').inFlight).toBe(0);
  });
});
