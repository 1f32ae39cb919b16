// One round of a load through one proxy, and the medians of several rounds.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { residentBytes, sampleCpu } from './process-usage.ts';
import type { Proxy } from './proxies.ts';

/** How long a round takes, in seconds, as the command line gave it. */
export interface Window {
  readonly seconds: string;
  readonly warmup: string;
}

export interface Round {
  readonly cpuUs: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly residentMiB: number;
}

interface LoadResult extends Omit<Round, 'cpuUs' | 'residentMiB'> {
  readonly phase: 'start' | 'end';
  readonly requests: number;
  readonly errors: number;
  readonly firstError: string | null;
}

/** Sends one load through a proxy for one window, and resolves to what it cost and how long it took. */
export async function measure(
  proxy: Proxy,
  load: readonly string[],
  { seconds, warmup }: Window,
): Promise<Round> {
  const child = spawn(
    process.execPath,
    [
      ...['--import', 'tsx'],
      path.join(import.meta.dirname, 'load.ts'),
      ...['--target', proxy.target],
      ...['--username', proxy.credentials.username],
      ...['--password', proxy.credentials.password],
      ...(proxy.ca === undefined ? [] : ['--ca', proxy.ca]),
      ...['--seconds', seconds, '--warmup', warmup],
      ...load,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let before = sampleCpu(proxy.pid);
  let result: LoadResult | null = null;
  let cpuUs = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as LoadResult;
    if (message.phase === 'start') before = sampleCpu(proxy.pid);
    else {
      result = message;
      cpuUs = (sampleCpu(proxy.pid).runNs - before.runNs) / 1000 / message.requests;
    }
  }
  if (result === null) throw new Error(`the load through ${proxy.name} did not finish`);
  if (result.errors > 0) {
    throw new Error(`${result.errors} errors through ${proxy.name}: ${result.firstError ?? ''}`);
  }
  return { ...result, cpuUs, residentMiB: residentBytes(proxy.pid) / 1024 / 1024 };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

export function medians(rounds: readonly Round[]): Round {
  const of = (key: keyof Round): number => median(rounds.map((round) => round[key]));
  return {
    cpuUs: of('cpuUs'),
    requestsPerSecond: of('requestsPerSecond'),
    p50Us: of('p50Us'),
    p99Us: of('p99Us'),
    p999Us: of('p999Us'),
    residentMiB: of('residentMiB'),
  };
}
