// A statement about another Cassandra role waits for what the cluster says of that role.
import { describe, expect, it } from 'vitest';
import { requireSuperuser } from '../../src/session/require-superuser.ts';
import type { RequestRoute } from '../../src/session/session-facts.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { authorityOf, exchangeOf, requestFor, sessionOf } from '../support/exchanges.ts';
import { denyServices } from '../support/request-services.ts';

const ALTER = "ALTER ROLE other WITH PASSWORD = 'p'";
const one = authorityOf({ grants: ['ALTER ON ALL ROLES'] });
const superuser = authorityOf({ grants: ['ALTER ON ALL ROLES'], capabilities: ['superuser'] });

/** No connection is to be had by it, so that nobody can be asked. */
const ROUTE: RequestRoute = {
  login: { name: 'c', open: false, username: 'c', password: 'p' },
  pick: () => null,
  pickForUse: () => null,
  hasOther: () => false,
  whenAvailable: async () => Promise.reject(new UpstreamFault('unreachable', 'gone')),
};

describe('a statement about another role', () => {
  it('is asked about, and denied where what it is cannot be known', async () => {
    const session = sessionOf({ route: () => ROUTE });
    const exchange = exchangeOf(requestFor(ALTER), session);
    const outcome = requireSuperuser(exchange, denyServices(), one);
    if (outcome?.type !== 'wait') throw new Error('a wait was expected');
    expect(await outcome.outcome).toEqual({ type: 'go on' });
    expect(requireSuperuser(exchange, denyServices(), one)).toMatchObject({
      ending: { type: 'denied' },
    });
  });

  it('is let through for a role that has the capability, and nobody is asked', () => {
    expect(requireSuperuser(exchangeOf(requestFor(ALTER)), denyServices(), superuser)).toBeNull();
  });

  it('is asked of no change of the schema', () => {
    const exchange = exchangeOf(requestFor('CREATE TABLE ks.t (k int PRIMARY KEY)'));
    expect(requireSuperuser(exchange, denyServices(), one)).toBeNull();
  });
});
