// What reads the secret behind a login, one reader for each kind of place, and what a reading returns.
import type { WallMs } from '../clock.ts';
import type { Lease, LoginCertificate } from './upstream-login.ts';

export interface Reading {
  readonly username: string;
  readonly password: string;
  readonly certificate?: LoginCertificate;
  /** When the secret was made or last changed; null if its age does not matter. */
  readonly sinceMs: WallMs | null;
  readonly lease: Lease | null;
  /** When to read again; null for never. */
  readonly againInMs: number | null;
}

export interface Reader {
  /**
   * `due`: it is time to read again. `refused`: the cluster refused the secret that was read before, so renewing its
   * lease is not enough. Rejects with SecretFault.
   */
  read(why: 'due' | 'refused'): Promise<Reading>;
  /** Users in Cassandra that this reader created, or that its configuration names. */
  usernames(): readonly string[];
  /** Revokes its leases in Vault. Never rejects. */
  close?(): Promise<void>;
}
