// Dynamic credentials: each lease is a user that Vault made in Cassandra and drops when it ends.
// Renewing moves the end only (Cassandra's users have none of their own) and stops at Vault's max_ttl,
// so the next lease is taken while the present one still lives.
import {
  earliest,
  later,
  latest,
  monotonicMs,
  msBetween,
  wallMs,
  type MonotonicMs,
  type WallMs,
} from '../clock.ts';
import { SECRETS } from '../limits/services.ts';
import { dueInMs } from './due.ts';
import { SecretFault } from './fault.ts';
import type { Lease } from './upstream-login.ts';
import type { Reader, Reading } from './reader.ts';
import { textOf } from './vault-readers.ts';
import type { VaultSession, VaultToken } from './vault-session.ts';

class HeldLease implements Lease {
  readonly id: string;
  readonly username: string;
  readonly password: string;
  readonly token: VaultToken;
  readonly isRenewable: boolean;
  readonly grantedMs: number;
  /** For the age that operators see. */
  readonly sinceMs: WallMs;
  readonly takenAtMs: MonotonicMs;
  ownEndMs: MonotonicMs;

  constructor(of: Omit<HeldLease, 'endsAtMs' | 'ownEndMs'>) {
    this.id = of.id;
    this.username = of.username;
    this.password = of.password;
    this.token = of.token;
    this.isRenewable = of.isRenewable;
    this.grantedMs = of.grantedMs;
    this.sinceMs = of.sinceMs;
    this.takenAtMs = of.takenAtMs;
    this.ownEndMs = later(of.takenAtMs, of.grantedMs);
  }

  /** Vault drops the user when the lease ends, or the token that it was taken with. */
  get endsAtMs(): MonotonicMs {
    const marginMs = Math.min(SECRETS.leaseMarginMs, this.grantedMs / 10);
    return later(earliest(this.ownEndMs, this.token.endsAtMs), -marginMs);
  }
}

/** `path` is `database/creds/<role>`; after `maxAgeMs` a lease is replaced even if it could be renewed. */
export function leaseReader(session: VaultSession, path: string, maxAgeMs: number): Reader {
  let present: HeldLease | null = null;
  let held: HeldLease[] = [];

  const take = async (): Promise<HeldLease> => {
    const sinceMs = wallMs();
    const takenAtMs = monotonicMs();
    const { leaseId, leaseMs, isRenewable, data, token } = await session.ask(path);
    if (leaseId === '' || leaseMs === 0) {
      throw new SecretFault(`Vault gave no lease at ${path}; it must be database/creds/<role>`);
    }
    const lease = new HeldLease({
      id: leaseId,
      username: textOf(data, 'username', path),
      password: textOf(data, 'password', path),
      token,
      isRenewable,
      grantedMs: leaseMs,
      sinceMs,
      takenAtMs,
    });
    held = [...held.filter((one) => one.endsAtMs > takenAtMs), lease];
    return lease;
  };

  const isRenewed = async (lease: HeldLease): Promise<boolean> => {
    const nowMs = monotonicMs();
    const isOld = msBetween(lease.takenAtMs, nowMs) >= maxAgeMs * SECRETS.renewAfterShare;
    if (!lease.isRenewable || isOld || lease.token !== (await session.token())) return false;
    try {
      const { leaseMs } = await session.ask('sys/leases/renew', {
        lease_id: lease.id,
        increment: Math.ceil(lease.grantedMs / 1000),
      });
      lease.ownEndMs = latest(lease.ownEndMs, later(nowMs, leaseMs));
      return leaseMs >= lease.grantedMs / 2;
    } catch (error) {
      if (error instanceof SecretFault && !error.mayPass) return false;
      throw error;
    }
  };

  return {
    async read(why) {
      if (present === null || why === 'refused' || !(await isRenewed(present))) {
        present = await take();
      }
      return readingOf(present, maxAgeMs);
    },
    usernames: () => held.map(({ username }) => username),
    async close() {
      const revoked = held.map(async ({ id }) =>
        session.ask('sys/leases/revoke', { lease_id: id }).catch(() => undefined),
      );
      await Promise.all(revoked);
    },
  };
}

function readingOf(lease: HeldLease, maxAgeMs: number): Reading {
  const { username, password, sinceMs, takenAtMs } = lease;
  const nowMs = monotonicMs();
  // A timer may be a moment early by the clock, and the lease would be renewed instead.
  const oldAtMs = later(takenAtMs, maxAgeMs * SECRETS.renewAfterShare + SECRETS.timerSlackMs);
  return {
    username,
    password,
    sinceMs,
    lease,
    againInMs: Math.max(
      SECRETS.retryMinMs,
      Math.ceil(Math.min(dueInMs(msBetween(nowMs, lease.endsAtMs)), msBetween(nowMs, oldAtMs))),
    ),
  };
}
