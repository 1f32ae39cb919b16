// A request that a node did nothing of goes to another one, and that is counted by its reason.
import { describe, expect, it } from 'vitest';
import { Metrics } from '../../src/metrics/metrics.ts';
import { moveOn } from '../../src/session/repeat.ts';
import { exchangeOf, requestFor } from '../support/exchanges.ts';

describe('a request that moves on', () => {
  it('avoids the node that it was at, and is counted', () => {
    const metrics = new Metrics();
    const exchange = exchangeOf(requestFor('SELECT v FROM ks.t'));
    moveOn(exchange, { metrics }, 'a:9042', 'overloaded');
    expect(exchange.attempt).toMatchObject({ movedOn: true, avoid: 'a:9042', connection: null });
    expect(metrics.counter('requests_repeated_total', 'overloaded').value).toBe(1);
  });
});
