// The decision on a change is on disk before the change leaves, and what is sent is what was decided.
import { describe, expect, it } from 'vitest';
import { Metrics } from '../../src/metrics/metrics.ts';
import {
  endOtherDecision,
  writeAhead,
  type WriteAheadServices,
} from '../../src/session/write-ahead.ts';
import { exchangeOf, requestFor } from '../support/exchanges.ts';
import { permitted } from '../support/policy.ts';
import { memoryLedger } from '../support/request-services.ts';

const CHANGE = 'CREATE TABLE ks.t (k int PRIMARY KEY)';

function start(isDurable = true) {
  const ledger = memoryLedger({ isDurable });
  const services: WriteAheadServices = {
    audit: ledger.audit,
    dml: 'activity',
    metrics: new Metrics(),
    limits: { auditWaitMs: 1_000 },
    cluster: { control: { schemaVersion: async () => Promise.resolve('before') } },
  };
  const exchange = exchangeOf(requestFor(CHANGE));
  exchange.attempt.isDecided(permitted('c').permit);
  return { exchange, services, ledger };
}

async function written(isDurable = true) {
  const { exchange, services, ledger } = start(isDurable);
  const outcome = writeAhead(exchange, services);
  if (outcome?.type !== 'wait') throw new Error('a wait was expected');
  return { exchange, services, ledger, end: await outcome.outcome };
}

describe('the decision on a change', () => {
  it('goes on once it is on disk, and is written once', async () => {
    const { exchange, services, ledger, end } = await written();
    expect(end).toEqual({ type: 'go on' });
    expect(ledger.records).toHaveLength(1);
    expect(ledger.records[0]).toMatchObject({ kind: 'decision', decision: { result: 'permit' } });
    expect(exchange.attempt.recordId).toBe('id1');
    expect(exchange.attempt.preparations?.schemaVersionBefore).toBe('before');
    expect(writeAhead(exchange, services)).toBeNull();
  });

  it('ends as refused where the disk does not take it in time', async () => {
    const { end } = await written(false);
    expect(end).toMatchObject({ type: 'reply', ending: 'refused' });
  });

  it('stays while the next one permits the same', async () => {
    const { exchange, services, ledger } = await written();
    exchange.attempt.isDecided(permitted('c').permit);
    expect(endOtherDecision(exchange, services)).toBeNull();
    expect(exchange.attempt.recordId).toBe('id1');
    expect(ledger.records).toHaveLength(1);
  });

  it('has its end in the ledger where the next one permits something else', async () => {
    const { exchange, services, ledger } = await written();
    exchange.attempt.isDecided(permitted('another').permit);
    expect(endOtherDecision(exchange, services)).toBeNull();
    expect(exchange.attempt.recordId).toBeNull();
    expect(ledger.records[1]).toMatchObject({ kind: 'outcome', of: 'id1' });
    expect(writeAhead(exchange, services)).toMatchObject({ type: 'wait' });
  });
});
