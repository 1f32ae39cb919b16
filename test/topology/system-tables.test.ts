// What drivers read of the cluster: the gate in the place of nodes, in every column that tells one.
import { describe, expect, it } from 'vitest';
import { hostId, type Advertised } from '../../src/topology/advertised.ts';
import { isOpen, rowsFor } from '../../src/topology/system-tables.ts';
import type { Rows } from '../../src/protocol/messages/result.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { columnsOf, int } from './rows.ts';

const column = columnsOf('local');

const NODE = Buffer.from([10, 9, 8, 7]);
const local: Rows = {
  columns: [
    column('key', TypeCode.VARCHAR),
    column('rpc_address', TypeCode.INET),
    column('broadcast_address', TypeCode.INET),
    column('listen_address', TypeCode.INET),
    column('rpc_port', TypeCode.INT),
    column('host_id', TypeCode.UUID),
    column('rack', TypeCode.VARCHAR),
    column('schema_version', TypeCode.UUID),
  ],
  rows: [
    [
      Buffer.from('local'),
      NODE,
      NODE,
      NODE,
      int(9043),
      Buffer.alloc(16, 1),
      Buffer.from('r1'),
      Buffer.alloc(16, 2),
    ],
  ],
};
const peers: Rows = {
  columns: [
    column('peer', TypeCode.INET),
    column('peer_port', TypeCode.INT),
    column('native_address', TypeCode.INET),
    column('native_port', TypeCode.INT),
    column('preferred_ip', TypeCode.INET),
    column('host_id', TypeCode.UUID),
    column('rack', TypeCode.VARCHAR),
    column('tokens', TypeCode.SET),
    column('secret_new_column', TypeCode.INET),
  ],
  rows: [
    [NODE, int(7000), NODE, int(9042), NODE, Buffer.alloc(16, 3), Buffer.from('r'), null, NODE],
  ],
};

const self: Advertised = { address: Buffer.from([127, 0, 0, 1]), port: 9042, name: 'gate:9042' };
const sibling: Advertised = {
  address: Buffer.from([127, 0, 0, 2]),
  port: 9142,
  name: 'gate-2:9142',
};
const view = { clusterName: 'prod', self, siblings: [sibling], local };

describe('system.local', () => {
  const rows = rowsFor('local', local, view);

  it('is the real row with the address, port and host id of the gate', () => {
    const row = rows.rows[0]!;
    for (const index of [1, 2, 3]) expect(row[index]).toEqual(self.address);
    expect(row[4]).toEqual(int(9042));
    expect(row[5]).toEqual(hostId('prod', self));
    expect(row[6]?.toString()).toBe('r1');
    expect(row[7]).toEqual(Buffer.alloc(16, 2));
  });

  it('shows a node nothing that is the gate’s own', () => {
    const alone = { ...view, siblings: [] };
    expect(['key', 'rack', 'tokens'].map((name) => isOpen('local', name, alone))).toEqual([
      true,
      true,
      true,
    ]);
    const closed = ['rpc_address', 'host_id', 'listen_port', 'of_a_later_release', 'constructor'];
    for (const name of closed) expect(isOpen('local', name, alone)).toBe(false);
    expect(isOpen('local', 'tokens', view)).toBe(false);
    expect(isOpen('peers', 'rack', alone)).toBe(false);
  });
});

describe('peers', () => {
  it('are the configured siblings, never nodes', () => {
    const rows = rowsFor('peers_v2', peers, view);
    expect(rows.rows).toHaveLength(1);
    const [peer, , , port, preferred, id, rack, tokens, unknown] = rows.rows[0]!;
    expect(peer).toEqual(sibling.address);
    expect(port).toEqual(int(9142));
    expect(preferred).toBeNull();
    expect(id).toEqual(hostId('prod', sibling));
    expect(rack?.toString()).toBe('r1');
    expect(tokens?.readInt32BE(0)).toBe(16);
    // What a later release adds stays out until it is known.
    expect(unknown).toBeNull();
    expect(rowsFor('peers', peers, { ...view, siblings: [] }).rows).toEqual([]);
  });
});

describe('the host id', () => {
  it('is a UUIDv5, the same on every start, another for another gate or cluster', () => {
    const id = hostId('prod', self);
    expect(id[6]! >> 4).toBe(5);
    expect(id[8]! >> 6).toBe(2);
    expect(hostId('prod', { ...self, address: sibling.address })).toEqual(id);
    expect(hostId('other', self)).not.toEqual(id);
    expect(hostId('prod', sibling)).not.toEqual(id);
  });
});

describe('what a later release adds to system.local', () => {
  it('is left out where it is an address, and told where it is not', () => {
    const columns = [column('gossip_address', TypeCode.INET), column('weather', TypeCode.VARCHAR)];
    const later = { columns, rows: [[NODE, Buffer.from('fine')]] };
    expect(rowsFor('local', later, view).rows).toEqual([[null, Buffer.from('fine')]]);
  });
});

describe('tokens', () => {
  const real = { columns: [column('tokens', TypeCode.SET)], rows: [[Buffer.from('the node')]] };
  const tokens = (of: typeof view) => rowsFor('local', real, of).rows[0]![0]!;

  it('of a gate alone are those of its node', () => {
    expect(tokens({ ...view, siblings: [] }).toString()).toBe('the node');
  });

  it('of one in a fleet are as its siblings tell them', () => {
    const index = peers.columns.findIndex(({ name }) => name === 'tokens');
    const elsewhere = { ...view, self: sibling, siblings: [self] };
    expect(rowsFor('peers', peers, elsewhere).rows[0]![index]).toEqual(tokens(view));
    expect(rowsFor('peers', peers, view).rows[0]![index]).toEqual(tokens(elsewhere));
  });
});
