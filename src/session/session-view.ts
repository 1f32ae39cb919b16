// What is known of a client while it is connected: who it is, which version it speaks, its keyspace, and what of the gate
// concerns it now. Handlers and requests read it (session-facts.ts); session.ts adds what happens to a session.
import type net from 'node:net';
import { randomBytes } from 'node:crypto';
import type { Who } from '../audit/counted-log.ts';
import type { Share } from '../audit/room.ts';
import type { Schema } from '../cql/statement.ts';
import type { Turn } from '../fair-queue.ts';
import type { Authority } from '../policy/policy.ts';
import { endpointText } from '../protocol/inet.ts';
import { sidecarAddress, type Advertised } from '../topology/advertised.ts';
import type { ClusterNode } from '../upstream/node.ts';
import type { VcsFacts } from '../vcs/facts.ts';
import type { Gate } from './gate.ts';
import type { AuditBase, RequestRoute, SessionFacts } from './session-facts.ts';
import { SessionIdentity, type SessionInfo } from './session-identity.ts';
import { callerOf, type TraceContext } from './trace-context.ts';
import { transportOf, type ClientAddress } from './transport.ts';

/** Version of answers to bytes that came before any version was agreed on. */
const DEFAULT_VERSION = 4;

export abstract class SessionView implements SessionFacts {
  readonly id = randomBytes(8).toString('hex');
  readonly gate: Gate;
  /** The client's address: what its failures are counted by. */
  readonly source: string;
  version = DEFAULT_VERSION;
  keyspace: string | null = null;
  /** Nothing more is handled: it ends, or has ended. A plain field, as it is read for each frame; its end sets it. */
  isOver = false;
  /** Its socket is closed. Likewise. */
  isClosed = false;
  /** How this client is told to reach the gate. */
  advertised: Advertised;
  /** The trace that its process stands in, where a sidecar said so; a request's own wins. */
  caller: TraceContext | null = null;
  protected readonly identity: SessionIdentity;
  /** Its client came by a sidecar, and knows of no other address. */
  #hasSidecar = false;

  protected constructor(gate: Gate, socket: net.Socket, client: ClientAddress) {
    this.gate = gate;
    this.source = client.address;
    this.advertised = gate.advertising.self(
      socket.localAddress ?? '127.0.0.1',
      socket.localPort ?? 0,
    );
    this.identity = new SessionIdentity(gate, this.id, {
      address: endpointText({ host: client.address, port: client.port }),
      ...transportOf(socket),
    });
  }

  abstract get hasMuchInFlight(): boolean;

  get isLoggedIn(): boolean {
    return this.identity.isLoggedIn;
  }

  /** How it stands in lines that sessions share: by its role, before the login by where it comes from. */
  get turn(): Turn {
    return { key: this.identity.role ?? this.source, owner: this };
  }

  get policyVersion(): string {
    return this.gate.policy.version;
  }

  get schema(): Schema {
    return this.gate.cluster.schema;
  }

  get nodes(): readonly ClusterNode[] {
    return this.gate.cluster.nodes;
  }

  get clusterName(): string {
    return this.gate.cluster.control.target.clusterName;
  }

  get auditShare(): Share {
    return this.identity.who().share;
  }

  authority(): Authority | string {
    return this.identity.authority();
  }

  /** null before its login. */
  info(): SessionInfo | null {
    return this.identity.info();
  }

  route(): RequestRoute {
    return this.identity.route(this.version);
  }

  pinned(): readonly ClusterNode[] {
    return this.identity.pinned(this.version);
  }

  auditBase(): AuditBase {
    return this.identity.auditBase();
  }

  who(): Who {
    return this.identity.who();
  }

  /** The gates that its driver is told of beside this one. */
  siblings(): readonly Advertised[] {
    return this.#hasSidecar ? [] : this.gate.advertising.siblings();
  }

  keyspaceSet(keyspace: string): void {
    this.keyspace = keyspace;
  }

  learned(facts: VcsFacts): void {
    this.identity.learned(facts);
  }

  /** Takes what STARTUP says of the client. */
  protected introduced(version: number, options: ReadonlyMap<string, string>): void {
    this.version = version;
    this.identity.started(version, options);
    const own = sidecarAddress(options);
    if (own !== null) {
      this.advertised = own;
      this.#hasSidecar = true;
    }
    this.caller = callerOf(options);
  }
}
