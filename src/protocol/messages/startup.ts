// STARTUP: <[string map] options>. Keys are upper-cased, as Cassandra does; CQL_VERSION is mandatory.
import { MESSAGES } from '../../limits/session.ts';
import { requestReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { Writer } from '../writer.ts';

export function decodeStartup(frame: Frame): Map<string, string> {
  const reader = requestReader(frame);
  const options = new Map<string, string>();
  const count = reader.readShort('STARTUP options');
  if (count > MESSAGES.startupOptions) {
    throw reader.fault(`STARTUP has ${count} options; at most ${MESSAGES.startupOptions} are read`);
  }
  for (let i = 0; i < count; i++) {
    const key = reader.readName('STARTUP options').toUpperCase();
    options.set(key, reader.readName('STARTUP options'));
  }
  reader.expectEnd('STARTUP');
  return options;
}

export function encodeStartup(options: ReadonlyMap<string, string>): Buffer {
  return new Writer().writeStringMap(options).toBuffer();
}
