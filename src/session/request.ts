// What a client asked for in one request, as it was decoded, and what follows from that alone. Nothing of it changes:
// where another frame has to be sent in the place of the client's, that is another Request.
import type { Limits } from '../limits/operator.ts';
import { TURN } from '../limits/session.ts';
import { NO_KEYSPACE, type WantedKeyspace } from '../cql/connection-state.ts';
import type { Statement } from '../cql/statement.ts';
import { requestReader, stripCustomPayload } from '../protocol/body-prefix.ts';
import type { Frame } from '../protocol/frame.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { withKeyspace } from '../protocol/request-keyspace.ts';
import { turnWork } from '../turn.ts';
import type { PreparedStatement } from '../upstream/prepared.ts';
import type { BoundValues } from '../upstream/routing-key.ts';
import type { TraceContext } from './trace-context.ts';

/** A child of a BATCH message, as records tell of it. */
export interface BatchPart {
  readonly statement: Statement;
  readonly text: string;
  readonly preparedId: Buffer | null;
}

export interface BatchParts {
  readonly type: string;
  readonly statements: readonly BatchPart[];
  /** Where the flags of the message lie, counted back from the end of its frame. */
  readonly flagsFromEnd: number;
}

export interface DecodedRequest {
  readonly opcode: number;
  readonly frame: Frame;
  readonly statement: Statement;
  /** The text that it stands for, as it was sent or prepared; null for a BATCH message. */
  readonly text: string | null;
  readonly consistency: number;
  /** The state of the connection that it must be carried out in; null where that makes no difference. */
  readonly keyspace: WantedKeyspace;
  /** The keyspace that the frame itself names, or null. */
  readonly namedKeyspace: string | null;
  /** The frame names that keyspace or can be made to, and this is enough: no connection has to be in it. */
  readonly naming: boolean;
  /** The registered statements that it executes: one of an EXECUTE, the prepared children of a BATCH. */
  readonly prepared: readonly PreparedStatement[];
  /** What is bound to the first of them; null where there is none. */
  readonly bound: BoundValues | null;
  /** The children of a BATCH message; null for all others. */
  readonly parts: BatchParts | null;
  /** A v4 EXECUTE that leaves the result metadata out: its client reads rows by what PREPARE gave it. */
  readonly skipsMetadata: boolean;
  /** The trace that the client's custom payload named, or else its session's. */
  readonly caller: TraceContext | null;
}

/** The limit that bounds the time of a statement of each family. */
const TIME_LIMITS = {
  read: 'readTimeoutMs',
  describe: 'readTimeoutMs',
  session: 'readTimeoutMs',
  write: 'writeTimeoutMs',
  role: 'writeTimeoutMs',
  schema: 'schemaTimeoutMs',
} as const;

export class Request implements DecodedRequest {
  /** Kept as it is: copying its fields for each request would cost as much as deciding on it. */
  readonly #decoded: DecodedRequest;
  /** The stream id that the client gave it. Its frame has that of a node's connection once it was sent. */
  readonly clientStreamId: number;
  readonly isUse: boolean;
  /** Its session reads the system tables from one node, and changes the schema through the same one. */
  readonly isPinned: boolean;

  constructor(decoded: DecodedRequest, clientStreamId: number = decoded.frame.streamId) {
    this.#decoded = decoded;
    this.clientStreamId = clientStreamId;
    this.isUse = decoded.statement.kind === 'USE' && decoded.opcode !== Opcode.PREPARE;
    this.isPinned = !this.isUse && staysAtOneNode(decoded.statement);
  }

  get opcode(): DecodedRequest['opcode'] {
    return this.#decoded.opcode;
  }

  get frame(): DecodedRequest['frame'] {
    return this.#decoded.frame;
  }

  get statement(): DecodedRequest['statement'] {
    return this.#decoded.statement;
  }

  get text(): DecodedRequest['text'] {
    return this.#decoded.text;
  }

