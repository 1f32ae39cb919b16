// What a statement needs, once the schema has its say: views are read by their base table's grant,
// writes to a table with views change those too (TRUNCATE asks for no more than the table), indexes
// belong to a table, functions have overloads, and of what is not there nothing is needed. As in Cassandra's own authorize() methods; where Cassandra would choose an overload by
// its arguments' types, all of the same number of arguments are asked for.
import type { FunctionCall, Need, Overload, Schema, Statement } from './statement.ts';
import { isOfOtherKeyspace, isSameSignature, isUnread, type Signature } from './type.ts';

const NONE: readonly never[] = [];

/** `statement.needs` itself where the schema adds nothing, which is nearly always. */
export function needsOf(statement: Statement, schema: Schema): readonly Need[] {
  const { kind, family, lookup, calls, defines } = statement;
  if (family === 'schema' && isOfAbsent(statement, schema)) return NONE;
  if (lookup !== null) return needsOfLookup(statement, schema);
  let { needs } = statement;
  if (kind === 'SELECT') needs = needsOfSelect(statement, schema);
  else if (family === 'write') needs = needsOfWrite(statement, schema);
  if (defines !== null) needs = needsOfDefinition(statement, defines, schema);
  return calls.length === 0 ? needs : withCalls(needs, calls, schema);
}

/** The keyspace that a statement works in; which one a word of DESCRIBE means, only the schema knows. */
export function keyspaceOf({ describe, keyspace }: Statement, schema: Schema): string | null {
  if (describe?.form !== 'either') return keyspace;
  return describe.keyspaces.find((name) => schema.hasKeyspace(name)) ?? null;
}

function needsOfSelect(statement: Statement, schema: Schema): readonly Need[] {
  const table = statement.tables[0]!;
  const base = schema.baseOfView(table.keyspace, table.table);
  if (base === null) return statement.needs;
  const resource = { type: 'TABLE' as const, keyspace: table.keyspace, table: base };
  return [{ permission: 'SELECT', resource }, ...statement.needs.slice(1)];
}

function needsOfWrite({ needs, tables }: Statement, schema: Schema): readonly Need[] {
  let all: Need[] | null = null;
  for (const { keyspace, table } of tables) {
    const views = schema.viewsOf(keyspace, table);
    if (views.length === 0) continue;
    all ??= [...needs];
    all.push({ permission: 'SELECT', resource: { type: 'TABLE', keyspace, table } });
    for (const view of views) {
      all.push({ permission: 'MODIFY', resource: { type: 'TABLE', keyspace, table: view } });
    }
  }
  return all ?? needs;
}

/**
 * Whether it drops or alters an index, a view or a function that is not there. Of that Cassandra asks for nothing:
 * it does nothing with IF EXISTS, and says without that there is none.
 */
export function isOfAbsent({ lookup, defines }: Statement, schema: Schema): boolean {
  if (!schema.isWhole) return false;
  if (lookup !== null) return tableOf(lookup, schema) === null;
  if (defines?.change !== 'drop') return false;
  const { keyspace, name, signature } = defines;
  const overloads = schema.overloads(keyspace, name);
  return overloads?.every((one) => isAnother(one.signature, signature)) === true;
}

/** Not where either is not known for sure, nor where no arguments are named: that is of every overload. */
function isAnother(signature: Signature, wanted: Signature | null): boolean {
  if (wanted === null || isUnsure(signature) || isUnsure(wanted)) return false;
  return !isSameSignature(signature, wanted);
}

function isUnsure(signature: Signature): boolean {
  return isUnread(signature) || isOfOtherKeyspace(signature);
}

function tableOf(
  { type, keyspace, name }: NonNullable<Statement['lookup']>,
  schema: Schema,
): string | null {
  return type === 'index' ? schema.tableOfIndex(keyspace, name) : schema.baseOfView(keyspace, name);
}

/** Without the schema's answer the need stays the wider one that the text alone gave. */
function needsOfLookup(statement: Statement, schema: Schema): readonly Need[] {
  const lookup = statement.lookup!;
  const { keyspace } = lookup;
  const table = tableOf(lookup, schema);
  if (table === null) return statement.needs;
  return [{ permission: 'ALTER', resource: { type: 'TABLE', keyspace, table } }];
}

/** CREATE OR REPLACE is one or the other; DROP without arguments is of every overload. */
function needsOfDefinition(
  statement: Statement,
  { keyspace, name, signature, change }: NonNullable<Statement['defines']>,
  schema: Schema,
): readonly Need[] {
  const overloads = schema.overloads(keyspace, name);
  if (overloads === null || change === 'create') return statement.needs;
  if (change === 'replace') {
    if (
      signature === null ||
      isUnsure(signature) ||
      overloads.some((one) => isUnread(one.signature))
    ) {
      return statement.needs;
    }
    const isThere = overloads.some((one) => isSameSignature(one.signature, signature));
    return statement.needs.filter(
      ({ permission }) => permission !== (isThere ? 'CREATE' : 'ALTER'),
    );
  }
  if (signature !== null) return statement.needs;
  if (overloads.length === 0) return [onAllFunctions('DROP', keyspace)];
  return overloads.map((one) => ({
    permission: 'DROP',
    resource: { type: 'FUNCTION', keyspace, name, signature: one.signature },
  }));
}

/** What the schema does not know may be anything: that takes EXECUTE on all functions there. */
function onAllFunctions(permission: Need['permission'], keyspace: string): Need {
  return { permission, resource: { type: 'ALL FUNCTIONS IN KEYSPACE', keyspace } };
}

/** The EXECUTE needs of calls, by overload. */
function withCalls(
  needs: readonly Need[],
  calls: readonly FunctionCall[],
  schema: Schema,
): readonly Need[] {
  let resolved: Need[] | null = null;
  for (const { keyspace, name, arity, mayBeNative } of calls) {
    const overloads = schema.overloads(keyspace, name);
    if (overloads === null) continue;
    resolved ??= needs.filter(({ resource }) => !isCall(resource));
    const fitting = overloads.filter((one) => one.arity === arity);
    if (fitting.length === 0 && !mayBeNative) resolved.push(onAllFunctions('EXECUTE', keyspace));
    for (const one of fitting) resolved.push(...executes(keyspace, name, one));
  }
  return resolved ?? needs;
}

/** A function of which the text alone did not tell the overload. */
function isCall(resource: Need['resource']): boolean {
  return resource.type === 'FUNCTION' && resource.signature === null;
}

function executes(keyspace: string, name: string, overload: Overload): Need[] {
  return [{ name, signature: overload.signature }, ...overload.runs].map((one) => ({
    permission: 'EXECUTE',
    resource: { type: 'FUNCTION', keyspace, ...one },
  }));
}
