// Columns and values of Cassandra's own tables, for tests of what drivers read there.
import type { Column } from '../../src/protocol/messages/result.ts';

/** Makes columns of one table of keyspace system. */
export function columnsOf(table: string): (name: string, code: number) => Column {
  return (name, code) => ({
    keyspace: 'system',
    table,
    name,
    type: { code, bytes: Buffer.from([0, code]) },
  });
}

export function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
