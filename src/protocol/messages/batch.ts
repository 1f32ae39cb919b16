// BATCH: <[byte] type><[short] n> n x (<[byte] kind><[long string] query or [short bytes] id>
//        <[short] m> m x <[value]>) <batch parameters>
//
// A frame of the largest size holds 65,535 children, or four million values: it is walked in steps, so that its
// reader may let others go first in between.
import { requestReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { Reader } from '../reader.ts';
import { readBatchParameters } from './parameters.ts';

const BATCH_TYPES = ['LOGGED', 'UNLOGGED', 'COUNTER'] as const;

/** Where the text or the prepared id of a child lies in the frame's buffer, and its values. */
export interface BatchChild {
  readonly isText: boolean;
  readonly start: number;
  readonly end: number;
  readonly valueCount: number;
  readonly valuesStart: number;
}

export interface BatchRequest {
  readonly type: (typeof BATCH_TYPES)[number];
  readonly children: readonly BatchChild[];
  readonly consistency: number;
  readonly keyspace: string | null;
  /** Where its flags lie, counted back from the end of the frame. */
  readonly flagsFromEnd: number;
}

const KIND_QUERY = 0;
const KIND_PREPARED = 1;
/** Values of which skipping costs as much as reading a child. */
const VALUES_PER_STEP = 16;

export class BatchDecoder {
  readonly #reader: Reader;
  readonly #version: number;
  readonly #children: BatchChild[] = [];
  readonly type: (typeof BATCH_TYPES)[number];
  /** How many children it says it has. */
  readonly size: number;

  constructor(frame: Frame, version: number) {
    this.#reader = requestReader(frame);
    this.#version = version;
    const typeCode = this.#reader.readByte('batch type');
    const type = BATCH_TYPES[typeCode];
    if (type === undefined) throw this.#reader.fault(`Invalid batch type ${typeCode}`);
    this.type = type;
    this.size = this.#reader.readShort('batch size');
  }

  /** Walks about so many children further; null while there are more. */
  walk(steps: number): BatchRequest | null {
    const reader = this.#reader;
    const children = this.#children;
    for (let left = steps; children.length < this.size;) {
      if (left <= 0) return null;
      const child = readChild(reader);
      children.push(child);
      left -= 1 + child.valueCount / VALUES_PER_STEP;
    }
    const flagsAt = reader.offset + 2;
    const { consistency, keyspace } = readBatchParameters(reader, this.#version);
    reader.expectEnd('BATCH');
    const flagsFromEnd = reader.offset - flagsAt;
    return { type: this.type, children, consistency, keyspace, flagsFromEnd };
  }
}

export function decodeBatch(frame: Frame, version: number): BatchRequest {
  return new BatchDecoder(frame, version).walk(Infinity)!;
}

/** The text of a child; throws ProtocolFault where it is no UTF-8. */
export function batchText(frame: Frame, { start }: BatchChild): string {
  const { buffer, end, streamId } = frame;
  const reader = new Reader(buffer, start - TEXT_LENGTH_BYTES, end, streamId);
  return reader.readLongString('batch query');
}

const TEXT_LENGTH_BYTES = 4;

function readChild(reader: Reader): BatchChild {
  const kind = reader.readByte('batch statement kind');
  if (kind !== KIND_QUERY && kind !== KIND_PREPARED) {
    throw reader.fault(`Invalid query kind in BATCH messages: ${kind}`);
  }
  const isText = kind === KIND_QUERY;
  const what = isText ? 'batch query' : 'prepared id';
  const length = isText ? reader.readInt(what) : reader.readShort(what);
  if (length < 0) throw reader.fault(`${what} has the negative length ${length}`);
  const start = reader.offset;
  reader.skip(length, what);
  const end = reader.offset;
  const valueCount = reader.readShort('value count');
  const valuesStart = reader.offset;
  for (let i = 0; i < valueCount; i++) reader.skipValue('value');
  return { isText, start, end, valueCount, valuesStart };
}
