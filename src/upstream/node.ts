// One node of the cluster: what its peers say of it, where the gate dials it, and whether it is reached.
import { later, latest, LONG_AGO, monotonicMs, msBetween } from '../clock.ts';
import { endpointText } from '../protocol/inet.ts';
import { takesRequestKeyspace } from '../cql/connection-state.ts';
import { UPSTREAM } from '../limits/upstream.ts';

export { inetText } from '../protocol/inet.ts';

export interface ContactPoint {
  readonly host: string;
  readonly port: number;
}

/** The same for all spellings of an address. */
export function nameOf({ host, port }: ContactPoint): string {
  return endpointText(host, port);
}

/** A node as the system tables have it. */
export interface NodeRow {
  readonly hostId: string;
  /** Where drivers are told to find it. */
  readonly native: ContactPoint;
  /** All that the tables call it by: Cassandra's texts use the addresses of nodes among themselves. */
  readonly addresses: readonly string[];
  readonly datacenter: string;
  readonly rack: string;
  readonly releaseVersion: string;
  readonly tokens: readonly bigint[];
}

export class ClusterNode {
  readonly hostId: string;
  /** Where it is dialled: by a contact point's own words where one led there. */
  readonly host: string;
  readonly port: number;
  /** `host:port` as dialled, with an IPv6 address in brackets; connections are named by it. */
  readonly name: string;
  readonly native: ContactPoint;
  readonly addresses: readonly string[];
  readonly datacenter: string;
  readonly rack: string;
  readonly releaseVersion: string;
  /** A keyspace that a request names goes before the connection's, in v4 too. */
  readonly takesRequestKeyspace: boolean;
  readonly tokens: readonly bigint[];
  /** Connections of all pools that stand now. */
  openConnections = 0;
  /** The cluster's last word in an event; only a hint, since a node may be cut off from others alone. */
  saidDown = false;
  /** When a connection of any pool last had waited too long for a word of it. */
  suspectedAtMs = LONG_AGO;
  /** Until when the logins that it was asked for would take at the rate it is asked at. */
  #loginsUntilMs = LONG_AGO;

  constructor(row: NodeRow, dialled: ContactPoint) {
    this.hostId = row.hostId;
    this.host = dialled.host;
    this.port = dialled.port;
    this.name = nameOf(dialled);
    this.native = row.native;
    this.addresses = row.addresses;
    this.datacenter = row.datacenter;
    this.rack = row.rack;
    this.releaseVersion = row.releaseVersion;
    this.takesRequestKeyspace = takesRequestKeyspace(row.releaseVersion);
    this.tokens = row.tokens;
  }

  /** The gate has a connection to it. */
  get isReachable(): boolean {
    return this.openConnections > 0;
  }

  /** Takes one of the logins that it may be asked for; false: not now. All routes share them. */
  takeLogin(): boolean {
    const nowMs = monotonicMs();
    const eachMs = 1000 / UPSTREAM.loginsPerSecond;
    const untilMs = later(latest(this.#loginsUntilMs, nowMs), eachMs);
    if (msBetween(nowMs, untilMs) > UPSTREAM.loginsAtOnce * eachMs) return false;
    this.#loginsUntilMs = untilMs;
    return true;
  }

  /** Whether it is still the node of this row, dialled there. */
  is(row: NodeRow, dialled: ContactPoint): boolean {
    return (
      this.hostId === row.hostId &&
      this.name === nameOf(dialled) &&
      nameOf(this.native) === nameOf(row.native) &&
      this.addresses.join() === row.addresses.join() &&
      this.datacenter === row.datacenter &&
      this.rack === row.rack &&
      this.releaseVersion === row.releaseVersion &&
      this.tokens.length === row.tokens.length &&
      this.tokens.every((token, i) => token === row.tokens[i])
    );
  }
}
