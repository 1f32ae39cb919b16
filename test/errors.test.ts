// The faults that cross module boundaries.
import { expect, it } from 'vitest';
import { AuthFault, ConfigFault, MessageFault, ProtocolFault } from '../src/errors.ts';

it('a fault of a peer tells the stream to answer on, 0 where none was read', () => {
  expect(new ProtocolFault('bad').streamId).toBe(0);
  expect(new ProtocolFault('bad', 7).streamId).toBe(7);
  // A message that is only answered is told from one that ends the connection by its class.
  expect(new MessageFault('bad', 7)).toBeInstanceOf(ProtocolFault);
  expect(new ProtocolFault('bad')).not.toBeInstanceOf(MessageFault);
});

it('a refused login has a reason for records, apart from what its user is told', () => {
  const fault = new AuthFault('token_expired', 'The token expired.');
  expect([fault.name, fault.reason, fault.message]).toEqual([
    'AuthFault',
    'token_expired',
    'The token expired.',
  ]);
});

it('a configuration that can not be used tells every problem at once', () => {
  const fault = new ConfigFault(['a: wrong', 'b: wrong']);
  expect([fault.problems, fault.message]).toEqual([['a: wrong', 'b: wrong'], 'a: wrong\nb: wrong']);
});
