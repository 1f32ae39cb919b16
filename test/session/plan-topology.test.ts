// How a SELECT over system.local and peers will be answered is found out before it is sent.
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { planTopology } from '../../src/session/plan-topology.ts';
import type { TopologyServices } from '../../src/session/topology-rows.ts';
import { exchangeOf, requestFor } from '../support/exchanges.ts';

const services: TopologyServices = {
  cluster: {
    control: {
      refusalOf: async () => Promise.resolve(null),
      // What is computed is asked of a node, which is never heard here.
      systemRows: async () => new Promise(() => undefined),
    },
  },
};

function planned(text: string, opcode: number = Opcode.PREPARE) {
  const exchange = exchangeOf(requestFor(text, { opcode }));
  const outcome = planTopology(exchange, services);
  return { outcome, by: exchange.attempt.answering?.by ?? null };
}

describe('the answer to a SELECT over the tables of nodes', () => {
  it('is the node’s with some cells exchanged, for columns of system.local', () => {
    expect(planned('SELECT rpc_address FROM system.local', Opcode.EXECUTE)).toEqual({
      outcome: null,
      by: 'cells',
    });
  });

  it('is made of rows of the gate’s own, for peers', () => {
    expect(planned('SELECT peer FROM system.peers', Opcode.EXECUTE)).toEqual({
      outcome: null,
      by: 'rows',
    });
  });

  it('waits for what a node makes of a selection that is computed', () => {
    const { outcome } = planned('SELECT toJson(rpc_address) FROM system.local', Opcode.EXECUTE);
    expect(outcome).toMatchObject({ type: 'wait', blocking: false });
  });

  it('is refused where functions of users are to be computed with it', () => {
    const { outcome } = planned('SELECT ks.f(rpc_address) FROM system.local', Opcode.EXECUTE);
    expect(outcome).toMatchObject({ type: 'reply', ending: 'refused' });
  });

  it('is found out once, and of nothing that is only prepared or of another table', () => {
    expect(planned('SELECT peer FROM system.peers').by).toBeNull();
    expect(planned('SELECT v FROM ks.t', Opcode.EXECUTE)).toEqual({ outcome: null, by: null });
    const exchange = exchangeOf(
      requestFor('SELECT peer FROM system.peers', { opcode: Opcode.EXECUTE }),
    );
    planTopology(exchange, services);
    const { answering } = exchange.attempt;
    planTopology(exchange, services);
    expect(exchange.attempt.answering).toBe(answering);
  });
});
