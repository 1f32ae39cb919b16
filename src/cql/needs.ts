// What a statement needs, once the schema has its say: views are read by their base table's grant,
// writes to a table with views change those too, indexes belong to a table. As in Cassandra's own
// authorize() methods.
import type { Need, Schema, Statement } from './statement.ts';

/** `statement.needs` itself where the schema adds nothing, which is nearly always. */
export function needsOf(statement: Statement, schema: Schema): readonly Need[] {
  const { kind, family, tables, lookup } = statement;
  if (lookup !== null) return needsOfLookup(statement, schema);
  if (kind === 'SELECT') return needsOfSelect(statement, schema);
  if (family !== 'write' && kind !== 'TRUNCATE') return statement.needs;
  let needs: Need[] | null = null;
  for (const { keyspace, table } of tables) {
    const views = schema.viewsOf(keyspace, table);
    if (views.length === 0) continue;
    needs ??= [...statement.needs];
    needs.push({ permission: 'SELECT', resource: { type: 'TABLE', keyspace, table } });
    for (const view of views) {
      needs.push({ permission: 'MODIFY', resource: { type: 'TABLE', keyspace, table: view } });
    }
  }
  return needs ?? statement.needs;
}

function needsOfSelect(statement: Statement, schema: Schema): readonly Need[] {
  const table = statement.tables[0]!;
  const base = schema.baseOfView(table.keyspace, table.table);
  if (base === null) return statement.needs;
  const resource = { type: 'TABLE' as const, keyspace: table.keyspace, table: base };
  return [{ permission: 'SELECT', resource }, ...statement.needs.slice(1)];
}

/** Without the schema's answer the need stays the wider one that the text alone gave. */
function needsOfLookup(statement: Statement, schema: Schema): readonly Need[] {
  const { type, keyspace, name } = statement.lookup!;
  const table =
    type === 'index' ? schema.tableOfIndex(keyspace, name) : schema.baseOfView(keyspace, name);
  if (table === null) return statement.needs;
  return [{ permission: 'ALTER', resource: { type: 'TABLE', keyspace, table } }];
}
