// Who a session is: its principal and role under the policy of the moment, the route that follows
// from them, and the fields that all its records share.
import { later, LONG_AGO, monotonicMs, NEVER, wallMs, type MonotonicMs } from '../clock.ts';
import type { ClientRecord } from '../audit/record.ts';
import type { Who } from '../audit/counted-log.ts';
import { principalRecord } from '../identity/claims.ts';
import { isWithdrawn } from '../identity/principal.ts';
import { isAuthority, type Authority } from '../policy/policy.ts';
import { printable } from '../printable.ts';
import type { Revocation } from '../revocation/revocations.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { ClusterNode } from '../upstream/node.ts';
import type { Route } from '../upstream/route.ts';
import type { VcsFacts } from '../vcs/facts.ts';
import { hintsOf, NO_HINTS } from '../vcs/hints.ts';
import { turnWallMs } from '../turn.ts';
import { isoTime, nearestTime } from '../wall-clock.ts';
import type { Gate } from './gate.ts';
import type { AuditBase } from './session-facts.ts';
import { vcsRecord } from './vcs-record.ts';

/** A session as an operator sees it. */
export interface SessionInfo {
  readonly id: string;
  readonly client: string;
  readonly issuer: string;
  readonly subject: string;
  readonly role: string;
  readonly since: string;
  /** Of the token. */
  readonly expires: string;
}

const EXPIRED = 'the token of this session has expired; connect again with a fresh one';
const KEY_WITHDRAWN =
  'the issuer withdrew the key that signed the token of this session; connect again with a fresh one';
const TOO_LONG = 'this session has lasted as long as its role allows; connect again';

export function revokedText({ reason }: Revocation): string {
  return `The token was revoked: ${reason}. Ask the operators of cqlgate.`;
}

export class SessionIdentity {
  readonly #gate: Gate;
  readonly #sessionId: string;
  #authority: Authority | null = null;
  #client: ClientRecord;
  #base: AuditBase | null = null;
  #who: Who | null = null;
  #facts: VcsFacts | null = null;
  #hints = NO_HINTS;
  /** Its login, by both clocks. */
  #since = nearestTime(0);
  #loggedInAtMs = LONG_AGO;
  /** With the grace of its role. */
  #tokenEndsAtMs = nearestTime(Infinity);
  /** Its role lets it last no longer. */
  #lastsUntilMs = NEVER;
  /** When it was last looked at: a session lasts for hours, and each statement needs no look at this clock. */
  #tickedAtMs = LONG_AGO;
  #revocationEpoch = -1;
  #revocation: Revocation | null = null;
  #route: Route | null = null;
  #routeEpoch = -1;
  /** Of one node, or none: what `ConnectionCriteria.preferred` takes. */
  #pinned: readonly ClusterNode[] = [];

  constructor(
    gate: Gate,
    sessionId: string,
    from: Pick<ClientRecord, 'address' | 'tls' | 'certificate_sha256'>,
  ) {
    this.#gate = gate;
    this.#sessionId = sessionId;
    this.#client = { ...from, driver: null, driver_version: null, protocol: null };
  }

  /** Name of its role; null before the login. */
  get role(): string | null {
    return this.#authority?.role.name ?? null;
  }

  get isLoggedIn(): boolean {
    return this.#authority !== null;
  }

  get client(): ClientRecord {
    return this.#client;
  }

  /** Called a few times a second. */
  tick(nowMs: MonotonicMs): void {
    this.#tickedAtMs = nowMs;
  }

  /** Why the session has been over for `forMs`, though its client did nothing; null while it has not. */
  over(forMs = 0): string | null {
    if (this.#authority === null) return null;
    if (this.#revocationEpoch !== this.#gate.revocations.epoch) {
      this.#revocationEpoch = this.#gate.revocations.epoch;
      this.#revocation = this.#gate.revocations.find(this.#authority.principal);
    }
    if (this.#revocation !== null) return revokedText(this.#revocation);
    if (isWithdrawn(this.#authority.principal)) return KEY_WITHDRAWN;
    if (later(turnWallMs(), -forMs) >= this.#tokenEndsAtMs) return EXPIRED;
    return later(this.#tickedAtMs, -forMs) >= this.#lastsUntilMs ? TOO_LONG : null;
  }

  /** When it ends by itself. */
  #bound({ principal, role }: Authority): void {
    const { limits } = this.#gate;
    const { graceMs, maxMs } = role.session;
    const longestMs =
      maxMs ?? (principal.isHuman ? limits.humanSessionMs : limits.machineSessionMs);
    this.#tokenEndsAtMs = later(principal.expiresAtMs, graceMs);
    this.#lastsUntilMs = later(this.#loggedInAtMs, longestMs);
  }

  started(version: number, options: ReadonlyMap<string, string>): void {
    this.#client = {
      ...this.#client,
      driver: recorded(options.get('DRIVER_NAME')),
      driver_version: recorded(options.get('DRIVER_VERSION')),
      protocol: version,
    };
    this.#hints = hintsOf(options);
  }

  loggedIn(authority: Authority, facts: VcsFacts | null): void {
    this.#authority = authority;
    this.#since = wallMs();
    this.#loggedInAtMs = monotonicMs();
    this.#bound(authority);
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
    const over = this.over();
    if (over !== null) return over;
    const { policy } = this.#gate;
    if (authority.policy === policy) return authority;
    const renewed = policy.authorize(authority.principal, authority.role.name);
    if (!isAuthority(renewed)) return `the policy changed: ${renewed.message}`;
    this.#authority = renewed;
    this.#bound(renewed);
    this.#base = null;
    this.#route = null;
    return renewed;
  }

  /** Where requests of this session's Cassandra role go, in its protocol version. */
  route(version: number): Route {
    const { cluster } = this.#gate;
    if (this.#route !== null && this.#routeEpoch === cluster.epoch) return this.#route;
    const role = this.#authority!.role.cassandraRole;
    this.#route = cluster.route(role, version);
    this.#routeEpoch = cluster.epoch;
    if (this.#route !== null) return this.#route;
    throw new UpstreamFault('login_refused', `no login is configured for Cassandra role ${role}`);
  }

  /** The one node for its system tables and schema changes, as long as that is reached. */
  pinned(version: number): readonly ClusterNode[] {
    const [before] = this.#pinned;
    const node = this.#gate.cluster.pinnedNode(this.route(version), before ?? null);
    if (node !== before) this.#pinned = node === null ? [] : [node];
    return this.#pinned;
  }

  info(): SessionInfo | null {
    if (this.#authority === null) return null;
    const { principal, role } = this.#authority;
    return {
      id: this.#sessionId,
      client: this.#client.address,
      issuer: principal.issuerName,
      subject: principal.subject,
      role: role.name,
      since: isoTime(this.#since),
      expires: isoTime(principal.expiresAtMs),
    };
  }

  /** Whom records are counted for, and whose share of the ledger's queue its records are. */
  who(): Who {
    const { principal, role } = this.#authority!;
    this.#who ??= {
      share: this.#gate.audit.room.share(role.name),
      issuer: principal.issuer,
      subject: principal.subject,
    };
    return this.#who;
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

/** Names that clients send are recorded in short form and without control characters. */
function recorded(text: string | undefined): string | null {
  return text === undefined ? null : printable(text, 64);
}
