// The gate-wide registry of prepared statements: id -> text, keyspace, statement and metadata,
// learned only from PREPARED results (ids are never computed), bounded in bytes. It answers two
// questions: what does this id mean, and does this client still hold the metadata it reads by.
import { compoundKey } from '../compound-key.ts';
import type { Statement } from '../cql/statement.ts';
import { UNCOUNTED, type Account } from '../memory/store.ts';
import { footprintOf, MAP_ENTRY_BYTES, stringBytes } from '../memory/footprint.ts';
import { TURN } from '../limits/session.ts';
import type { Prepared } from '../protocol/messages/result.ts';
import { turnWork } from '../turn.ts';
import type { Refusal } from './own-query.ts';

/** What a PREPARED result told the client, in one protocol version; compared byte by byte. */
interface PreparedShape {
  readonly bindMetadata: Buffer;
  readonly resultMetadata: Buffer;
}

export interface PreparedStatement {
  readonly key: string;
  readonly id: Buffer;
  readonly text: string;
  /** Keyspace of the connection it was prepared in; null where that was in none, or the id does not depend on it. */
  readonly keyspace: string | null;
  readonly statement: Statement;
  /** Names of bind markers in order, for statements that the gate evaluates itself. */
  readonly bindNames: readonly string[];
  /** Partition key positions among the bind markers, for token-aware routing. */
  readonly pkIndexes: readonly number[];
  /** True for a statement whose rows a client decodes by metadata it got at PREPARE. */
  readonly returnsRows: boolean;
}

interface Entry extends PreparedStatement {
  readonly shapes: Map<number, PreparedShape>;
  /** Used since the last time room was needed: gets a second chance. */
  used: boolean;
  /**
   * Clients that were given the present result metadata. In v4 an EXECUTE may ask to leave the
   * metadata out; a client that then decodes by older metadata reads the wrong column, silently
   * (CASSANDRA-10786). Only who is in here may do so; all others get UNPREPARED and prepare again.
   */
  givenTo: WeakSet<object>;
  /** Clients that prepared it themselves: they know what it says. */
  readonly preparedBy: WeakSet<object>;
  /** Clients that were given the present bind metadata; null while it never was another one. */
  markersKnownTo: WeakSet<object> | null;
  /** The re-prepares under way, by node and version, so that a herd of UNPREPARED causes one. */
  readonly repairs: Map<string, Promise<Repaired>>;
  /** Set while there are any. */
  suspension: Suspension | null;
  bytes: number;
  /** Another id with the same hash. */
  next: Entry | null;
}

/** Nobody counts as given while re-prepares are under way. */
interface Suspension {
  readonly given: WeakSet<object>;
  readonly meanwhile: WeakSet<object>;
  underWay: number;
  /** All that ended found what clients know. */
  isSame: boolean;
}

/** What came of preparing a statement again: the node's refusal, or how it differs from what clients know. */
export type Repaired =
  | { readonly refused: Refusal }
  | {
      /** Same id and bind metadata; where the version has no id for the result metadata, that too. */
      readonly isSame: boolean;
      readonly resultMetadataId: Buffer | null;
    };

/** Where a statement is prepared again. */
export interface RepairPlace {
  readonly node: string;
  readonly version: number;
  /** The version's EXECUTE says by which result metadata the client reads. */
  readonly hasId: boolean;
}

/** Places in two maps, the sets of who was given it, and what is worked out of its statement later. */
const ENTRY_OVERHEAD_BYTES = 2 * MAP_ENTRY_BYTES + 64;

export class PreparedRegistry {
  readonly #maxBytes: number;
  readonly #charged: Account;
  /** In order of use: the first is the next to go. */
  readonly #entries = new Map<string, Entry>();
  /** The same by the first bytes of the id: a number is made without a string for each request. */
  readonly #byHash = new Map<number, Entry>();
  #bytes = 0;

