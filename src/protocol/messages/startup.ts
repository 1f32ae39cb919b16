// STARTUP: <[string map] options>. Keys are upper-cased, as Cassandra does; CQL_VERSION is mandatory.
import { requestReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { Writer } from '../writer.ts';

export function decodeStartup(frame: Frame): Map<string, string> {
  const reader = requestReader(frame);
  const options = new Map<string, string>();
  for (const [key, value] of reader.readStringMap('STARTUP options')) {
    options.set(key.toUpperCase(), value);
  }
  reader.expectEnd('STARTUP');
  return options;
}

export function encodeStartup(options: ReadonlyMap<string, string>): Buffer {
  return new Writer().writeStringMap(options).toBuffer();
}
