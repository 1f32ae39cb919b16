// `cqlgate check-config`: everything that `serve` would refuse or warn of, without starting it.
import { loadConfig } from '../config/load.ts';
import { loadPolicy, policyContext } from '../config/load-policy.ts';
import { ConfigFault } from '../errors.ts';
import { COMPRESSIONS } from '../protocol/compression.ts';

export interface CheckReport {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** What clients can compress with here, and by which implementation: `lz4 (native)`. */
  readonly compression: readonly string[];
}

const compression = [...COMPRESSIONS.values()].map(
  ({ name, implementation }) => `${name} (${implementation})`,
);

export async function checkConfig(file: string): Promise<CheckReport> {
  try {
    const loaded = await loadConfig(file);
    const { warnings } = await loadPolicy(loaded.policyFile, policyContext(loaded));
    return { problems: [], warnings: [...loaded.warnings, ...warnings], compression };
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    return { problems: error.problems, warnings: [], compression };
  }
}
