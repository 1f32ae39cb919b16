// What would show an address of a node is refused before it leaves.
import { describe, expect, it } from 'vitest';
import { EMPTY_SCHEMA } from '../../src/cql/statement.ts';
import { refuseAddresses } from '../../src/session/refuse-addresses.ts';
import { exchangeOf, requestFor, sessionOf } from '../support/exchanges.ts';

const outcomeOf = (text: string, session = sessionOf()) =>
  refuseAddresses(exchangeOf(requestFor(text), session));

describe('a statement over a table that tells addresses', () => {
  it('is refused, and ends as what no node was asked for', () => {
    expect(outcomeOf('SELECT * FROM system_views.clients')).toMatchObject({
      type: 'reply',
      ending: 'refused',
    });
  });

  it('may leave where it reads other columns or tables', () => {
    expect(outcomeOf('SELECT * FROM system_views.caches')).toBeNull();
    expect(outcomeOf('SELECT * FROM ks.t')).toBeNull();
  });

  it('is told that the table is not there, where the release of the nodes has none', () => {
    const session = sessionOf({ schema: { ...EMPTY_SCHEMA, lacksSystemTable: () => true } });
    const outcome = outcomeOf('SELECT * FROM system_views.clients', session);
    if (outcome?.type !== 'reply') throw new Error('a reply was expected');
    expect(outcome.frame.toString('latin1')).toContain('does not exist');
  });
});
