// REGISTER: <[string list] event types>. Names are case-insensitive in Cassandra. The same type may be named
// several times; a list far longer than there are types is refused before any of it is read.
import { MESSAGES } from '../../limits/session.ts';
import { requestReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { Writer } from '../writer.ts';
import { EVENT_TYPES, type EventType } from './event.ts';

export function decodeRegister(frame: Frame): EventType[] {
  const reader = requestReader(frame);
  const count = reader.readShort('event types');
  if (count > MESSAGES.registerNames) {
    throw reader.fault(
      `REGISTER names ${count} event types; at most ${MESSAGES.registerNames} are read`,
    );
  }
  const types: EventType[] = [];
  for (let i = 0; i < count; i++) {
    const name = reader.readString('event types');
    const type = EVENT_TYPES.find((one) => one === name.toUpperCase());
    if (type === undefined) {
      throw reader.fault(`Invalid value '${name.slice(0, 64)}' for Type`);
    }
    types.push(type);
  }
  reader.expectEnd('REGISTER');
  return types;
}

export function encodeRegister(types: readonly EventType[]): Buffer {
  return new Writer().writeStringList(types).toBuffer();
}
