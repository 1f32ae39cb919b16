// The snapshot of the schema: replaced whole, and by a read that began after whoever asks for it came.
import { describe, expect, it } from 'vitest';
import { FollowedSchema } from '../../src/upstream/followed-schema.ts';
import type { SchemaRows } from '../../src/upstream/schema.ts';

/** Reads that end when the test says so. */
function reading() {
  const reads: { end: (...keyspaces: string[]) => void; fail: (error: Error) => void }[] = [];
  const schema = new FollowedSchema(
    async () =>
      new Promise<SchemaRows>((resolve, reject) => {
        const end = (...keyspaces: string[]): void =>
          resolve({
            keyspaces: keyspaces.map((keyspace) => ({ keyspace, replication: new Map() })),
          });
        reads.push({ end, fail: reject });
      }),
    () => false,
  );
  return { schema, reads };
}

describe('the schema that is followed', () => {
  it('is unknown at first, and a new snapshot after each read', async () => {
    const { schema, reads } = reading();
    const first = schema.current;
    expect(first.isWhole).toBe(false);
    const refreshed = schema.refresh();
    expect(schema.current).toBe(first);
    reads[0]!.end('a');
    await refreshed;
    expect(schema.current).not.toBe(first);
    expect([...schema.current.replication.keys()]).toEqual(['a']);
    expect(schema.current.version).toBe(first.version + 1);
    expect(schema.current.unmasks('r', 'a', 't')).toBe(false);
  });

  it('is read once more for those who come during a read, and once for all of them', async () => {
    const { schema, reads } = reading();
    const first = schema.refresh();
    const others = [schema.refresh(), schema.refresh()];
    expect(reads).toHaveLength(1);
    reads[0]!.end('a');
    await first;
    await expect.poll(() => reads.length).toBe(2);
    reads[1]!.end('a', 'b');
    await Promise.all(others);
    expect([...schema.current.replication.keys()]).toEqual(['a', 'b']);
    expect(reads).toHaveLength(2);
  });

  it('stays as it is where a read fails, and is read again for those who came during it', async () => {
    const { schema, reads } = reading();
    const before = schema.current;
    const failed = expect(schema.refresh()).rejects.toThrow('no');
    const next = schema.refresh();
    reads[0]!.fail(new Error('no'));
    await failed;
    expect(schema.current).toBe(before);
    await expect.poll(() => reads.length).toBe(2);
    reads[1]!.end('a');
    await next;
    expect(schema.current).not.toBe(before);
  });
});
