// What the gate logs in to the cluster with, and where the configuration says that it comes from.
import { NEVER, type MonotonicMs } from '../clock.ts';

/** Until when a login may be used. Vault moves the end when it renews the lease. */
export interface Lease {
  /** Monotonic, because Vault gives a duration: the machine's time of day does not matter. */
  readonly endsAtMs: MonotonicMs;
}

/** PEM texts that are shown to the node instead of those of cluster.tls. */
export interface LoginCertificate {
  readonly cert: string;
  readonly key: string;
}

export type Login =
  | {
      /** Entry of `cassandraRoles`. */
      readonly name: string;
      readonly open: false;
      readonly username: string;
      /** Empty if the login uses a certificate. */
      readonly password: string;
      readonly certificate?: LoginCertificate;
      /** Set if Vault drops the user when the lease ends. */
      readonly lease?: Lease;
    }
  /** A cluster without authentication. */
  | { readonly name: string; readonly open: true };

/** Where the login of one Cassandra role comes from. */
export interface LoginSource {
  /** Returns the same object until the secret changes. */
  current(): Login;
  /** Reads the secret again after the cluster refused it. Rejects with SecretFault. */
  refresh(): Promise<Login>;
}

export type LocalSecretSpec = { readonly env: string } | { readonly file: string };

export type LoginSpec =
  | { readonly open: true }
  | {
      readonly username: string;
      readonly password:
        LocalSecretSpec | { readonly vault: { readonly path: string; readonly field: string } };
    }
  /** Files, for Cassandra's mutual TLS authenticators. */
  | {
      readonly username: string;
      readonly certificate: { readonly cert: string; readonly key: string };
    }
  | { readonly vault: { readonly path: string } };

interface Mount {
  readonly mount?: string | undefined;
}

export type VaultAuthSpec =
  | { readonly token: LocalSecretSpec }
  | { readonly approle: Mount & { readonly roleId: string; readonly secretId: LocalSecretSpec } }
  | { readonly kubernetes: Mount & { readonly role: string; readonly tokenFile: string } }
  | { readonly jwt: Mount & { readonly role: string; readonly tokenFile: string } };

export interface VaultSpec {
  readonly address: string;
  readonly namespace?: string | undefined;
  /** PEM file of the CA that signed Vault's certificate. */
  readonly ca?: string | undefined;
  readonly auth: VaultAuthSpec;
}

/** Until when a login may be used; NEVER if nothing ends it. */
export function endOf(login: Login | null): MonotonicMs {
  return login === null || login.open ? NEVER : (login.lease?.endsAtMs ?? NEVER);
}

export function hasEnded(login: Login, nowMs: MonotonicMs): boolean {
  return endOf(login) <= nowMs;
}
