// The gate's own requests to a node: each gives what was asked for, or throws an UpstreamFault. An answer of another
// kind, or one that cannot be read, is a fault and nothing is believed of it. Nobody else looks at the opcode of an
// answer to the gate.
import { CqlErrorCode } from '../protocol/error-codes.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import { Consistency } from '../protocol/consistency.ts';
import type { Frame } from '../protocol/frame.ts';
import { decodeAuthenticate, encodeToken } from '../protocol/messages/auth.ts';
import { decodeError } from '../protocol/messages/error.ts';
import { encodeQuery } from '../protocol/messages/query.ts';
import type { EventType } from '../protocol/messages/event.ts';
import { encodeRegister } from '../protocol/messages/register.ts';
import {
  decodePrepared,
  decodeRows,
  resultKind,
  ResultKind,
  type Prepared,
  type Rows,
} from '../protocol/messages/result.ts';
import { encodeStartup } from '../protocol/messages/startup.ts';
import { decodeSupported } from '../protocol/messages/supported.ts';
import { Opcode, opcodeName } from '../protocol/opcodes.ts';
import { UpstreamFault } from './faults.ts';

/** Of the gate's own connections: spoken by every supported release. */
export const CONTROL_VERSION = 4;

/** What the requests below need of a connection. */
export interface AskedConnection {
  readonly version: number;
  request(
    opcode: number,
    body: Buffer | null,
    timeoutMs: number,
    readsKeyspace?: boolean,
  ): Promise<Frame>;
}

/** A node's ERROR. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
}

/** The node refused a request of the gate's own. */
class RefusedFault extends UpstreamFault {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(
      refusal.code === CqlErrorCode.UNAUTHORIZED ? 'login_refused' : 'protocol',
      `the gate's own request was refused: ${refusal.message}`,
    );
    this.refusal = refusal;
  }
}

/** The node answered with another message than asked for, or with one that cannot be read. */
export class UnexpectedAnswerFault extends UpstreamFault {
  constructor(message: string) {
    super('protocol', message);
  }
}

/** The node's own words, where the error is that it refused; null for any other error. */
export function refusalIn(error: unknown): Refusal | null {
  return error instanceof RefusedFault ? error.refusal : null;
}

/** Sends a query and gives the node's response. */
export type SendQuery = (query: string, consistency: number) => Promise<Frame>;

/** Queries of the gate's own, over whatever sends them. */
export class OwnQueries {
  readonly #send: SendQuery;
  readonly #version: number;
  readonly #consistency: number;

  /** The consistency is that of queries which name none. */
  constructor(send: SendQuery, version = CONTROL_VERSION, consistency: number = Consistency.ONE) {
    this.#send = send;
    this.#version = version;
    this.#consistency = consistency;
  }

