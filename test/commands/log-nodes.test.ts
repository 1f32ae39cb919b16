// The line of the log when the nodes of the cluster change.
import { expect, it } from 'vitest';
import { logNodes } from '../../src/commands/log-nodes.ts';
import type { ClusterNode } from '../../src/upstream/node.ts';
import { LogLines } from '../support/log-lines.ts';

const nodes = [
  { name: 'a:9042', datacenter: 'dc1' },
  { name: 'b:9042', datacenter: 'dc2' },
  { name: 'c:9042', datacenter: 'dc1' },
] as unknown as ClusterNode[];

function logged(some: ClusterNode[], configured?: string) {
  const log = new LogLines();
  logNodes(some, 'dc1', configured, log);
  return log.lines;
}

it('counts them by datacenter and names them', () => {
  expect(logged(nodes, 'dc1')).toEqual([
    {
      level: 'info',
      message: 'the nodes of the cluster',
      fields: {
        local_datacenter: 'dc1',
        datacenters: { dc1: 2, dc2: 1 },
        nodes: ['a:9042', 'b:9042', 'c:9042'],
      },
    },
  ]);
});

it('warns where there are several datacenters and none is configured as the local one', () => {
  expect(logged(nodes).at(1)).toMatchObject({ level: 'warn', fields: { local_datacenter: 'dc1' } });
  expect(logged(nodes.filter(({ datacenter }) => datacenter === 'dc1'))).toHaveLength(1);
});
