// Query parameters of QUERY and EXECUTE, and the tail of BATCH (section 4.1.4 of the specification).
//
//   <[consistency]><flags: v4 [byte], v5 [int]>
//   [0x01 <[short] n> n x ([0x40 <[string] name>] <[value]>)]
//   [0x04 <[int] page size>] [0x08 <[bytes] paging state>] [0x10 <[consistency] serial>]
//   [0x20 <[long] timestamp>] [0x80 <[string] keyspace>] [v5: 0x100 <[int] now in seconds>]
//
// Cassandra ignores bits it does not know and bytes behind the last field. Here they are refused:
// what the gate can't account for might one day mean something to the node. The bit 0x80 is honoured
// by Cassandra in v4 too, where the specification does not have it; so it is read in both.
import { isConsistency } from '../consistency.ts';
import type { Reader } from '../reader.ts';
import { hasWideQueryFlags } from '../versions.ts';

export const QueryFlag = {
  VALUES: 0x01,
  SKIP_METADATA: 0x02,
  PAGE_SIZE: 0x04,
  PAGING_STATE: 0x08,
  SERIAL_CONSISTENCY: 0x10,
  TIMESTAMP: 0x20,
  NAMED_VALUES: 0x40,
  KEYSPACE: 0x80,
  NOW_IN_SECONDS: 0x100,
} as const;

const KNOWN_IN_V4 = 0xff;
const KNOWN_IN_V5 = 0x1ff;
/** In BATCH the values stand with their statements, and there are no pages. */
const KNOWN_IN_BATCH =
  QueryFlag.SERIAL_CONSISTENCY |
  QueryFlag.TIMESTAMP |
  QueryFlag.KEYSPACE |
  QueryFlag.NOW_IN_SECONDS;

const TIMESTAMP_UNSET = -(2n ** 63n);

export interface QueryParameters {
  readonly consistency: number;
  readonly flags: number;
  readonly valueCount: number;
  /** Offset of the first value in the frame's buffer; the values were walked, not decoded. */
  readonly valuesStart: number;
  /** The keyspace of this request alone, or null. */
  readonly keyspace: string | null;
}

export function readParameters(reader: Reader, version: number): QueryParameters {
  const consistency = readConsistency(reader);
  const flags = readFlags(reader, version);
  const known = hasWideQueryFlags(version) ? KNOWN_IN_V5 : KNOWN_IN_V4;
  if ((flags & ~known) !== 0) throw unknownFlags(reader, flags & ~known);
  let valueCount = 0;
  let valuesStart = reader.offset;
  if ((flags & QueryFlag.VALUES) !== 0) {
    valueCount = reader.readShort('value count');
    valuesStart = reader.offset;
    const named = (flags & QueryFlag.NAMED_VALUES) !== 0;
    for (let i = 0; i < valueCount; i++) {
      if (named) reader.skipName('value name');
      reader.skipValue('value');
    }
  }
  if ((flags & QueryFlag.PAGE_SIZE) !== 0 && reader.readInt('page size') === 0) {
    throw reader.valueFault('The page size cannot be 0');
  }
  if ((flags & QueryFlag.PAGING_STATE) !== 0) reader.skipValue('paging state');
  const keyspace = readTail(reader, flags);
  return { consistency, flags, valueCount, valuesStart, keyspace };
}

/** What stands behind the statements of a BATCH. */
export function readBatchParameters(
  reader: Reader,
  version: number,
): { consistency: number; keyspace: string | null } {
  const consistency = readConsistency(reader);
  const flags = readFlags(reader, version);
  if ((flags & ~KNOWN_IN_BATCH) !== 0) throw unknownFlags(reader, flags & ~KNOWN_IN_BATCH);
  return { consistency, keyspace: readTail(reader, flags) };
}

function readFlags(reader: Reader, version: number): number {
  return hasWideQueryFlags(version)
    ? reader.readInt('query flags')
    : reader.readByte('query flags');
}

function readConsistency(reader: Reader): number {
  const consistency = reader.readShort('consistency');
  if (!isConsistency(consistency)) {
    throw reader.valueFault(`Unknown code ${consistency} for a consistency level`);
  }
  return consistency;
}

function readTail(reader: Reader, flags: number): string | null {
  if ((flags & QueryFlag.SERIAL_CONSISTENCY) !== 0) readConsistency(reader);
  if ((flags & QueryFlag.TIMESTAMP) !== 0 && reader.readLong('timestamp') === TIMESTAMP_UNSET) {
    throw reader.valueFault(
      `Out of bound timestamp, must be in [-9223372036854775807, 9223372036854775807] (got ${TIMESTAMP_UNSET})`,
    );
  }
  const keyspace = (flags & QueryFlag.KEYSPACE) !== 0 ? reader.readName('keyspace') : null;
  if ((flags & QueryFlag.NOW_IN_SECONDS) !== 0) reader.skip(4, 'now in seconds');
  return keyspace;
}

function unknownFlags(reader: Reader, flags: number): Error {
  return reader.fault(
    `query flags 0x${flags.toString(16)} are not known here; use a driver of protocol v4 or v5`,
  );
}

type ValuesAt = Pick<QueryParameters, 'flags' | 'valueCount' | 'valuesStart'>;

export interface WantedValue {
  readonly index: number;
  readonly name: string | null;
}

/** The bound value at a position, or by name where values are named; null where there is none. */
export function boundValue(
  reader: Reader,
  parameters: ValuesAt,
  wanted: WantedValue,
): Buffer | null {
  const named = (parameters.flags & QueryFlag.NAMED_VALUES) !== 0;
  if (named && wanted.name === null) return null;
  // Names were checked when they were walked; here their bytes are compared, since there may be 65,535 of them.
  const name = named ? Buffer.from(wanted.name!, 'utf8') : null;
  reader.offset = parameters.valuesStart;
  for (let i = 0; i < parameters.valueCount; i++) {
    const isWanted = name === null ? i === wanted.index : reader.skipString(name, 'value name');
    if (isWanted) return reader.readBytes('value');
    reader.skipValue('value');
  }
  return null;
}

/** The same for whoever wants many: the values are walked once, not again for each. */
export function boundValues(
  reader: Reader,
  parameters: ValuesAt,
): (wanted: WantedValue) => Buffer | null {
  const named = (parameters.flags & QueryFlag.NAMED_VALUES) !== 0;
  const found = new Map<string | number, Buffer | null>();
  reader.offset = parameters.valuesStart;
  for (let i = 0; i < parameters.valueCount; i++) {
    const key = named ? reader.readString('value name') : i;
    const value = reader.readBytes('value');
    if (!found.has(key)) found.set(key, value);
  }
  return ({ index, name }) => {
    const key = named ? name : index;
    return key === null ? null : (found.get(key) ?? null);
  };
}
