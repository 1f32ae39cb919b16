// The configuration file to what the gate is put together from: relations between keys checked, secrets
// left where they are. Problems come all at once; warnings are what an operator should know all the same.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ConfigFault } from '../errors.ts';
import { issuerOf, type IssuerConfig } from '../identity/issuers.ts';
import { resolveLimits, type Limits } from '../limits/operator.ts';
import {
  areCertificates,
  expiryWarning,
  readCertificates,
  type CertificateFiles,
  type Certificates,
} from '../tls/certificates.ts';
import type { CommitMode } from '../policy/role.ts';
import type { Endpoint } from '../protocol/inet.ts';
import type { LocalSecretSpec, LoginSpec } from '../secrets/upstream-login.ts';
import { coversAll } from './cidr.ts';
import { exposedSecrets } from './exposed-files.ts';
import { durationMs } from './duration.ts';
import { checkedHostPort } from './host-port.ts';
import { configSchema, NOT_YET, type Config } from './schema.ts';
import { parseYaml, readText, type TextFile, type YamlFile } from './yaml-file.ts';

/** How commits are asked for. */
export interface BitbucketAccess {
  readonly apiUrl: string;
  /** null: there is none, and nothing is asked. */
  readonly token: LocalSecretSpec | null;
  /** With it the token is an Atlassian API token. */
  readonly username: string | null;
  readonly commit: CommitMode;
}

export interface LoadedConfig {
  /** What all of this was made of. */
  readonly text: TextFile;
  readonly config: Config;
  readonly issuers: readonly IssuerConfig[];
  /** Where the logins of `cassandraRoles` come from; nothing of it is resolved here. */
  readonly logins: ReadonlyMap<string, LoginSpec>;
  /** Entry of `cassandraRoles` for the gate's own queries. */
  readonly gateRole: string;
  /** The configuration's directory: relative paths start there. */
  readonly base: string;
  readonly maxSecretAgeMs: number;
  readonly contactPoints: readonly Endpoint[];
  readonly peers: readonly Endpoint[];
  readonly bitbucket: BitbucketAccess;
  /** Processes; never 0. */
  readonly workers: number;
  /** Of each of them. */
  readonly limits: Limits;
  /** Absolute. */
  readonly policyFile: string;
  readonly auditDir: string;
  readonly tls: { readonly listen: LoadedTls | null; readonly cluster: LoadedTls | null };
  readonly warnings: readonly string[];
}

/** Certificates as they are now, and where to look for newer ones. */
export interface LoadedTls {
  readonly files: CertificateFiles;
  readonly certificates: Certificates;
}

/** Rejects with ConfigFault. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  return configOf(await readText(file));
}

/** The configuration of a text that was read before. Rejects with ConfigFault. */
export async function configOf(text: TextFile): Promise<LoadedConfig> {
  const { file } = text;
  const yaml = parseYaml(text, configSchema, NOT_YET);
  const config = yaml.value;
  const base = path.dirname(path.resolve(file));
  const problems: string[] = [];
  checkVault(yaml, problems);
  checkCertificateLogins(yaml, problems);
  const gateRole = config.cluster.gateRole ?? Object.keys(config.cassandraRoles)[0]!;
  if (!Object.hasOwn(config.cassandraRoles, gateRole)) {
    problems.push(
      `${yaml.place(['cluster', 'gateRole'])}: cluster.gateRole names ${gateRole}, which is not in cassandraRoles`,
    );
  }
  const warnings = warningsOf(yaml);
  const tls = await loadTls(yaml, base, problems, warnings);
  warnings.push(...(await exposedSecrets(config, base)));
  checkIssuers(yaml, problems);
  const issuers = await issuersOf(yaml, base, problems);
  if (problems.length > 0) throw new ConfigFault(problems);
  const workers = config.workers === 0 ? os.availableParallelism() : config.workers;
  return {
    text,
    config,
    issuers,
    logins: new Map(Object.entries(config.cassandraRoles)),
    gateRole,
    base,
    maxSecretAgeMs: durationMs(config.maxSecretAge),
    contactPoints: config.cluster.contactPoints.map(checkedHostPort),
    peers: (config.advertise?.peers ?? []).map(checkedHostPort),
    bitbucket: bitbucketOf(config),
    workers,
    limits: resolveLimits(config.limits, workers),
    policyFile: path.resolve(base, config.policy),
    auditDir: path.resolve(base, config.audit.dir),
    tls,
    warnings,
  };
}

function checkVault(yaml: YamlFile<Config>, problems: string[]): void {
  if (yaml.value.vault !== undefined) return;
  for (const [name, role] of Object.entries(yaml.value.cassandraRoles)) {
    if (!('vault' in role) && !('password' in role && 'vault' in role.password)) continue;
    problems.push(
      `${yaml.place(['cassandraRoles', name])}: cassandraRoles.${name} comes from Vault, but vault: is not configured; give its address and auth`,
    );
  }
}

