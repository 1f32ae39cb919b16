// EVENT, always on stream -1.
//
//   TOPOLOGY_CHANGE, STATUS_CHANGE  <[string] change><[inet] node>
//   SCHEMA_CHANGE  <[string] change><[string] target><[string] keyspace>
//                  [<[string] name> unless the target is KEYSPACE]
//                  [<[string list] argument types> for FUNCTION and AGGREGATE]
import { responseReader } from '../body-prefix.ts';
import { encodeFrame, type Frame } from '../frame.ts';
import { Opcode } from '../opcodes.ts';
import type { Reader } from '../reader.ts';
import { Writer } from '../writer.ts';

export const EVENT_TYPES = [
  'TOPOLOGY_CHANGE',
  'STATUS_CHANGE',
  'SCHEMA_CHANGE',
  'TRACE_COMPLETE',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface SchemaChange {
  /** CREATED, UPDATED or DROPPED. */
  readonly change: string;
  /** KEYSPACE, TABLE (views and indexes too), TYPE, FUNCTION or AGGREGATE. */
  readonly target: string;
  readonly keyspace: string;
  /** null when the target is the keyspace. */
  readonly name: string | null;
  readonly argumentTypes: readonly string[] | null;
}

export interface NodeChange {
  /** NEW_NODE, REMOVED_NODE or MOVED_NODE; UP or DOWN. */
  readonly change: string;
  /** 4 or 16 bytes. */
  readonly address: Buffer;
  readonly port: number;
}

export type Event =
  | ({ readonly type: 'SCHEMA_CHANGE' } & SchemaChange)
  | ({ readonly type: 'TOPOLOGY_CHANGE' | 'STATUS_CHANGE' } & NodeChange)
  | { readonly type: 'TRACE_COMPLETE' };

export const EVENT_STREAM_ID = -1;

export function decodeEvent(frame: Frame): Event {
  const reader = responseReader(frame);
  const name = reader.readString('event type');
  const type = EVENT_TYPES.find((one) => one === name);
  if (type === undefined) throw reader.fault(`unknown event type ${name}`);
  if (type === 'SCHEMA_CHANGE') return { type, ...readSchemaChange(reader) };
  return type === 'TRACE_COMPLETE' ? { type } : { type, ...readNodeChange(reader) };
}

function readNodeChange(reader: Reader): NodeChange {
  const change = reader.readString('change of a node');
  const { address, port } = reader.readInet('node');
  return { change, address, port };
}

/** The body of a SCHEMA_CHANGE, in an event and in a result. */
export function readSchemaChange(reader: Reader): SchemaChange {
  const change = reader.readString('schema change');
  const target = reader.readString('schema change target');
  const keyspace = reader.readString('schema change keyspace');
  const name = target === 'KEYSPACE' ? null : reader.readString('schema change name');
  const hasArguments = target === 'FUNCTION' || target === 'AGGREGATE';
  const argumentTypes = hasArguments ? reader.readStringList('argument types') : null;
  return { change, target, keyspace, name, argumentTypes };
}

/** A STATUS_CHANGE, which names a node by the address that drivers know it by. */
export function encodeStatusChangeEvent(
  version: number,
  { change, address, port }: NodeChange,
): Buffer {
  return encodeFrame({
    version,
    opcode: Opcode.EVENT,
    streamId: EVENT_STREAM_ID,
    body: new Writer()
      .writeString('STATUS_CHANGE')
      .writeString(change)
      .writeByte(address.length)
      .writeRaw(address)
      .writeInt(port)
      .toBuffer(),
  });
}

export function encodeSchemaChangeEvent(version: number, change: SchemaChange): Buffer {
  const writer = new Writer()
    .writeString('SCHEMA_CHANGE')
    .writeString(change.change)
    .writeString(change.target)
    .writeString(change.keyspace);
  if (change.name !== null) writer.writeString(change.name);
  if (change.argumentTypes !== null) writer.writeStringList(change.argumentTypes);
  return encodeFrame({
    version,
    opcode: Opcode.EVENT,
    streamId: EVENT_STREAM_ID,
    body: writer.toBuffer(),
  });
}
