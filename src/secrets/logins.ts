// All logins to the cluster, each with its source, and the one Vault session that they share.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { later, monotonicMs, msBetween, type MonotonicMs, type WallMs } from '../clock.ts';
import { ConfigFault } from '../errors.ts';
import { SECRETS } from '../limits/services.ts';
import { retryInMs } from './due.ts';
import { certificateReader, readCertificate } from './certificate.ts';
import { SecretFault } from './fault.ts';
import { leaseReader } from './leases.ts';
import { localReader, readLocal } from './local.ts';
import type { LocalSecretSpec, LoginSource, LoginSpec, VaultSpec } from './upstream-login.ts';
import type { Reader } from './reader.ts';
import { SecretSource, type SecretListener } from './source.ts';
import { VaultClient } from './vault-client.ts';
import { kvReader, staticReader } from './vault-readers.ts';
import { VaultSession } from './vault-session.ts';

export interface LoginsOptions {
  /** By the names of `cassandraRoles`. */
  readonly specs: Readonly<Record<string, LoginSpec>>;
  readonly vault: VaultSpec | undefined;
  /** The folder that relative paths start at. */
  readonly base: string;
  readonly maxSecretAgeMs: number;
  readonly listener: SecretListener & { vaultFailed(fault: SecretFault): void };
  /** How long to wait for Vault at start. */
  readonly startTimeoutMs?: number;
}

export class Logins {
  readonly #options: LoginsOptions;
  readonly #secrets: ReadonlyMap<string, SecretSource>;
  readonly #session: VaultSession | null;
  readonly sources: ReadonlyMap<string, LoginSource>;
  /** The names of the logins in Cassandra, kept up to date while leases come and go. */
  readonly usernames: string[] = [];

  private constructor(options: LoginsOptions, session: VaultSession | null) {
    this.#options = options;
    this.#session = session;
    const { listener } = options;
    const changed = (name: string): void => {
      this.#collectUsernames();
      listener.changed(name);
    };
    const failed = (name: string, fault: SecretFault) => listener.failed(name, fault);
    const secrets = new Map<string, SecretSource>();
    const sources = new Map<string, LoginSource>();
    for (const [name, spec] of Object.entries(options.specs)) {
      if ('open' in spec) {
        const login = { name, open: true } as const;
        sources.set(name, { current: () => login, refresh: async () => Promise.resolve(login) });
        continue;
      }
      const reader = readerOf(spec, session, options);
      const source = new SecretSource(name, reader, { changed, failed });
      secrets.set(name, source);
      sources.set(name, source);
    }
    this.#secrets = secrets;
    this.sources = sources;
  }

  /** Reads no secret of a login yet. Rejects with ConfigFault where Vault's CA can't be read. */
  static async create(options: LoginsOptions): Promise<Logins> {
    const { vault, base, listener } = options;
    if (vault === undefined) return new Logins(options, null);
    const { address, namespace, auth } = vault;
    const ca = vault.ca === undefined ? undefined : await caOf(vault.ca, base);
    const session = new VaultSession({
      client: new VaultClient({ address, namespace, ca }),
      auth,
      base,
      onFault: (fault) => listener.vaultFailed(fault),
    });
    return new Logins(options, session);
  }

  /**
   * Reads every login. Rejects with a ConfigFault that names all that could not be read: at once if waiting does not
   * help, else when Vault has not answered for too long.
   */
  async start(): Promise<void> {
    const timeoutMs = this.#options.startTimeoutMs ?? SECRETS.startTimeoutMs;
    const deadlineAtMs = later(monotonicMs(), timeoutMs);
    const results = await Promise.allSettled(
      [...this.#secrets].map(async ([name, source]) => startOf(name, source, deadlineAtMs)),
    );
    const problems = results.flatMap((result) =>
      result.status === 'rejected' ? [messageOf(result.reason)] : [],
    );
    if (problems.length > 0) throw new ConfigFault(problems);
  }

  /** Age in ms of each secret that was read. */
  ages(nowMs: WallMs): [cassandraRole: string, ageMs: number][] {
    return [...this.#secrets].flatMap(([name, source]) => {
      const ageMs = source.ageMs(nowMs);
      return ageMs === null ? [] : [[name, ageMs] as [string, number]];
    });
  }

