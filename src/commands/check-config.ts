// `cqlgate check-config` finds everything that `serve` would refuse or warn of, without starting it.
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { loadPolicy, policyContext, type LoadedPolicy } from '../config/load-policy.ts';
import { ConfigFault } from '../errors.ts';
import { COMPRESSIONS } from '../protocol/compression.ts';
import { unresolvedSecrets } from '../secrets/logins.ts';
import { bitbucketTokenProblems } from './commits.ts';
import {
  CONFIG_OPTION,
  EXIT,
  JSON_OPTION,
  print,
  printJson,
  type CommandDefinition,
  type Terminal,
} from './command.ts';

export const command: CommandDefinition<{ readonly config: string; readonly json?: boolean }> = {
  summary: 'check configuration and policy; exit code 1 where serve would refuse to start',
  options: [CONFIG_OPTION, JSON_OPTION],
  run: async ({ config, json }, terminal) => {
    const report = await checkConfig(config);
    if (json === true) printJson(terminal, report);
    else printReport(report, terminal);
    return report.problems.length > 0 ? EXIT.refused : EXIT.ok;
  },
};

function printReport(report: CheckReport, terminal: Terminal): void {
  for (const problem of report.problems) print(terminal, problem);
  for (const warning of report.warnings) print(terminal, `warning: ${warning}`);
  for (const text of report.denied) print(terminal, text);
  for (const text of report.notChecked) print(terminal, `not checked: ${text}`);
  print(terminal, `compression: ${report.compression.join(', ')}`);
  if (report.problems.length === 0) print(terminal, 'the configuration is valid');
}

interface CheckReport {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** Which kinds of statements the `deny` of each role covers. */
  readonly denied: readonly string[];
  /** What only `serve` can find out. */
  readonly notChecked: readonly string[];
  /** The algorithms that clients can compress with here, each with its implementation: `lz4 (native)`. */
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

/** Rejects with all problems at once: those found before come first, and those of the policy after them. */
async function policyOf(loaded: LoadedConfig, before: readonly string[]): Promise<LoadedPolicy> {
  try {
    return await loadPolicy(loaded.policyFile, policyContext(loaded));
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    throw new ConfigFault([...before, ...error.problems]);
  }
}
