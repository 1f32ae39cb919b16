// What drivers are told of the gate and its siblings, from names that resolve now, later, or no more.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { advertisingOf } from '../../src/commands/advertising.ts';
import type { LoadedConfig } from '../../src/config/load.ts';
import { ADVERTISE } from '../../src/limits/fleet.ts';

const hosts = new Map<string, string>();
const warnings: string[] = [];
const log = {
  info: () => undefined,
  warn: ({ host }: Readonly<Record<string, unknown>>) => void warnings.push(String(host)),
  error: () => undefined,
};

async function resolve(host: string): Promise<string> {
  const address = hosts.get(host);
  if (address === undefined) throw new Error(`getaddrinfo ENOTFOUND ${host}`);
  return Promise.resolve(address);
}

const advertising = async (host: string | null, peers: { host: string; port: number }[] = []) =>
  advertisingOf(
    {
      config: { advertise: host === null ? undefined : { host, port: 9042, peers: [] } },
      peers,
    } as unknown as LoadedConfig,
    log,
    resolve,
  );

beforeEach(() => {
  vi.useFakeTimers();
  hosts.clear();
  warnings.length = 0;
});
afterEach(() => vi.useRealTimers());

const later = async () => vi.advanceTimersByTimeAsync(ADVERTISE.resolveMs + 1);

describe('a gate', () => {
  it('without advertise is where its client came in, and has no siblings', async () => {
    const told = await advertising(null);
    expect(told.self('10.1.2.3', 9043)).toEqual({
      address: Buffer.from([10, 1, 2, 3]),
      port: 9043,
      name: '10.1.2.3:9043',
    });
    expect(told.siblings()).toEqual([]);
  });

  it('by name follows its address, and keeps its name', async () => {
    hosts.set('gate-1', '192.0.2.1');
    const told = await advertising('gate-1');
    const before = told.self('', 0);
    hosts.set('gate-1', '192.0.2.77');
    await later();
    expect(before.address).toEqual(Buffer.from([192, 0, 2, 1]));
    expect(told.self('', 0).address).toEqual(Buffer.from([192, 0, 2, 77]));
    expect(told.self('', 0).name).toBe(before.name);
  });

  it('whose own name has no address does not start', async () => {
    await expect(advertising('nowhere')).rejects.toThrow('advertise.host nowhere has no address');
  });
});

describe('siblings', () => {
  const peers = [
    { host: 'gate-1', port: 9042 },
    { host: 'gate-2', port: 9042 },
    { host: '192.0.2.3', port: 9142 },
  ];

  it('are told without the gate itself, so that all may have the same list', async () => {
    hosts.set('gate-1', '192.0.2.1').set('gate-2', '192.0.2.2');
    const told = await advertising('gate-1', peers);
    expect(told.siblings().map(({ name }) => name)).toEqual(['gate-2:9042', '192.0.2.3:9142']);
  });

  it('that have no address yet are told once they have, and said once', async () => {
    hosts.set('gate-1', '192.0.2.1');
    const told = await advertising('gate-1', peers);
    expect(told.siblings().map(({ name }) => name)).toEqual(['192.0.2.3:9142']);
    await later();
    expect(warnings).toEqual(['gate-2']);
    hosts.set('gate-2', '192.0.2.2');
    await later();
    expect(told.siblings().map(({ name }) => name)).toContain('gate-2:9042');
  });

  it('keep their last address while their name is not known, and follow a new one', async () => {
    hosts.set('gate-1', '192.0.2.1').set('gate-2', '192.0.2.2');
    const told = await advertising('gate-1', peers);
    hosts.delete('gate-2');
    await later();
    expect(told.siblings()[0]!.address).toEqual(Buffer.from([192, 0, 2, 2]));
    hosts.set('gate-2', '192.0.2.99');
    await later();
    expect(told.siblings()[0]!.address).toEqual(Buffer.from([192, 0, 2, 99]));
  });
});
