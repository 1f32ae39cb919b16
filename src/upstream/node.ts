// One node of the cluster: what its peers say of it, where the gate dials it, and whether it is reached.
import { later, latest, LONG_AGO, monotonicMs, msBetween } from '../clock.ts';
import { endpointText, type Endpoint } from '../protocol/inet.ts';
import { takesRequestKeyspace } from '../cql/connection-state.ts';
import { UPSTREAM } from '../limits/upstream.ts';

/** A node as the system tables have it. */
export interface NodeRow {
  readonly hostId: string;
  /** The address that the node gives to drivers. */
  readonly native: Endpoint;
  /** Every address that the tables have for it: Cassandra's texts also use those by which nodes reach each other. */
  readonly addresses: readonly string[];
  readonly datacenter: string;
  readonly rack: string;
  readonly releaseVersion: string;
  readonly tokens: readonly bigint[];
}

export class ClusterNode {
  readonly hostId: string;
  /** Where it is dialled: as a contact point is written where one led there. */
  readonly host: string;
  readonly port: number;
  /** `host:port` as dialled, with an IPv6 address in brackets; connections are named by it. */
  readonly name: string;
  readonly native: Endpoint;
  readonly addresses: readonly string[];
  readonly datacenter: string;
  readonly rack: string;
  readonly releaseVersion: string;
  /** It reads the keyspace that a request names rather than that of the connection, in v4 too. */
  readonly takesRequestKeyspace: boolean;
  readonly tokens: readonly bigint[];
  /** Open connections of all pools. */
  openConnections = 0;
  /** What the last event said of it. Only a hint, since a node may be cut off from other nodes alone. */
  saidDown = false;
  /** When a connection of any pool was suspect last. */
  suspectedAtMs = LONG_AGO;
  /** When the logins that it was asked for would end at the rate it may be asked at. */
  #loginsUntilMs = LONG_AGO;

  constructor(row: NodeRow, dialled: Endpoint) {
    this.hostId = row.hostId;
    this.host = dialled.host;
    this.port = dialled.port;
    this.name = endpointText(dialled);
    this.native = row.native;
    this.addresses = row.addresses;
    this.datacenter = row.datacenter;
    this.rack = row.rack;
    this.releaseVersion = row.releaseVersion;
    this.takesRequestKeyspace = takesRequestKeyspace(row.releaseVersion);
    this.tokens = row.tokens;
  }

  /** Some pool has a connection to it; the control connection does not count. */
  get isReachable(): boolean {
    return this.openConnections > 0;
  }

  /** Takes one of the logins that the node may be asked for now, which all routes share. False: none is left. */
  takeLogin(): boolean {
    const nowMs = monotonicMs();
    const eachMs = 1000 / UPSTREAM.loginsPerSecond;
    const untilMs = later(latest(this.#loginsUntilMs, nowMs), eachMs);
    if (msBetween(nowMs, untilMs) > UPSTREAM.loginsAtOnce * eachMs) return false;
    this.#loginsUntilMs = untilMs;
    return true;
  }

  /** Whether it is still the node of this row, dialled there. */
  is(row: NodeRow, dialled: Endpoint): boolean {
    return (
      this.hostId === row.hostId &&
      this.name === endpointText(dialled) &&
      endpointText(this.native) === endpointText(row.native) &&
      this.addresses.join() === row.addresses.join() &&
      this.datacenter === row.datacenter &&
      this.rack === row.rack &&
      this.releaseVersion === row.releaseVersion &&
      this.tokens.length === row.tokens.length &&
      this.tokens.every((token, i) => token === row.tokens[i])
    );
  }
}

/** Nodes by datacenter, in the order in which the datacenters are used. */
export type Tiers = readonly (readonly ClusterNode[])[];
