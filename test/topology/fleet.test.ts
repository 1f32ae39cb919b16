// A fleet of gates as drivers see it: the same ring whichever gate is asked, and the same share for each.
import { describe, expect, it } from 'vitest';
import { hostId, type Advertised } from '../../src/topology/advertised.ts';
import { tokensOf } from '../../src/topology/fleet.ts';

const gates: Advertised[] = [1, 2, 3, 4, 5].map((n) => ({
  address: Buffer.from([192, 0, 2, n]),
  port: 9042,
  name: `gate-${n}.example.com:9042`,
}));

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

describe.each([2, 3, 5])('a fleet of %i', (size) => {
  const fleet = gates.slice(0, size);
  const ring = fleet
    .flatMap((gate) => tokensOf('prod', gate, fleet).map((token) => ({ token, gate })))
    .sort((a, b) => (a.token < b.token ? -1 : 1));

  it('has tokens that are each of one gate, and within the ring', () => {
    expect(new Set(ring.map(({ token }) => token)).size).toBe(16 * size);
    expect(ring.every(({ token }) => token > MIN && token <= MAX)).toBe(true);
  });

  it('gives each gate the same share', () => {
    const shares = new Map<Advertised, bigint>();
    ring.forEach(({ token, gate }, i) => {
      const before = i === 0 ? ring.at(-1)!.token - 2n ** 64n : ring[i - 1]!.token;
      shares.set(gate, (shares.get(gate) ?? 0n) + token - before);
    });
    const even = Number(2n ** 64n) / size;
    for (const share of shares.values())
      expect(Math.abs(Number(share) / even - 1)).toBeLessThan(1e-9);
  });

  it('is the same in whatever order a gate has its list, and whatever addresses names have', () => {
    const elsewhere = [...fleet]
      .reverse()
      .map((gate) => ({ ...gate, address: Buffer.alloc(4, 9) }));
    for (const gate of fleet) {
      const same = elsewhere.find(({ name }) => name === gate.name)!;
      expect(tokensOf('prod', same, elsewhere)).toEqual(tokensOf('prod', gate, fleet));
      expect(hostId('prod', same)).toEqual(hostId('prod', gate));
    }
  });
});

it('that lists a gate twice has it once', () => {
  const [one, two] = gates as [Advertised, Advertised];
  expect(tokensOf('prod', one, [one, two, two])).toEqual(tokensOf('prod', one, [one, two]));
});
