// A node: when it is still the same one, and how many logins it may be asked for.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { ClusterNode, type NodeRow } from '../../src/upstream/node.ts';

const ROW: NodeRow = {
  hostId: 'id',
  native: { host: '10.0.0.1', port: 9042 },
  addresses: ['10.0.0.1', '192.168.0.1'],
  datacenter: 'dc1',
  rack: 'r1',
  releaseVersion: '5.0.9',
  tokens: [-5n, 7n],
};
const DIALLED = { host: 'node-1.example', port: 9142 };

describe('a node', () => {
  it('is dialled by the words that led to it, and keeps the address that drivers are told', () => {
    const node = new ClusterNode(ROW, DIALLED);
    expect(node).toMatchObject({ host: 'node-1.example', port: 9142, native: ROW.native });
    expect(node.name).toBe('node-1.example:9142');
  });

  it('is the same while nothing of its row changed, whatever the spelling of its address', () => {
    const node = new ClusterNode(ROW, DIALLED);
    expect(node.is(ROW, DIALLED)).toBe(true);
    expect(node.is({ ...ROW, tokens: [-5n, 7n] }, { ...DIALLED })).toBe(true);
    expect(node.is({ ...ROW, native: { host: '::ffff:10.0.0.1', port: 9042 } }, DIALLED)).toBe(
      true,
    );
  });

  it.each<[string, Partial<NodeRow>]>([
    ['id', { hostId: 'other' }],
    ['address', { native: { host: '10.0.0.2', port: 9042 } }],
    ['port', { native: { host: '10.0.0.1', port: 9043 } }],
    ['address among nodes', { addresses: ['10.0.0.1'] }],
    ['datacenter', { datacenter: 'dc2' }],
    ['rack', { rack: 'r2' }],
    ['release', { releaseVersion: '5.0.10' }],
    ['number of tokens', { tokens: [-5n] }],
    ['last token', { tokens: [-5n, 8n] }],
    ['order of tokens', { tokens: [7n, -5n] }],
  ])('is another one with another %s', (_what, change) => {
    expect(new ClusterNode(ROW, DIALLED).is({ ...ROW, ...change }, DIALLED)).toBe(false);
  });

  it.each([
    { ...DIALLED, port: 1 },
    { ...DIALLED, host: 'node-2.example' },
  ])('is another one where it is dialled at $host:$port', (dialled) => {
    expect(new ClusterNode(ROW, DIALLED).is(ROW, dialled)).toBe(false);
  });

  it('is reachable from its first connection to its last', () => {
    const node = new ClusterNode(ROW, DIALLED);
    expect(node.isReachable).toBe(false);
    node.openConnections = 1;
    expect(node.isReachable).toBe(true);
    node.openConnections = 0;
    expect(node.isReachable).toBe(false);
  });
});

describe('logins that a node may be asked for', () => {
  const EACH_MS = 1000 / UPSTREAM.loginsPerSecond;
  let node: ClusterNode;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    node = new ClusterNode(ROW, DIALLED);
  });
  afterEach(() => void vi.useRealTimers());

  /** As many as it may be asked for now. */
  const takeAll = (): number => {
    let count = 0;
    while (count < 1_000 && node.takeLogin()) count++;
    return count;
  };

  it('are so many at once, then one for each part of a second', () => {
    expect(takeAll()).toBe(UPSTREAM.loginsAtOnce);
    vi.advanceTimersByTime(EACH_MS - 1);
    expect(takeAll()).toBe(0);
    vi.advanceTimersByTime(1.5);
    expect(takeAll()).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(takeAll()).toBe(UPSTREAM.loginsPerSecond);
  });

  it('are not saved up beyond that while nobody asks', () => {
    takeAll();
    vi.advanceTimersByTime(3_600_000);
    expect(takeAll()).toBe(UPSTREAM.loginsAtOnce);
  });

  it('that were refused cost nothing', () => {
    takeAll();
    for (let i = 0; i < 100; i++) node.takeLogin();
    vi.advanceTimersByTime(1_000);
    expect(takeAll()).toBe(UPSTREAM.loginsPerSecond);
  });
});
