// `cqlgate check-config`: everything that `serve` would refuse or warn of, without starting it.
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { loadPolicy, policyContext, type LoadedPolicy } from '../config/load-policy.ts';
import { ConfigFault } from '../errors.ts';
import { COMPRESSIONS } from '../protocol/compression.ts';
import { unresolvedSecrets } from '../secrets/logins.ts';
import { bitbucketTokenProblems } from './commits.ts';

export interface CheckReport {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** What the `deny` of each role comes to. */
  readonly denied: readonly string[];
  /** What only `serve` finds out. */
  readonly notChecked: readonly string[];
  /** What clients can compress with here, and by which implementation: `lz4 (native)`. */
  readonly compression: readonly string[];
}

const compression = [...COMPRESSIONS.values()].map(
  ({ name, implementation }) => `${name} (${implementation})`,
);

export async function checkConfig(file: string): Promise<CheckReport> {
  try {
    const loaded = await loadConfig(file);
    const secrets = await unresolvedSecrets(loaded.config.cassandraRoles, loaded.base);
    const problems = [...secrets.problems, ...(await bitbucketTokenProblems(loaded))];
    const { warnings, denied } = await policyOf(loaded, problems);
    const { notChecked } = secrets;
    return {
      problems,
      warnings: [...loaded.warnings, ...warnings],
      denied,
      notChecked,
      compression,
    };
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    return { problems: error.problems, warnings: [], denied: [], notChecked: [], compression };
  }
}

/** All problems at once: those of the policy come after those found before it. */
async function policyOf(loaded: LoadedConfig, before: readonly string[]): Promise<LoadedPolicy> {
  try {
    return await loadPolicy(loaded.policyFile, policyContext(loaded));
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    throw new ConfigFault([...before, ...error.problems]);
  }
}
