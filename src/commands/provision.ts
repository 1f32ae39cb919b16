// `cqlgate provision` turns the policy's grants into Cassandra's own, so that the cluster is a second wall. It prints the
// statements, carries them out, or says where the cluster holds something else.
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { loadPolicy, policyContext } from '../config/load-policy.ts';
import { ConfigFault } from '../errors.ts';
import {
  carryOut,
  connect,
  readExisting,
  readHeld,
  requireSight,
  type Admin,
} from '../provision/cluster.ts';
import {
  creationText,
  differenceOf,
  isDrift,
  stepsOf,
  vaultRoles,
  type Held,
  type Step,
} from '../provision/plan.ts';
import { cqlText, driftText, reportJson, type Report } from '../provision/report.ts';
import { desiredState, type DesiredState } from '../provision/desired.ts';
import type { Existing } from '../provision/existing.ts';
import { readLocal } from '../secrets/local.ts';
import type { LoginSpec } from '../secrets/upstream-login.ts';
import { Logins } from '../secrets/logins.ts';
import { CONFIG_OPTION, JSON_OPTION, print, printJson, type CommandDefinition } from './command.ts';

/** Where the administrator's password is taken from, unless a file is named. */
const ADMIN_PASSWORD = 'CQLGATE_ADMIN_PASSWORD';

export const command: CommandDefinition<ProvisionOptions & { readonly json?: boolean }> = {
  summary:
    "the policy's grants as Cassandra's own, so that the cluster is a second wall: printed as CQL, or with --apply carried out; exit code 1 where the cluster is not as the policy wants it",
  options: [
    CONFIG_OPTION,
    {
      flags: '--username <name>',
      summary: 'an admin login of the cluster; without it the cluster is not asked',
    },
    {
      flags: '--password-file <file>',
      summary: `its password; default: ${ADMIN_PASSWORD}`,
    },
    { flags: '--apply', summary: 'carry the statements out' },
    { flags: '--revoke', summary: 'take back what the policy does not give' },
    { flags: '--check', summary: 'only say what is missing, wider or a superuser' },
    JSON_OPTION,
  ],
  run: async ({ json, ...options }, terminal) => {
    const done = await provision(options);
    if (json === true) printJson(terminal, done.json);
    else print(terminal, done.text);
    return done.exitCode;
  },
};

interface ProvisionOptions {
  readonly config: string;
  readonly apply?: boolean;
  readonly check?: boolean;
  readonly revoke?: boolean;
  /** The administrator's login; without it the cluster is not asked. */
  readonly username?: string;
  readonly passwordFile?: string;
}

interface Provisioned {
  /** 1 where the cluster is not, or does not become, as the policy wants it; else 0. */
  readonly exitCode: 0 | 1;
  readonly text: string;
  readonly json: unknown;
}

/** Rejects with ConfigFault. */
async function provision(options: ProvisionOptions): Promise<Provisioned> {
  const loaded = await loadConfig(options.config);
  const { roles } = await loadPolicy(loaded.policyFile, policyContext(loaded));
  const desiredWith = (existing: Existing | null): DesiredState =>
    desiredState({
      logins: loaded.logins,
      gateRole: loaded.gateRole,
      roles,
      ownKeyspace: loaded.config.cluster.keyspace ?? null,
      existing,
    });
  const admin = await adminOf(options);
  if (admin === null) {
    const report = reportOf(desiredWith(null), null, options);
    return { exitCode: 0, text: cqlText(report), json: reportJson(report) };
  }
  const client = await connect(loaded, admin);
  try {
    await requireSight(client, admin);
    const look = async (): Promise<Report> => {
      const desired = desiredWith(await readExisting(client));
      const names = desired.roles.map(({ role }) => role);
      return reportOf(desired, await readHeld(client, names), options);
    };
    const before = await look();
    if (options.check === true) {
      const exitCode = before.differences.some(isDrift) ? 1 : 0;
      return { exitCode, text: driftText(before), json: reportJson(before) };
    }
    if (options.apply !== true) {
      return { exitCode: 0, text: cqlText(before), json: reportJson(before) };
    }
    // All secrets are read first: if one cannot be had, no login may have been created without its rights.
    const passwords = await passwordsOf(loaded, before.steps);
    for (const { text, passwordOf } of before.steps) {
      if (passwordOf === null) await carryOut(client, text, false);
      else {
        const { role } = roleOf(before, passwordOf);
        await carryOut(client, creationText(role, passwords.get(passwordOf)!), true);
      }
    }
    const after = await look();
    return {
      exitCode: after.differences.some(isDrift) ? 1 : 0,
      text: `${cqlText(before)}\n\n-- ${driftText(after).replaceAll('\n', '\n-- ')}`,
      json: { applied: before.steps.map(({ text }) => text), after: reportJson(after) },
    };
  } finally {
    await client.shutdown();
  }
}

function reportOf(desired: DesiredState, held: Held | null, { revoke }: ProvisionOptions): Report {
  const differences = desired.roles.map((role) => differenceOf(role, held));
  return {
    desired,
    differences,
    steps: stepsOf(desired, differences, { revoke: revoke === true }),
    vault: vaultRoles(desired),
  };
}

function roleOf({ desired }: Report, entry: string): { readonly role: string } {
  return desired.roles.find(({ entries }) => entries.includes(entry))!;
}

async function adminOf(options: ProvisionOptions): Promise<Admin | null> {
  const { username, passwordFile, apply, check, revoke } = options;
  if (apply === true && check === true) {
    throw new ConfigFault(['--apply and --check exclude each other: run one after the other']);
  }
  if (username === undefined) {
    if (apply !== true && check !== true && revoke !== true) return null;
    throw new ConfigFault([
      `--apply, --check and --revoke ask the cluster: name an admin login with --username, and its password in ${ADMIN_PASSWORD} or by --password-file`,
    ]);
  }
  const spec = passwordFile === undefined ? { env: ADMIN_PASSWORD } : { file: passwordFile };
  const { value } = await readLocal(spec, process.cwd()).catch((error: unknown) => {
    throw new ConfigFault([
      `the password of ${username}: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  });
  return { username, password: value };
}

/** Reads the passwords of the logins that are created now, by their entry of `cassandraRoles`. */
async function passwordsOf(
  { config, logins, base, maxSecretAgeMs }: LoadedConfig,
  steps: readonly Step[],
): Promise<ReadonlyMap<string, string>> {
  const entries = steps.flatMap(({ passwordOf }) => passwordOf ?? []);
  const resolved = await Logins.create({
    specs: Object.fromEntries(entries.map((entry) => [entry, logins.get(entry)!])),
    vault: entries.some((entry) => isInVault(logins.get(entry))) ? config.vault : undefined,
    base,
    maxSecretAgeMs,
    listener: {
      changed: () => undefined,
      failed: () => undefined,
      vaultFailed: () => undefined,
    },
  });
  try {
    await resolved.start();
    const found = entries.map((entry) => resolved.sources.get(entry)!.current());
    return new Map(found.flatMap((one) => (one.open ? [] : [[one.name, one.password]])));
  } finally {
    await resolved.close();
  }
}

function isInVault(spec: LoginSpec | undefined): boolean {
  return spec !== undefined && 'password' in spec && 'vault' in spec.password;
}
