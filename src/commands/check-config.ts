// `cqlgate check-config`: everything that `serve` would refuse or warn of, without starting it.
import { loadConfig } from '../config/load.ts';
import { loadPolicy } from '../config/load-policy.ts';
import { ConfigFault } from '../errors.ts';

export interface CheckReport {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

export async function checkConfig(file: string): Promise<CheckReport> {
  try {
    const loaded = await loadConfig(file);
    const { warnings } = await loadPolicy(loaded.policyFile, {
      issuers: loaded.issuers,
      cassandraRoles: [...loaded.logins.keys()],
    });
    return { problems: [], warnings: [...loaded.warnings, ...warnings] };
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    return { problems: error.problems, warnings: [] };
  }
}
