// The token verifier of a running gate, with what is logged and counted of its issuers.
import type { LoadedConfig } from '../config/load.ts';
import { TokenVerifier } from '../identity/verifier.ts';
import { JWKS } from '../limits/identity.ts';
import type { MemoryBudget } from '../memory/budget.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Log } from '../session/gate.ts';

/** `onVerified` is told the hash of each token that this process had not verified before. */
export function tokenVerifier(
  { issuers }: Pick<LoadedConfig, 'issuers'>,
  onVerified: (tokenSha256: string) => void,
  around: { readonly memory: MemoryBudget; readonly metrics: Metrics; readonly log: Log },
): TokenVerifier {
  const { memory, metrics, log } = around;
  return new TokenVerifier({
    account: memory.heapKind('tokens'),
    issuers,
    onVerified,
    onKeysWithdrawn: (issuer, keyIds) => {
      metrics.counter('issuer_keys_withdrawn_total', issuer).value += keyIds.length;
      const named = keyIds.slice(0, JWKS.idsLogged).map((id) => id.slice(0, JWKS.idLength));
      log.warn(
        { issuer, keys: keyIds.length, key_ids: named },
        'an issuer withdrew keys; tokens and sessions that rest on them end',
      );
    },
    onKeysFailed: (issuer, error) => {
      metrics.counter('issuer_key_failures_total', issuer).value++;
      log.warn({ issuer, reason: error.message }, 'the keys of an issuer could not be fetched');
    },
  });
}