  constructor(options: { readonly maxBytes: number; readonly account?: Account }) {
    this.#maxBytes = options.maxBytes;
    this.#charged = options.account ?? UNCOUNTED;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The statement of an id as it stands in a frame, or null when it was never prepared here. */
  find(buffer: Buffer, start: number, end: number): PreparedStatement | null {
    const length = end - start;
    let entry = this.#byHash.get(hashOf(buffer, start, length)) ?? null;
    while (entry !== null && !isAt(entry.id, buffer, start, length)) entry = entry.next;
    if (entry !== null) entry.used = true;
    return entry;
  }

  /**
   * Learns from a PREPARED result that is on its way to `client`. Metadata that differs from what
   * was known makes all other clients prepare again before they may skip metadata.
   *
   * False where the id is known for another text or keyspace: ids are hashes of both, so one of the two
   * is not what it seems, and neither is kept.
   */
  learn(
    prepared: Prepared,
    version: number,
    source: { text: string; keyspace: string | null; statement: Statement },
    client: object,
  ): boolean {
    const { bindMetadata, resultMetadata } = prepared;
    turnWork.add(TURN.prepared + (bindMetadata.length + resultMetadata.length) / TURN.bytesPerUnit);
    const key = keyOf(prepared.id, 0, prepared.id.length);
    const shape = copyShape(prepared);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      source.statement.isKept = true;
      entry = {
        key,
        id: Buffer.from(prepared.id),
        text: source.text,
        keyspace: source.keyspace,
        statement: source.statement,
        bindNames: prepared.bindColumns.map((column) => column.name),
        pkIndexes: [...prepared.pkIndexes],
        returnsRows: prepared.resultColumnCount > 0,
        shapes: new Map(),
        used: false,
        givenTo: new WeakSet(),
        preparedBy: new WeakSet(),
        markersKnownTo: null,
        repairs: new Map(),
        suspension: null,
        bytes: 0,
        next: null,
      };
      this.#add(entry);
    } else if (entry.text !== source.text || entry.keyspace !== source.keyspace) {
      this.#drop(entry);
      return false;
    } else {
      // Same id, other columns (ALTER TABLE adds one to `SELECT *`): a new entry in effect.
      const known = entry.shapes.get(version);
      if (known !== undefined && !sameShape(known, shape)) {
        const isSameBind = known.bindMetadata.equals(shape.bindMetadata);
        entry = this.#reshape(entry, prepared, isSameBind);
      }
      entry.used = true;
    }
    entry.shapes.set(version, shape);
    entry.givenTo.add(client);
    entry.preparedBy.add(client);
    entry.markersKnownTo?.add(client);
    this.#account(entry);
    this.#evict(this.#maxBytes);
    return true;
  }

  /** Lets half of them go, those first that were not used. */
  evict(): void {
    this.#evict(this.#bytes / 2);
  }

  /** The result metadata as a PREPARED of this protocol version had it last; null where there was none. */
  resultMetadata(prepared: PreparedStatement, version: number): Buffer | null {
    return (prepared as Entry).shapes.get(version)?.resultMetadata ?? null;
  }

  wasPreparedBy(prepared: PreparedStatement, client: object): boolean {
    return (prepared as Entry).preparedBy.has(client);
  }

  /** Whether the values that `client` binds are of the types that the present bind metadata says. */
  knowsMarkers(prepared: PreparedStatement, client: object): boolean {
    const { markersKnownTo } = prepared as Entry;
    return markersKnownTo === null || markersKnownTo.has(client);
  }

  /** Whether `client` was given the metadata that a node would now decode the rows by. */
  wasGiven(prepared: PreparedStatement, client: object): boolean {
    return (prepared as Entry).givenTo.has(client);
  }

  /**
   * Prepares a statement on a node again, behind its clients' back, and resolves to what they would notice. In v5
   * each client's EXECUTE says which result metadata it has, so whoever waits for this compares that himself: what is
   * known here another client may have renewed.
   *
   * From the PREPARE on a node may answer by new metadata, so nobody counts as given until it is
   * known to be the old one: rows that arrive in between are not believed.
   */
  async repair(
    prepared: PreparedStatement,
    place: RepairPlace,
    prepare: () => Promise<Prepared | Refusal>,
  ): Promise<Repaired> {
    const { repairs } = prepared as Entry;
    const key = compoundKey(place.node, place.version);
    let repair = repairs.get(key);
    if (repair === undefined) {
      repair = this.#repair(prepared as Entry, place, prepare).finally(() => repairs.delete(key));
      repairs.set(key, repair);
    }
    return repair;
  }

