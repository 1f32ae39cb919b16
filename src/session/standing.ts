// Who a session is: its principal and role under the policy of the moment, the pool that follows
// from them, and the fields that all its records share.
import type { AuditEntry, ClientRecord } from '../audit/record.ts';
import { principalRecord } from '../identity/claims.ts';
import { isAuthority, type Authority } from '../policy/policy.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { Pool } from '../upstream/pool.ts';
import type { VcsFacts } from '../vcs/facts.ts';
import { hintsOf, NO_HINTS } from '../vcs/hints.ts';
import type { Gate } from './gate.ts';
import { vcsRecord } from './vcs-record.ts';

/** The fields that every record of a session has. */
export type AuditBase = Pick<
  AuditEntry,
  'session' | 'principal' | 'role' | 'binding' | 'client' | 'vcs'
>;

export class Standing {
  readonly #gate: Gate;
  readonly #sessionId: string;
  #authority: Authority | null = null;
  #client: ClientRecord;
  #base: AuditBase | null = null;
  #facts: VcsFacts | null = null;
  #hints = NO_HINTS;
  #pool: Pool | null = null;
  #poolEpoch = -1;

  constructor(
    gate: Gate,
    sessionId: string,
    from: Pick<ClientRecord, 'address' | 'tls' | 'certificate_sha256'>,
  ) {
    this.#gate = gate;
    this.#sessionId = sessionId;
    this.#client = { ...from, driver: null, driver_version: null, protocol: null };
  }

  get isLoggedIn(): boolean {
    return this.#authority !== null;
  }

  get client(): ClientRecord {
    return this.#client;
  }

  isExpired(nowMs: number): boolean {
    return this.#authority !== null && nowMs >= this.#authority.principal.expiresAtMs;
  }

  started(version: number, options: ReadonlyMap<string, string>): void {
    this.#client = {
      ...this.#client,
      driver: printable(options.get('DRIVER_NAME')),
      driver_version: printable(options.get('DRIVER_VERSION')),
      protocol: version,
    };
    this.#hints = hintsOf(options);
  }

  loggedIn(authority: Authority, facts: VcsFacts | null): void {
    this.#authority = authority;
    this.#facts = facts;
    this.#base = null;
  }

  /** What its pipeline runs for, and of which commit: part of who it is from here on. */
  learned(facts: VcsFacts): void {
    const authority = this.#authority;
    if (authority === null || this.#facts === facts) return;
    this.#facts = facts;
    this.#authority = {
      ...authority,
      principal: { ...authority.principal, pipelineTarget: facts.target },
    };
    this.#base = null;
  }

  /**
   * The authority this session works by, under the policy of this moment, or why it has none any
   * more: the session then ends.
   */
  authority(): Authority | string {
    const authority = this.#authority;
    if (authority === null) return 'not logged in';
    if (this.isExpired(Date.now())) {
      return 'the token of this session has expired; connect again with a fresh one';
    }
    const { policy } = this.#gate;
    if (authority.policy === policy) return authority;
    const renewed = policy.authorize(authority.principal, authority.role.name);
    if (!isAuthority(renewed)) return `the policy changed: ${renewed.message}`;
    this.#authority = renewed;
    this.#base = null;
    this.#pool = null;
    return renewed;
  }

  /** The pool of this session's Cassandra role, for its protocol version. */
  pool(version: number): Pool {
    const { cluster } = this.#gate;
    if (this.#pool !== null && this.#poolEpoch === cluster.epoch) return this.#pool;
    const role = this.#authority!.role.cassandraRole;
    this.#pool = cluster.pool(role, version);
    this.#poolEpoch = cluster.epoch;
    if (this.#pool !== null) return this.#pool;
    throw new UpstreamFault('login_refused', `no login is configured for Cassandra role ${role}`);
  }

  auditBase(): AuditBase {
    const authority = this.#authority;
    this.#base ??= {
      session: this.#sessionId,
      principal: authority === null ? null : principalRecord(authority.principal),
      role: authority?.role.name ?? null,
      binding: authority?.binding.name ?? null,
      client: this.#client,
      vcs: vcsRecord(authority?.principal ?? null, this.#facts, this.#hints),
    };
    return this.#base;
  }
}

/** Names that clients send go into records: short, and without control characters. */
function printable(text: string | undefined): string | null {
  return text === undefined ? null : text.replaceAll(/[\u0000-\u001f\u007f]/g, '').slice(0, 64);
}
