// The gates that drivers are told of as nodes of one cluster: this one and its siblings. All of them tell the
// same ring, in which each owns the same share, so that token-aware drivers spread their load evenly.
import { hostId, type Advertised } from './advertised.ts';

/** Tokens of one gate: enough that drivers which look at ranges see several of each. */
const TOKENS_PER_GATE = 16;

const FIRST_TOKEN = -(2n ** 63n);
const RING = 2n ** 64n;

/**
 * The tokens of one gate, ascending. Each gate has every n-th of the ring's equal parts, in the order of host
 * ids: the same on all gates, whichever is asked.
 */
export function tokensOf(
  clusterName: string,
  gate: Advertised,
  fleet: readonly Advertised[],
): bigint[] {
  const ids = [...new Set(fleet.map((one) => hostId(clusterName, one).toString('hex')))].sort();
  const place = BigInt(ids.indexOf(hostId(clusterName, gate).toString('hex')));
  const parts = BigInt(TOKENS_PER_GATE * ids.length);
  return Array.from(
    { length: TOKENS_PER_GATE },
    (_unused, i) => FIRST_TOKEN + ((BigInt(i * ids.length) + place + 1n) * RING) / parts - 1n,
  );
}
