// Which events a client gets: those that it asked for, of what it may see.
import { describe, expect, it } from 'vitest';
import { Frame } from '../../src/protocol/frame.ts';
import { decodeEvent, type SchemaChange } from '../../src/protocol/messages/event.ts';
import { ClientEvents } from '../../src/session/client-events.ts';
import { authorityOf, sessionOf } from '../support/exchanges.ts';

const SIBLING = { name: 'other:9042', address: Buffer.from([192, 0, 2, 2]), port: 9043 };
const CHANGE: SchemaChange = {
  change: 'CREATED',
  target: 'TABLE',
  keyspace: 'ks',
  name: 't',
  argumentTypes: null,
};

function told(event: Buffer | null): unknown {
  return event === null ? null : decodeEvent(new Frame(event, 0, event.length));
}

describe('a change of the schema', () => {
  it('is told to a client that asked for such events, and to no other', () => {
    const events = new ClientEvents(sessionOf());
    expect(events.schemaChanged(CHANGE)).toBeNull();
    events.register(['STATUS_CHANGE', 'TOPOLOGY_CHANGE']);
    expect(events.schemaChanged(CHANGE)).toBeNull();
    events.register(['SCHEMA_CHANGE']);
    expect(told(events.schemaChanged(CHANGE))).toEqual({ type: 'SCHEMA_CHANGE', ...CHANGE });
  });

  it('is not told of a keyspace that the role does not reach', () => {
    const events = new ClientEvents(sessionOf());
    events.register(['SCHEMA_CHANGE']);
    expect(events.schemaChanged({ ...CHANGE, keyspace: 'secret' })).toBeNull();
  });

  it('is decided by the authority of the moment, and not told without one', () => {
    let authority: ReturnType<typeof authorityOf> | string = 'the token was revoked';
    const events = new ClientEvents(sessionOf({ authority: () => authority }));
    events.register(['SCHEMA_CHANGE']);
    expect(events.schemaChanged(CHANGE)).toBeNull();
    authority = authorityOf({ grants: ['SELECT ON KEYSPACE ks'] });
    expect(events.schemaChanged(CHANGE)).not.toBeNull();
    authority = authorityOf({ grants: ['SELECT ON KEYSPACE other'] });
    expect(events.schemaChanged(CHANGE)).toBeNull();
  });
});

describe('the shutdown of the gate', () => {
  it('is told by the address that the driver knows it by, where it knows of siblings', () => {
    const session = sessionOf({ siblings: () => [SIBLING] });
    const events = new ClientEvents(session);
    expect(events.gateGoesDown()).toBeNull();
    events.register(['STATUS_CHANGE']);
    const { address, port } = session.advertised;
    expect(told(events.gateGoesDown())).toEqual({
      ...{ type: 'STATUS_CHANGE', change: 'DOWN', port },
      address: Buffer.from(address),
    });
  });

  it('is not told where there is no other gate to go to', () => {
    const events = new ClientEvents(sessionOf());
    events.register(['STATUS_CHANGE']);
    expect(events.gateGoesDown()).toBeNull();
  });
});
