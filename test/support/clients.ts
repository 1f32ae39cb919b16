// The Node driver as tests use it, inside and outside of the test runner.
import { auth, Client, type ClientOptions } from 'cassandra-driver';
import type { TestGate } from './gate.ts';

/** The Node driver, straight at a port of this machine. */
export function driver(
  port: number,
  username: string,
  password: string,
  options: Partial<ClientOptions>,
): Client {
  return new Client({
    contactPoints: [`127.0.0.1:${port}`],
    localDataCenter: 'datacenter1',
    authProvider: new auth.PlainTextAuthProvider(username, password),
    socketOptions: { readTimeout: 60_000 },
    ...options,
  });
}

/** A client through the gate, with a fresh token of the test repository. */
export async function through(
  gate: TestGate,
  role = 'oidc',
  options: Partial<ClientOptions> & { claims?: Record<string, unknown> } = {},
): Promise<Client> {
  const { claims, ...rest } = options;
  const session = driver(gate.port, role, gate.issuer.mint(claims), rest);
  await session.connect();
  return session;
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
