// Jobs that change the schema of one keyspace all at once, as pipelines do that were started together.
import type { Client } from 'cassandra-driver';

/**
 * Each job makes a table, changes it and uses it at once, and all of them make one that they share. Rejects
 * with the first change that failed.
 */
export async function changeTogether(
  jobs: readonly Client[],
  keyspace: string,
  prefix: string,
): Promise<void> {
  await Promise.all(
    jobs.map(async (job, i) => {
      const table = `${keyspace}.${prefix}${i}`;
      const shared = `${keyspace}.${prefix}_shared`;
      await job.execute(`CREATE TABLE IF NOT EXISTS ${shared} (k int PRIMARY KEY, v text)`);
      await job.execute(`CREATE TABLE ${table} (k int PRIMARY KEY, v text)`);
      await job.execute(`ALTER TABLE ${shared} ADD of_job${i} text`);
      await job.execute(`ALTER TABLE ${table} ADD note text`);
      for (const one of [table, shared]) {
        const column = one === table ? 'note' : `of_job${i}`;
        await job.execute(`INSERT INTO ${one} (k, ${column}) VALUES (${i}, 'x')`, [], {
          prepare: true,
        });
      }
    }),
  );
}

/** Over all gates each change began with the schema that another left: none was made beside another. */
export function isOneAfterTheOther(records: readonly any[]): boolean {
  const changes = records.flatMap(({ outcome }) => (outcome?.schema_change ? [outcome] : []));
  const before = new Set(changes.map(({ schema_version_before: version }) => version as string));
  const after = changes.map(({ schema_version_after: version }) => version as string);
  const last = after.filter((version) => !before.has(version));
  return changes.length > 0 && before.size === changes.length && last.length === 1;
}
