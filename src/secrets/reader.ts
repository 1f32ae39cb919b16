// One reading of the secret behind a login, and the one who reads it: a kind of place each.
import type { WallMs } from '../clock.ts';
import type { Lease, LoginCertificate } from './login.ts';

export interface Reading {
  readonly username: string;
  readonly password: string;
  readonly certificate?: LoginCertificate;
  /** When the secret was made or last changed; null: its age is no matter. */
  readonly sinceMs: WallMs | null;
  readonly lease: Lease | null;
  /** When to read again; null for never. */
  readonly againInMs: number | null;
}

export interface Reader {
  /**
   * `due`: its time came; `refused`: the cluster refused what was read before, so that a lease is
   * not just renewed. Rejects with SecretFault.
   */
  read(why: 'due' | 'refused'): Promise<Reading>;
  /** Users that exist in Cassandra by this reader's doing, or that it was told of. */
  usernames(): readonly string[];
  /** Gives back what it holds in Vault; never rejects. */
  close?(): Promise<void>;
}
