// What a client is told of a request that is refused.
import { describe, expect, it } from 'vitest';
import { EMPTY_SCHEMA } from '../../src/cql/statement.ts';
import { Frame } from '../../src/protocol/frame.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { errorCodeOf } from '../../src/protocol/messages/error.ts';
import { absent, deny, denyUnlessAbsent } from '../../src/session/deny.ts';
import type { Outcome } from '../../src/session/outcome.ts';
import { exchangeOf, requestFor, sessionOf } from '../support/exchanges.ts';
import { denyServices, memoryLedger } from '../support/request-services.ts';

const DENIAL = { reason: 'permission_missing', message: 'no', missing: [] } as const;
const LACKING = { ...EMPTY_SCHEMA, lacksSystemTable: () => true };

function codeOf(outcome: Outcome): number {
  if (outcome.type !== 'reply') throw new Error('a reply was expected');
  return errorCodeOf(new Frame(outcome.frame, 0, outcome.frame.length));
}

describe('a request that is denied', () => {
  const exchange = exchangeOf(requestFor('SELECT v FROM ks.t'));

  it('is told so, and ends as that', () => {
    const outcome = deny(exchange, denyServices(), DENIAL);
    expect(codeOf(outcome)).toBe(CqlErrorCode.UNAUTHORIZED);
    expect(outcome).toMatchObject({ ending: { type: 'denied', denial: DENIAL } });
  });

  it('waits for the room of its record, and is refused as that where there is none', async () => {
    const { audit } = memoryLedger({ maxBytes: 1 });
    const refusals = { mustWait: () => true };
    const limits = { auditWaitMs: 1 };
    const outcome = deny(exchange, denyServices({ audit, refusals, limits }), DENIAL);
    if (outcome.type !== 'wait') throw new Error('a wait was expected');
    const end = await outcome.outcome;
    expect(codeOf(end)).toBe(CqlErrorCode.OVERLOADED);
    expect(end).toMatchObject({ ending: 'refused' });
  });
});

describe('a table of Cassandra’s own that is not there', () => {
  const text = 'SELECT * FROM system_views.caches';

  it('is told as absent rather than denied, and nothing is recorded', () => {
    const exchange = exchangeOf(requestFor(text), sessionOf({ schema: LACKING }));
    const outcome = denyUnlessAbsent(exchange, denyServices(), DENIAL);
    expect(codeOf(outcome)).toBe(CqlErrorCode.INVALID);
    expect(outcome).toMatchObject({ ending: 'refused' });
  });

  it('is none where it is there', () => {
    expect(absent(exchangeOf(requestFor(text)))).toBeNull();
  });
});
