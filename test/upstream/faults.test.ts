// The two faults that upstream throws are told from each other, and from all other errors.
import { expect, it } from 'vitest';
import { described } from '../../src/guard.ts';
import { PermitFault, UpstreamFault } from '../../src/upstream/faults.ts';

it('a fault of the cluster has a code that decides the answer, and its own words', () => {
  const fault = new UpstreamFault('keyspace', "keyspace 'x' does not exist");
  expect(fault).toMatchObject({ code: 'keyspace', message: "keyspace 'x' does not exist" });
  expect(fault).toBeInstanceOf(Error);
});

it('a permit that does not fit is an error of ours, and no fault of the cluster', () => {
  expect(new PermitFault('x')).not.toBeInstanceOf(UpstreamFault);
});

it('both are told by name in a log, which has no texts', () => {
  expect(described(new UpstreamFault('busy', 'secret')).error).toBe('UpstreamFault');
  expect(described(new PermitFault('secret')).error).toBe('PermitFault');
});
