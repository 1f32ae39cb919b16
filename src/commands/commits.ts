// Builds from the configuration what looks up the commits behind jobs.
import type { LoadedConfig } from '../config/load.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { ConfigFault } from '../errors.ts';
import { OutboundClient } from '../outbound/client.ts';
import { SecretFault } from '../secrets/fault.ts';
import { readLocal } from '../secrets/local.ts';
import type { Log } from '../session/gate.ts';
import { bitbucketPipelines } from '../vcs/bitbucket.ts';
import { CommitSource } from '../vcs/commit-source.ts';

/** Says why the token for Bitbucket cannot be read; the list is empty where it can be. */
export async function bitbucketTokenProblems(loaded: LoadedConfig): Promise<string[]> {
  const { token } = loaded.bitbucket;
  if (token === null) return [];
  try {
    await readLocal(token, loaded.base);
    return [];
  } catch (error) {
    if (!(error instanceof SecretFault)) throw error;
    return [`bitbucket.token: ${error.message}`];
  }
}

/** Rejects with ConfigFault where the token cannot be read. */
export async function commitSource(
  loaded: LoadedConfig,
  metrics: Metrics,
  log: Log,
): Promise<CommitSource> {
  const problems = await bitbucketTokenProblems(loaded);
  if (problems.length > 0) throw new ConfigFault(problems);
  const { bitbucket, issuers, base } = loaded;
  const { apiUrl, token, username, commit } = bitbucket;
  return new CommitSource({
    ask:
      token === null
        ? null
        : bitbucketPipelines({
            apiUrl,
            authorization: async () =>
              authorization((await readLocal(token, base)).value, username),
            outbound: new OutboundClient(),
          }),
    issuers: new Set(issuers.filter(({ type }) => type === 'bitbucket').map(({ name }) => name)),
    mode: commit,
    onLookUp: (result) => {
      metrics.counter('commit_lookups_total', result).value++;
    },
    onFailed: (detail) => {
      metrics.counter('bitbucket_failures_total').value++;
      log.warn({ reason: detail }, 'Bitbucket could not be asked for a pipeline');
    },
  });
}

/** An access token stands alone; an API token of Atlassian goes with the account's e-mail address. */
function authorization(token: string, username: string | null): string {
  if (username === null) return `Bearer ${token}`;
  return `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`;
}
