// What a connection knows of a request that it sends: by when it must be answered, and whom to tell what became of it.
import type { MonotonicMs } from '../clock.ts';
import type { WantedKeyspace } from '../cql/connection-state.ts';
import type { Statement } from '../cql/statement.ts';
import type { Frame } from '../protocol/frame.ts';
import type { ConnectionKeyspace } from './connection-keyspace.ts';
import type { UpstreamFault } from './faults.ts';

/** What an answer's request may ask of the connection that it came by. */
export interface AnsweringConnection {
  /** Name of its node. */
  readonly node: string;
  readonly keyspaceState: ConnectionKeyspace;
}

/** A request in flight, as its connection sees it. */
export interface InFlight {
  /** After this `timedOut` is called. */
  readonly deadlineAtMs: MonotonicMs;
  /** If its answer is plain rows, they are passed on unread: large ones may come in parts (`Frame.rest`). */
  readonly takesParts: boolean;
  /** The response came. Its stream id is still this connection's. */
  answered(response: Frame, connection: AnsweringConnection): void;
  /** The connection ended first. `sent` is false when no byte of the request was handed to the socket. */
  lost(sent: boolean, cause: UpstreamFault): void;
  /** The deadline passed; the stream id stays quarantined until the late response. */
  timedOut(): void;
  /** The answer has so many bytes, for which there is no room: it was discarded as it came. */
  tooLarge(bytes: number, connection: AnsweringConnection): void;
  /** One of the above threw: an error of ours, which ends this request and nothing else. Never throws. */
  failed(error: unknown): void;
}

/** A client's request, with all that must be so for it to leave by a connection with its permit. */
export interface ClientRequest extends InFlight {
  readonly statement: Statement;
  /** The state that it was decided in. */
  readonly keyspace: WantedKeyspace;
  /** It names that keyspace itself, which is enough where the node takes it. */
  readonly namesKeyspace: boolean;
  /** It is a USE. */
  readonly isUse: boolean;
  /** Of the policy in force. */
  readonly policyVersion: string;
}
