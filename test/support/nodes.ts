// What tests against the real node share: is it there, clients straight at it and through a gate.
import { setTimeout as delay } from 'node:timers/promises';
import { auth, Client, type ClientOptions } from 'cassandra-driver';
import { inject } from 'vitest';
import type { TestGate } from './gate.ts';

export const node = inject('cassandra');
export const skipReason = inject('skipReason');

/** For suites that need a node: `describe.skipIf(noNode)`. */
export const noNode = node === null;

export const contactPoint = node === null ? '' : `${node.host}:${node.port}`;

function client(port: number, username: string, password: string, options: Partial<ClientOptions>) {
  return new Client({
    contactPoints: [`127.0.0.1:${port}`],
    localDataCenter: 'datacenter1',
    authProvider: new auth.PlainTextAuthProvider(username, password),
    socketOptions: { readTimeout: 60_000 },
    ...options,
  });
}

/** A client as the superuser, not through the gate. */
export async function direct(options: Partial<ClientOptions> = {}): Promise<Client> {
  const superuser = client(node?.port ?? 0, 'cassandra', 'cassandra', options);
  await superuser.connect();
  return superuser;
}

/** A client through the gate, with a fresh token of the test repository. */
export async function through(
  gate: TestGate,
  role = 'oidc',
  options: Partial<ClientOptions> & { claims?: Record<string, unknown> } = {},
): Promise<Client> {
  const { claims, ...rest } = options;
  const session = client(gate.port, role, gate.issuer.mint(claims), rest);
  await session.connect();
  return session;
}

/** Stops the node's process; a signal takes a moment to reach each of its threads. */
export async function freeze(): Promise<void> {
  process.kill(node!.pid, 'SIGSTOP');
  await delay(200);
}

export function thaw(): void {
  process.kill(node!.pid, 'SIGCONT');
}

/** The error of a promise that must reject. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: number }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}
