// The schema is read anew before a decision that hangs on what is in it.
import { describe, expect, it } from 'vitest';
import { readSchemaFirst, type SchemaServices } from '../../src/session/fresh-schema.ts';
import { LaneTicket } from '../../src/fleet/ddl-lane.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { authorityOf, exchangeOf, requestFor } from '../support/exchanges.ts';

const DROP = 'DROP INDEX ks.i';
const one = authorityOf({ grants: ['ALTER ON TABLE ks.t'] });
const all = authorityOf({ grants: ['ALTER ON KEYSPACE ks'] });

function servicesOf(refreshSchema: () => Promise<void>): SchemaServices {
  return { cluster: { control: { refreshSchema } } };
}
const fine = servicesOf(async () => Promise.resolve());

describe('a decision that hangs on the schema', () => {
  it('waits for it to be read, once when it comes and once in its turn', async () => {
    const exchange = exchangeOf(requestFor(DROP));
    for (const isInTurn of [false, true]) {
      if (isInTurn) exchange.attempt.prepare().laneIsEntered(new LaneTicket(null, () => undefined));
      const outcome = readSchemaFirst(exchange, fine, one);
      if (outcome?.type !== 'wait') throw new Error('a wait was expected');
      expect(await outcome.outcome).toEqual({ type: 'go on' });
      expect(readSchemaFirst(exchange, fine, one)).toBeNull();
    }
  });

  it('needs no look where the role may do it to all in the keyspace, or for rows', () => {
    expect(readSchemaFirst(exchangeOf(requestFor(DROP)), fine, all)).toBeNull();
    expect(readSchemaFirst(exchangeOf(requestFor('SELECT v FROM ks.t')), fine, one)).toBeNull();
  });

  it('is answered as not to be had where no node tells the schema', async () => {
    const services = servicesOf(async () =>
      Promise.reject(new UpstreamFault('unreachable', 'gone')),
    );
    const outcome = readSchemaFirst(exchangeOf(requestFor(DROP)), services, one);
    if (outcome?.type !== 'wait') throw new Error('a wait was expected');
    expect(await outcome.outcome).toMatchObject({ type: 'reply', ending: 'refused' });
  });
});
