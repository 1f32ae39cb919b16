// What tests against the real node share: is it there, clients straight at it and through a gate.
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ClientOptions } from 'cassandra-driver';
import { inject } from 'vitest';
import { errorsIn } from './cassandra.ts';
import { driver } from './clients.ts';

export { failure, through } from './clients.ts';

export const node = inject('cassandra');
export const skipReason = inject('skipReason');

/** For suites that need a node: `describe.skipIf(noNode)`. */
export const noNode = node === null;

export const contactPoint = node === null ? '' : `${node.host}:${node.port}`;

/** A client as the superuser, not through the gate. */
export async function direct(options: Partial<ClientOptions> = {}): Promise<Client> {
  const superuser = driver(node?.port ?? 0, 'cassandra', 'cassandra', options);
  await superuser.connect();
  return superuser;
}

/** Stops the node's process; a signal takes a moment to reach each of its threads. */
export async function freeze(): Promise<void> {
  process.kill(node!.pid, 'SIGSTOP');
  await delay(200);
}

export function thaw(): void {
  process.kill(node!.pid, 'SIGCONT');
}

/** What the node has logged as errors until now. */
export async function nodeErrors(): Promise<string[]> {
  return errorsIn(node!.dir);
}