  /** What an operator should look after although the gate works. */
  warnings(nowMs: WallMs): string[] {
    const { maxSecretAgeMs } = this.#options;
    const old = this.ages(nowMs)
      .filter(([, ageMs]) => ageMs > maxSecretAgeMs)
      .map(
        ([name, ageMs]) =>
          `the secret of Cassandra role ${name} is ${Math.floor(ageMs / 3_600_000)} h old; rotate it (maxSecretAge)`,
      );
    const unread = [...this.#secrets].flatMap(([name, { problem }]) =>
      problem === null ? [] : [`the secret of Cassandra role ${name} cannot be read: ${problem}`],
    );
    return [...old, ...unread];
  }

  /** Revokes leases and the gate's own token; bounded in time, and never rejects. */
  async close(): Promise<void> {
    const revoked = Promise.all([...this.#secrets.values()].map(async (one) => one.close())).then(
      async () => this.#session?.close(),
    );
    await Promise.race([revoked, delay(SECRETS.revokeTimeoutMs, undefined, { ref: false })]);
  }

  #collectUsernames(): void {
    const names = [...this.#secrets.values()].flatMap((source) => source.usernames);
    this.usernames.splice(0, Infinity, ...names);
  }
}

/** What `check-config` can find out about secrets without asking Vault, where reading would create a user. */
export async function unresolvedSecrets(
  specs: Readonly<Record<string, LoginSpec>>,
  base: string,
): Promise<{ problems: string[]; notChecked: string[] }> {
  const problems: string[] = [];
  const notChecked: string[] = [];
  for (const [name, spec] of Object.entries(specs)) {
    if ('certificate' in spec) {
      await readCertificate(spec.certificate, base).catch((error: unknown) =>
        problems.push(`cassandraRoles.${name}.certificate: ${messageOf(error)}`),
      );
      continue;
    }
    const local = localSpecOf(spec);
    if (local === null) {
      if (!('open' in spec)) {
        notChecked.push(
          `cassandraRoles.${name}: Vault is asked by serve only, a read may make a user`,
        );
      }
      continue;
    }
    await readLocal(local, base).catch((error: unknown) =>
      problems.push(`cassandraRoles.${name}.password: ${messageOf(error)}`),
    );
  }
  return { problems, notChecked };
}

function localSpecOf(spec: LoginSpec): LocalSecretSpec | null {
  if (!('password' in spec) || 'vault' in spec.password) return null;
  return spec.password;
}

function readerOf(
  spec: Exclude<LoginSpec, { open: true }>,
  session: VaultSession | null,
  { base, maxSecretAgeMs }: LoginsOptions,
): Reader {
  if ('certificate' in spec) return certificateReader(spec.username, spec.certificate, base);
  if ('password' in spec && !('vault' in spec.password)) {
    return localReader(spec.username, spec.password, base);
  }
  if (session === null) throw new SecretFault('a login comes from Vault, but vault: is not set');
  if ('password' in spec && 'vault' in spec.password) {
    return kvReader(session, spec.username, spec.password.vault);
  }
  const { path: at } = (spec as Extract<LoginSpec, { vault: unknown }>).vault;
  return at.includes('/static-creds/')
    ? staticReader(session, at)
    : leaseReader(session, at, maxSecretAgeMs);
}

async function startOf(
  name: string,
  source: SecretSource,
  deadlineAtMs: MonotonicMs,
): Promise<void> {
  for (let failures = 1; ; failures++) {
    try {
      await source.start();
      return;
    } catch (error) {
      const leftMs = msBetween(monotonicMs(), deadlineAtMs);
      const mayPass = error instanceof SecretFault && error.mayPass;
      if (mayPass && leftMs > 0) await delay(Math.min(retryInMs(failures), leftMs));
      else throw new SecretFault(`the secret of Cassandra role ${name}: ${messageOf(error)}`);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function caOf(file: string, base: string): Promise<string> {
  return readFile(path.resolve(base, file), 'utf8').catch(() => {
    throw new ConfigFault([`vault.ca: ${file} cannot be read`]);
  });
}
