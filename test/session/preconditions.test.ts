// The order in which a permitted request is looked at before it leaves.
import { describe, expect, it } from 'vitest';
import { PRECONDITIONS } from '../../src/session/preconditions.ts';

const ORDER = PRECONDITIONS.map(({ name }) => name);

describe('what must be so before a request leaves', () => {
  it('is asked in an order in which nothing is written or waited for in vain', () => {
    expect(ORDER).toEqual([
      'refuseAddresses',
      'refuseJavaTypes',
      'refuseEstimates',
      'planTopology',
      'endOtherDecision',
      'keepRoom',
      'requireCommit',
      'requireSuperuser',
      'enterLane',
      'writeAhead',
      'requireLock',
    ]);
  });
});