  /** The rows that a query answers with. */
  async rows(query: string, consistency = this.#consistency): Promise<Rows> {
    return rowsOf(await this.#send(query, consistency), this.#version);
  }

  /** The same of a query that answers with nothing at all, null, where there are no rows. */
  async rowsIfAny(query: string): Promise<Rows | null> {
    const response = await this.#send(query, this.#consistency);
    return isResult(response, ResultKind.VOID) ? null : rowsOf(response, this.#version);
  }

  /** A statement that answers with nothing. */
  async run(query: string, consistency = this.#consistency): Promise<void> {
    expectResult(await this.#send(query, consistency), ResultKind.VOID);
  }
}

export interface QueryOptions {
  /** Of queries which name no other one; ONE where it is left out. */
  readonly consistency?: number;
  /** UPSTREAM.controlTimeoutMs where it is left out. */
  readonly timeoutMs?: number;
}

export function queriesOver(
  connection: AskedConnection,
  { consistency = Consistency.ONE, timeoutMs = UPSTREAM.controlTimeoutMs }: QueryOptions = {},
): OwnQueries {
  const { version } = connection;
  return new OwnQueries(
    async (query, level) => {
      const body = encodeQuery({ query, consistency: level, version });
      return connection.request(Opcode.QUERY, body, timeoutMs);
    },
    version,
    consistency,
  );
}

/** `body` is that of a PREPARE. `readsKeyspace`: it is prepared in the keyspace of the connection. */
export async function prepareOver(
  connection: AskedConnection,
  body: Buffer,
  readsKeyspace: boolean,
): Promise<Prepared> {
  const { version } = connection;
  const timeoutMs = UPSTREAM.controlTimeoutMs;
  const response = await connection.request(Opcode.PREPARE, body, timeoutMs, readsKeyspace);
  expectResult(response, ResultKind.PREPARED);
  return readable(() => decodePrepared(response, version));
}

/** What a node supports, as it says in its answer to OPTIONS. */
export async function supportedBy(
  connection: AskedConnection,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const response = await connection.request(Opcode.OPTIONS, null, UPSTREAM.controlTimeoutMs);
  expectOpcode(response, Opcode.SUPPORTED);
  return readable(() => decodeSupported(response));
}

/** False: the node answers OPTIONS with another message. One that is overloaded refuses even that, and lives. */
export async function givesSignOfLife(
  connection: Pick<AskedConnection, 'request'>,
  timeoutMs: number,
): Promise<boolean> {
  const { opcode } = await connection.request(Opcode.OPTIONS, null, timeoutMs);
  return opcode === Opcode.SUPPORTED || opcode === Opcode.ERROR;
}

/** From here on the node sends these events. */
export async function registerFor(
  connection: AskedConnection,
  events: readonly EventType[],
): Promise<void> {
  const body = encodeRegister(events);
  const response = await connection.request(Opcode.REGISTER, body, UPSTREAM.controlTimeoutMs);
  expectOpcode(response, Opcode.READY);
}

/** The authenticator that the node asks for a login by; null where it asks for none. */
export async function startUp(
  request: (opcode: number, body: Buffer) => Promise<Frame>,
  options: ReadonlyMap<string, string>,
): Promise<string | null> {
  const response = await request(Opcode.STARTUP, encodeStartup(options));
  if (response.opcode === Opcode.READY) return null;
  expectOpcode(response, Opcode.AUTHENTICATE);
  return readable(() => decodeAuthenticate(response));
}

/** Resolves once the node has let the login in. */
export async function authenticate(
  request: (opcode: number, body: Buffer) => Promise<Frame>,
  token: Buffer,
): Promise<void> {
  expectOpcode(await request(Opcode.AUTH_RESPONSE, encodeToken(token)), Opcode.AUTH_SUCCESS);
}

/** The node's refusal; null where it did not refuse. */
export function refusalOf(response: Frame): Refusal | null {
  return response.opcode === Opcode.ERROR ? readable(() => decodeError(response)) : null;
}

/** The place of a column that must be there. */
export function columnAt({ columns }: Rows, name: string): number {
  const index = columns.findIndex((column) => column.name === name);
  if (index >= 0) return index;
  throw new UpstreamFault('protocol', `an answer to the gate's own request has no column ${name}`);
}

export function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function rowsOf(response: Frame, version: number): Rows {
  expectResult(response, ResultKind.ROWS);
  return readable(() => decodeRows(response, version));
}

function isResult(response: Frame, kind: number): boolean {
  return response.opcode === Opcode.RESULT && readable(() => resultKind(response)) === kind;
}

function expectResult(response: Frame, kind: number): void {
  expectOpcode(response, Opcode.RESULT);
  const got = readable(() => resultKind(response));
  if (got !== kind) throw unexpected(`a result of kind ${got}`, `one of kind ${kind}`);
}

function expectOpcode(response: Frame, opcode: number): void {
  if (response.opcode === opcode) return;
  const refusal = refusalOf(response);
  if (refusal !== null) throw new RefusedFault(refusal);
  throw unexpected(opcodeName(response.opcode), opcodeName(opcode));
}

function unexpected(got: string, wanted: string): UnexpectedAnswerFault {
  return new UnexpectedAnswerFault(
    `the gate's own request was answered with ${got} instead of ${wanted}`,
  );
}

function readable<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new UnexpectedAnswerFault(`an answer to the gate's own request is unreadable: ${text}`);
  }
}