  async #repair(
    entry: Entry,
    { version, hasId }: RepairPlace,
    prepare: () => Promise<Prepared | Refusal>,
  ): Promise<Repaired> {
    if (entry.suspension === null) {
      const meanwhile = new WeakSet();
      entry.suspension = { given: entry.givenTo, meanwhile, underWay: 0, isSame: true };
      entry.givenTo = meanwhile;
    }
    const { suspension } = entry;
    suspension.underWay++;
    let isSame = false;
    try {
      const again = await prepare();
      if ('code' in again) return { refused: again };
      const known = entry.shapes.get(version);
      isSame =
        known !== undefined &&
        entry.id.equals(again.id) &&
        known.bindMetadata.equals(again.bindMetadata) &&
        (hasId || known.resultMetadata.equals(again.resultMetadata));
      return { isSame, resultMetadataId: again.resultMetadataId };
    } finally {
      suspension.isSame &&= isSame;
      if (--suspension.underWay === 0) {
        entry.suspension = null;
        // Unless a schema change or another PREPARE came between: then that one's word stands.
        if (suspension.isSame && entry.givenTo === suspension.meanwhile) {
          entry.givenTo = suspension.given;
        }
      }
    }
  }

  /**
   * The schema of a keyspace (or of one table in it) changed: whoever prepared a statement that
   * touches it decodes by metadata that may be old, and prepares again.
   */
  invalidate(keyspace: string, table: string | null): void {
    for (const entry of this.#entries.values()) {
      if (touches(entry.statement, keyspace, table)) entry.givenTo = new WeakSet();
    }
  }

  /** Events may have been lost (the control connection failed over): nobody is sure any more. */
  invalidateAll(): void {
    for (const entry of this.#entries.values()) entry.givenTo = new WeakSet();
  }

  #reshape(old: Entry, prepared: Prepared, isSameBind: boolean): Entry {
    const entry: Entry = {
      ...old,
      bindNames: prepared.bindColumns.map((column) => column.name),
      pkIndexes: [...prepared.pkIndexes],
      returnsRows: prepared.resultColumnCount > 0,
      shapes: new Map(),
      givenTo: new WeakSet(),
      markersKnownTo: isSameBind ? old.markersKnownTo : new WeakSet(),
      repairs: new Map(),
      suspension: null,
    };
    old.givenTo = new WeakSet();
    this.#unhash(old);
    this.#add(entry);
    return entry;
  }

  #account(entry: Entry): void {
    const { key, id, text, statement, bindNames, pkIndexes } = entry;
    let bytes = ENTRY_OVERHEAD_BYTES + stringBytes(text);
    bytes += footprintOf([key, id, statement, bindNames, pkIndexes]);
    for (const shape of entry.shapes.values()) bytes += footprintOf(shape);
    this.#charged.add(bytes - entry.bytes);
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  #evict(mostBytes: number): void {
    // A Map iterates over what is added on the way, so an entry with a second chance comes again.
    for (const entry of this.#entries.values()) {
      if (this.#bytes <= mostBytes || this.#entries.size === 1) return;
      if (entry.used) {
        entry.used = false;
        this.#entries.delete(entry.key);
        this.#entries.set(entry.key, entry);
      } else this.#drop(entry);
    }
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#charged.add(-entry.bytes);
    this.#bytes -= entry.bytes;
    this.#unhash(entry);
  }

  #add(entry: Entry): void {
    const hash = hashOf(entry.id, 0, entry.id.length);
    entry.next = this.#byHash.get(hash) ?? null;
    this.#byHash.set(hash, entry);
    this.#entries.set(entry.key, entry);
  }

  #unhash(gone: Entry): void {
    const hash = hashOf(gone.id, 0, gone.id.length);
    const first = this.#byHash.get(hash) ?? null;
    if (first === gone) {
      if (gone.next === null) this.#byHash.delete(hash);
      else this.#byHash.set(hash, gone.next);
      return;
    }
    for (let entry = first; entry !== null; entry = entry.next) {
      if (entry.next === gone) entry.next = gone.next;
    }
  }
}

/** Ids are 16 bytes of MD5 in Cassandra: any four of them are a hash. Any length is taken. */
function hashOf(buffer: Buffer, start: number, length: number): number {
  if (length < 4) return length;
  return (
    (buffer[start]! << 24) |
    (buffer[start + 1]! << 16) |
    (buffer[start + 2]! << 8) |
    buffer[start + 3]!
  );
}

function isAt(id: Buffer, buffer: Buffer, start: number, length: number): boolean {
  if (id.length !== length) return false;
  for (let i = 0; i < length; i++) if (id[i] !== buffer[start + i]) return false;
  return true;
}

/** Ids are 16 bytes of MD5 in Cassandra; any length is taken, latin1 keeps each byte. */
function keyOf(buffer: Buffer, start: number, end: number): string {
  return buffer.toString('latin1', start, end);
}

function copyShape(prepared: Prepared): PreparedShape {
  // Copies: views would pin their whole read buffer for as long as the statement lives.
  return {
    bindMetadata: Buffer.from(prepared.bindMetadata),
    resultMetadata: Buffer.from(prepared.resultMetadata),
  };
}

function sameShape(a: PreparedShape, b: PreparedShape): boolean {
  return a.bindMetadata.equals(b.bindMetadata) && a.resultMetadata.equals(b.resultMetadata);
}

function touches(statement: Statement, keyspace: string, table: string | null): boolean {
  for (const name of statement.tables) {
    if (name.keyspace === keyspace && (table === null || name.table === table)) return true;
  }
  return false;
}
