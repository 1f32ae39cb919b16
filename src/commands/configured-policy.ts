// The policy that a configuration names, for commands that answer questions about it.
import { loadConfig } from '../config/load.ts';
import { loadPolicy, policyContext, type LoadedPolicy } from '../config/load-policy.ts';
import type { IssuerConfig } from '../identity/issuers.ts';

/** Rejects with ConfigFault. */
export async function configuredPolicy(
  configFile: string,
): Promise<LoadedPolicy & { readonly issuers: readonly IssuerConfig[] }> {
  const loaded = await loadConfig(configFile);
  const policy = await loadPolicy(loaded.policyFile, policyContext(loaded));
  return { ...policy, issuers: loaded.issuers };
}
