// REGISTER: <[string list] event types>. Names are case-insensitive in Cassandra.
import { requestReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { Writer } from '../writer.ts';
import { EVENT_TYPES, type EventType } from './event.ts';

export function decodeRegister(frame: Frame): EventType[] {
  const reader = requestReader(frame);
  const types = reader.readStringList('event types').map((name) => {
    const type = EVENT_TYPES.find((one) => one === name.toUpperCase());
    if (type === undefined) {
      throw reader.fault(`Invalid value '${name.slice(0, 64)}' for Type`);
    }
    return type;
  });
  reader.expectEnd('REGISTER');
  return types;
}

export function encodeRegister(types: readonly EventType[]): Buffer {
  return new Writer().writeStringList(types).toBuffer();
}
