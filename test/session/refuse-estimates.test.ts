// The estimates of sizes of others are denied by the values that are bound.
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Frame } from '../../src/protocol/frame.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { refuseEstimates } from '../../src/session/refuse-estimates.ts';
import { authorityOf, exchangeOf, requestFor } from '../support/exchanges.ts';
import { denyServices } from '../support/request-services.ts';

const authority = authorityOf({ grants: ['SELECT ON KEYSPACE ks'] });
const of = (keyspace: string): string =>
  `SELECT table_name, mean_partition_size FROM system.size_estimates WHERE keyspace_name = '${keyspace}'`;

function outcomeOf(text: string, opcode: number = Opcode.QUERY) {
  const body = encodeQuery({ query: text, consistency: 1, version: 4 });
  const bytes = encodeFrame({ version: 4, opcode, streamId: 1, body });
  const frame = new Frame(bytes, 0, bytes.length);
  const exchange = exchangeOf(requestFor(text, { frame, opcode }));
  return refuseEstimates(exchange, denyServices(), authority);
}

describe('a SELECT of the estimates of sizes', () => {
  it('may leave where it asks for those of a keyspace that the role reaches', () => {
    expect(outcomeOf(of('ks'))).toBeNull();
  });

  it('is denied where it asks for those of another', () => {
    expect(outcomeOf(of('other'))).toMatchObject({ type: 'reply', ending: { type: 'denied' } });
  });

  it('is prepared before anything is bound', () => {
    expect(outcomeOf(of('other'), Opcode.PREPARE)).toBeNull();
  });

  it('is asked of no other table', () => {
    expect(outcomeOf('SELECT v FROM ks.t')).toBeNull();
  });
});
