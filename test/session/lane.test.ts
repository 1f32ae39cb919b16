// A change of the schema waits for its turn before its decision is recorded, and needs the lock until it is sent.
import { describe, expect, it } from 'vitest';
import { Metrics } from '../../src/metrics/metrics.ts';
import { enterLane, requireLock, type TurnServices } from '../../src/session/lane.ts';
import { LaneTicket, type LaneRefusal } from '../../src/fleet/ddl-lane.ts';
import { exchangeOf, requestFor } from '../support/exchanges.ts';
import { permitted } from '../support/policy.ts';

const CHANGE = 'ALTER TABLE ks.t ADD v int';

function servicesOf(
  entered: LaneTicket | LaneRefusal,
): TurnServices & { readonly asked: string[] } {
  const asked: string[] = [];
  const enter: TurnServices['lane']['enter'] = async (keyspace, mode) => {
    asked.push(`${keyspace} ${mode}`);
    return Promise.resolve(entered);
  };
  return { lane: { enter }, metrics: new Metrics(), asked };
}

describe('the turn of a change', () => {
  it('is waited for once, in the lane of its keyspace', async () => {
    const services = servicesOf(new LaneTicket(null, () => undefined));
    const exchange = exchangeOf(requestFor(CHANGE));
    const outcome = enterLane(exchange, services);
    if (outcome?.type !== 'wait') throw new Error('a wait was expected');
    expect(await outcome.outcome).toEqual({ type: 'go on' });
    expect(services.asked).toEqual(['ks exclusive']);
    expect(enterLane(exchange, services)).toBeNull();
  });

  it.each([
    [{ why: 'full', waiting: 3 }, 'wait already'],
    [{ why: 'timeout', ahead: 2 }, 'for its turn'],
    [{ why: 'lock', message: 'another gate has it' }, 'another gate has it'],
  ] as const)('is refused as never sent: %o', async (refusal, text) => {
    const outcome = enterLane(exchangeOf(requestFor(CHANGE)), servicesOf(refusal));
    if (outcome?.type !== 'wait') throw new Error('a wait was expected');
    const end = await outcome.outcome;
    expect(end).toMatchObject({ type: 'reply', ending: 'unsent' });
    if (end.type === 'reply') expect(end.frame?.toString()).toContain(text);
  });

  it('is needed by no role, and not by what is on disk already', () => {
    const services = servicesOf({ why: 'full', waiting: 1 });
    expect(enterLane(exchangeOf(requestFor('CREATE ROLE r')), services)).toBeNull();
    const exchange = exchangeOf(requestFor(CHANGE));
    exchange.attempt.prepare().decisionIsRecorded('id', permitted('c').permit);
    expect(enterLane(exchange, services)).toBeNull();
  });
});

describe('the lock of the fleet', () => {
  const withLock = (isHeld: boolean) => {
    const exchange = exchangeOf(requestFor(CHANGE));
    const lock = { isHeld, release: async () => Promise.resolve() };
    exchange.attempt.prepare().laneIsEntered(new LaneTicket(lock, () => undefined));
    return exchange;
  };

  it('lets a change through while it is held, and roles without one', () => {
    expect(requireLock(withLock(true))).toBeNull();
    expect(requireLock(exchangeOf(requestFor('CREATE ROLE r')))).toBeNull();
  });

  it('ends a change as never sent, where it was lost before', () => {
    expect(requireLock(withLock(false))).toMatchObject({ type: 'reply', ending: 'unsent' });
  });
});
