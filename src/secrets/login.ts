// What the gate logs in with towards the cluster, and where the configuration says it comes from.
import { NEVER, type MonotonicMs } from '../clock.ts';

/** Until when a login may be used; Vault moves the end when it renews. */
export interface Lease {
  /** Vault tells how long, not until when, so that the machine's time of day is no matter. */
  readonly endsAtMs: MonotonicMs;
}

/** PEM texts, shown to the node instead of those of cluster.tls. */
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
      /** Empty where the certificate is what it logs in with. */
      readonly password: string;
      readonly certificate?: LoginCertificate;
      /** Set where the user is dropped in the end. */
      readonly lease?: Lease;
    }
  /** A cluster without authentication. */
  | { readonly name: string; readonly open: true };

/** Where the login of one Cassandra role comes from. */
export interface LoginSource {
  /** The same object until the secret changes. */
  current(): Login;
  /** Reads the secret anew, after the cluster refused it. Rejects with SecretFault. */
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
  /** For Cassandra's mutual TLS authenticators: files. */
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

/** Until when a login may be used; NEVER where nothing ends it. */
export function endOf(login: Login | null): MonotonicMs {
  return login === null || login.open ? NEVER : (login.lease?.endsAtMs ?? NEVER);
}

export function hasEnded(login: Login, nowMs: MonotonicMs): boolean {
  return endOf(login) <= nowMs;
}