  get consistency(): DecodedRequest['consistency'] {
    return this.#decoded.consistency;
  }

  get keyspace(): DecodedRequest['keyspace'] {
    return this.#decoded.keyspace;
  }

  get namedKeyspace(): DecodedRequest['namedKeyspace'] {
    return this.#decoded.namedKeyspace;
  }

  get naming(): DecodedRequest['naming'] {
    return this.#decoded.naming;
  }

  get prepared(): DecodedRequest['prepared'] {
    return this.#decoded.prepared;
  }

  get bound(): DecodedRequest['bound'] {
    return this.#decoded.bound;
  }

  get parts(): DecodedRequest['parts'] {
    return this.#decoded.parts;
  }

  get skipsMetadata(): DecodedRequest['skipsMetadata'] {
    return this.#decoded.skipsMetadata;
  }

  get caller(): DecodedRequest['caller'] {
    return this.#decoded.caller;
  }

  get isPrepare(): boolean {
    return this.opcode === Opcode.PREPARE;
  }

  /** It reads or writes rows, or prepares a statement that does. */
  get isOfRows(): boolean {
    const { family } = this.statement;
    return family === 'read' || family === 'write';
  }

  /** It changes the schema, roles or grants: its decision is on disk before a node sees it. */
  get isWrittenAhead(): boolean {
    const { family } = this.statement;
    return (family === 'schema' || family === 'role') && !this.isPrepare;
  }

  /** Carrying it out changes something, so that it may not be repeated where its fate is unknown. */
  get isMutation(): boolean {
    const { family } = this.statement;
    return !this.isPrepare && (family === 'write' || family === 'schema' || family === 'role');
  }

  /** Its frame names the keyspace that it was decided in. */
  get namesKeyspace(): boolean {
    return this.naming && this.namedKeyspace !== null;
  }

  /** How long it may take, and wait for a connection before that. */
  timeLimitMs(limits: Limits): number {
    return limits[TIME_LIMITS[this.statement.family]];
  }

  /** The same request with a copy of its frame that names the keyspace which it was decided in. */
  named(): Request {
    const { frame, keyspace, bound, parts } = this;
    if (typeof keyspace !== 'string') return this;
    turnWork.add(frame.byteLength / TURN.bytesPerUnit);
    const named = withKeyspace(frame, keyspace, parts?.flagsFromEnd);
    const moved = movedBy(bound, frame.bodyStart - named.bodyStart);
    return this.#with({ frame: named, namedKeyspace: keyspace, bound: moved });
  }

  /** The same request as a session without a keyspace would send it. */
  inNoKeyspace(statement: Statement): Request {
    return this.#with({ statement, keyspace: NO_KEYSPACE });
  }

  #with(changes: Partial<DecodedRequest>): Request {
    return new Request({ ...this.#decoded, ...changes }, this.clientStreamId);
  }
}

/** Without its custom payload. What points into the frame points to the same values in the one that goes on. */
export function withoutPayload(decoded: DecodedRequest): DecodedRequest {
  const { frame, bound } = decoded;
  const stripped = stripCustomPayload(frame);
  const moved = requestReader(frame).offset - stripped.bodyStart;
  return { ...decoded, frame: stripped, bound: movedBy(bound, moved) };
}

function movedBy(bound: BoundValues | null, bytes: number): BoundValues | null {
  return bound === null ? null : { ...bound, valuesStart: bound.valuesStart - bytes };
}

function staysAtOneNode({ family, tables }: Statement): boolean {
  if (family !== 'read' && family !== 'write') return true;
  return tables[0] !== undefined && PINNED.has(tables[0].keyspace);
}

/** The tables of these keyspaces are each node's own, or tell of the schema as that node sees it. */
const PINNED: ReadonlySet<string> = new Set([
  'system',
  'system_schema',
  'system_views',
  'system_virtual_schema',
]);