async function loadTls(
  yaml: YamlFile<Config>,
  base: string,
  problems: string[],
  warnings: string[],
): Promise<LoadedConfig['tls']> {
  const load = async (
    where: 'listen' | 'cluster',
    files: CertificateFiles,
  ): Promise<LoadedTls | null> => {
    const read = await readCertificates(files);
    if (!areCertificates(read)) {
      const place = yaml.place([where, 'tls']);
      problems.push(...read.problems.map((problem) => `${place}: ${where}.tls: ${problem}`));
      return null;
    }
    const warning = expiryWarning(read, `${where}.tls`);
    if (warning !== null) warnings.push(warning);
    return { files, certificates: read };
  };
  const at = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : path.resolve(base, file);
  const { listen, cluster } = yaml.value;
  return {
    listen:
      listen.tls === undefined
        ? null
        : await load('listen', {
            cert: at(listen.tls.cert),
            key: at(listen.tls.key),
            ca: at(listen.tls.clientCa),
          }),
    cluster:
      cluster.tls === undefined
        ? null
        : await load('cluster', {
            cert: at(cluster.tls.cert),
            key: at(cluster.tls.key),
            ca: at(cluster.tls.ca),
          }),
  };
}

function checkCertificateLogins(yaml: YamlFile<Config>, problems: string[]): void {
  if (yaml.value.cluster.tls !== undefined) return;
  for (const [name, role] of Object.entries(yaml.value.cassandraRoles)) {
    if (!('certificate' in role)) continue;
    problems.push(
      `${yaml.place(['cassandraRoles', name])}: cassandraRoles.${name} logs in with a certificate, which needs cluster.tls`,
    );
  }
}

/** With a token commits are required unless that is said otherwise. */
function bitbucketOf({ bitbucket }: Config): BitbucketAccess {
  const { apiUrl = '', token = null, username = null, commit } = bitbucket ?? {};
  return {
    apiUrl: apiUrl.replace(/\/+$/, ''),
    token,
    username,
    commit: commit ?? (token === null ? 'off' : 'required'),
  };
}

/** The rows with their certificates read. */
async function issuersOf(
  yaml: YamlFile<Config>,
  base: string,
  problems: string[],
): Promise<IssuerConfig[]> {
  return Promise.all(
    yaml.value.issuers.map(async (issuer, index) => {
      if (issuer.ca === undefined) return issuer;
      const ca = await certificates(path.resolve(base, issuer.ca));
      if (ca === null) {
        const place = yaml.place(['issuers', index, 'ca']);
        problems.push(`${place}: ${issuer.ca} holds no PEM certificates that can be read`);
      }
      return { ...issuer, ca: ca ?? undefined };
    }),
  );
}

/** null where the file can't be read or holds none. */
async function certificates(file: string): Promise<string | null> {
  const pem = await readFile(file, 'utf8').catch(() => '');
  try {
    return new X509Certificate(pem).raw.length > 0 ? pem : null;
  } catch {
    return null;
  }
}

/** A token's issuer decides its row: one URL may stand in one row only, and names are unique. */
function checkIssuers(yaml: YamlFile<Config>, problems: string[]): void {
  const urls = new Map<string, string>();
  const names = new Set<string>();
  yaml.value.issuers.forEach((config, index) => {
    const place = yaml.place(['issuers', index]);
    const { issuer, name } = issuerOf(config);
    const other = urls.get(issuer);
    if (other !== undefined) {
      problems.push(
        `${place}: issuers ${other} and ${name} have the same issuer URL; one row only`,
      );
    }
    if (names.has(name)) problems.push(`${place}: two issuers are called ${name}`);
    urls.set(issuer, name);
    names.add(name);
  });
}

function warningsOf(yaml: YamlFile<Config>): string[] {
  const config = yaml.value;
  const warnings: string[] = [];
  if (config.advertise === undefined) {
    warnings.push(
      'advertise is not set: drivers are told the address they came in by, which is wrong behind NAT or a load balancer',
    );
  }
  if (config.listen.tls !== undefined && config.listen.allowPlaintext) {
    warnings.push('listen.allowPlaintext means nothing where listen.tls is set: remove it');
  } else if (config.listen.allowPlaintext) {
    warnings.push('listen.allowPlaintext: tokens cross the network unencrypted');
  }
  for (const range of config.listen.proxyProtocol ?? []) {
    if (coversAll(range)) {
      warnings.push(
        `listen.proxyProtocol lists ${range}: whoever reaches the port may say that it is any address`,
      );
    }
    if (config.listen.tls === undefined && /^(127\.|::1(\/|$))/.test(range)) {
      warnings.push(
        `listen.proxyProtocol lists ${range}: without listen.tls tokens are taken in plaintext from whoever comes by a balancer on this machine`,
      );
    }
  }
  const { token, commit } = config.bitbucket ?? {};
  if (token === undefined && (commit === 'required' || commit === 'best-effort')) {
    warnings.push(
      `bitbucket.commit is ${commit} without bitbucket.token: only commits that a token names itself (commitSha) are known`,
    );
  }
  for (const [name, role] of Object.entries(config.cassandraRoles)) {
    if ('open' in role) {
      warnings.push(
        `cassandraRoles.${name} is open: the cluster asks nobody for a password, so whoever reaches its port goes round cqlgate`,
      );
    }
  }
  config.issuers.forEach((issuer) => {
    const audiences = typeof issuer.audience === 'string' ? [issuer.audience] : issuer.audience;
    if (
      issuer.type === 'bitbucket' &&
      audiences.some((one) => one.startsWith('ari:cloud:bitbucket:'))
    ) {
      warnings.push(
        `issuer ${issuer.name} takes the workspace's default audience: any service that is given a default token could replay it here; use oidc.audiences in the step`,
      );
    }
    if (issuer.type === 'bitbucket' && issuer.workspaceUuid === undefined) {
      warnings.push(
        `issuer ${issuer.name} has no workspaceUuid: if the workspace is renamed, whoever takes its slug is taken for it`,
      );
    }
  });
  return warnings;
}
