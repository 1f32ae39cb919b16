// What follows a USE is held back until just that USE has ended.
import { expect, it } from 'vitest';
import { resolveLimits } from '../../src/limits/operator.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { InFlightRequests } from '../../src/session/in-flight.ts';
import type { Outbox } from '../../src/session/outbox.ts';
import { answer, wait, type Later } from '../../src/session/outcome.ts';
import { SessionRequests, type RequestsOwner } from '../../src/session/session-requests.ts';
import { exchangeOf, requestFor, sessionOf } from '../support/exchanges.ts';
import { accountOf, roomyBudget } from '../support/session-account.ts';

function useOf(keyspace: string, outcome: Promise<Later>, isBlocking: boolean) {
  return {
    exchange: exchangeOf(requestFor(`USE ${keyspace}`)),
    outcome: wait(outcome, isBlocking),
  };
}

it('an earlier USE that is refused meanwhile does not let through what follows a later one', async () => {
  const told: string[] = [];
  const owner = {
    ...sessionOf(),
    gate: { telemetry: null, metrics: new Metrics() },
    isEnding: false,
    pauseOrResume: () => void told.push('looked'),
    handleFurther: () => void told.push('further'),
    allAnswered: () => undefined,
    endAfterFlight: () => undefined,
    cutOff: () => void told.push('cut off'),
  } as unknown as RequestsOwner;
  const budget = roomyBudget();
  const inFlight = new InFlightRequests(budget, accountOf(budget), resolveLimits({}));
  const outbox = { push: () => undefined } as unknown as Outbox;
  const requests = new SessionRequests(owner, inFlight, outbox);
  let refuse!: (outcome: Later) => void;
  let connect!: (outcome: Later) => void;
  const refused = new Promise<Later>((resolve) => (refuse = resolve));
  const connected = new Promise<Later>((resolve) => (connect = resolve));
  // Its refusal waits for room in the ledger: what comes next is handled beside it.
  const first = useOf('others', refused, false);
  const second = useOf('ks', connected, true);
  requests.settle(first.exchange, first.outcome);
  expect(requests.isBlocking).toBe(false);
  requests.settle(second.exchange, second.outcome);
  expect(requests.isBlocking).toBe(true);
  refuse(answer(Buffer.alloc(0), 'refused'));
  await expect.poll(() => inFlight.count).toBe(1);
  expect(requests.isBlocking).toBe(true);
  connect(answer(Buffer.alloc(0), 'refused'));
  await expect.poll(() => inFlight.count).toBe(0);
  expect(requests.isBlocking).toBe(false);
  expect(told).not.toContain('cut off');
});
