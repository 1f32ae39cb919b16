// The schema as `system_schema` has it, read over the control connection. A table that a release lacks counts as empty:
// the node refuses the query as invalid. Anything else but rows is a fault.
import { CqlErrorCode } from '../protocol/error-codes.ts';
import { SYSTEM_KEYSPACES } from '../policy/system-keyspaces.ts';
import { UpstreamFault } from './faults.ts';
import { refusalIn, type OwnQueries } from './own-query.ts';
import type { FunctionRow, SchemaRows } from './schema.ts';

type Row = readonly (Buffer | null)[];

const SYSTEM_NAMES = [...SYSTEM_KEYSPACES].map((name) => `'${name}'`).join(', ');

export async function readSchema(queries: OwnQueries): Promise<SchemaRows> {
  const select = async (
    columns: string,
    table: string,
    keyspace = 'system_schema',
  ): Promise<readonly Row[]> => {
    try {
      return (await queries.rows(`SELECT ${columns} FROM ${keyspace}.${table}`)).rows;
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal === null) throw error;
      if (refusal.code === CqlErrorCode.INVALID) return [];
      throw new UpstreamFault('protocol', `the gate could not read the schema: ${refusal.message}`);
    }
  };
  const [views, indexes, keyspaces, functions, aggregates, types, masks, ...systemTables] =
    await Promise.all([
      select('keyspace_name, view_name, base_table_name', 'views'),
      select('keyspace_name, index_name, table_name', 'indexes'),
      select('keyspace_name, replication', 'keyspaces'),
      select('keyspace_name, function_name, argument_types', 'functions'),
      select(
        'keyspace_name, aggregate_name, argument_types, state_func, state_type, final_func',
        'aggregates',
      ),
      select('keyspace_name, type_name', 'types'),
      select('keyspace_name, table_name, column_name', 'column_masks'),
      select('keyspace_name, table_name', `tables WHERE keyspace_name IN (${SYSTEM_NAMES})`),
      // Virtual tables are listed apart; all of them are Cassandra's own.
      select('keyspace_name, table_name', 'tables', 'system_virtual_schema'),
    ]);
  return {
    views: views.map((row) => ({ keyspace: text(row[0]), view: text(row[1]), base: text(row[2]) })),
    indexes: indexes.map((row) => ({
      keyspace: text(row[0]),
      index: text(row[1]),
      table: text(row[2]),
    })),
    keyspaces: keyspaces.map((row) => ({
      keyspace: text(row[0]),
      replication: new Map(pairs(texts(row[1], 2))),
    })),
    functions: [...functions.map(functionRow), ...aggregates.map(aggregateRow)],
    types: types.map((row) => ({ keyspace: text(row[0]), type: text(row[1]) })),
    masks: masks.map((row) => ({
      keyspace: text(row[0]),
      table: text(row[1]),
      column: text(row[2]),
    })),
    systemTables: systemTables
      .flat()
      .map((row) => ({ keyspace: text(row[0]), table: text(row[1]) })),
  };
}

function functionRow(row: Row): FunctionRow {
  return {
    keyspace: text(row[0]),
    name: text(row[1]),
    argumentTypes: texts(row[2]),
    aggregate: null,
  };
}

function aggregateRow(row: Row): FunctionRow {
  const finalFunction = text(row[5]);
  return {
    ...functionRow(row),
    aggregate: {
      stateFunction: text(row[3]),
      stateType: text(row[4]),
      finalFunction: finalFunction === '' ? null : finalFunction,
    },
  };
}

function text(cell: Buffer | null | undefined): string {
  return cell?.toString('utf8') ?? '';
}

/** A `list<text>`: a count, then each text behind its length, all as 32-bit integers; a map has two each. */
function texts(cell: Buffer | null | undefined, perElement = 1): string[] {
  if (cell === null || cell === undefined) return [];
  const found: string[] = [];
  let at = 4;
  for (let left = cell.readInt32BE(0) * perElement; left > 0; left--) {
    const length = cell.readInt32BE(at);
    const end = at + 4 + length;
    if (length < 0 || end > cell.length) {
      throw new UpstreamFault('protocol', 'a text of the schema ends outside of its cell');
    }
    found.push(cell.toString('utf8', at + 4, end));
    at = end;
  }
  return found;
}

function pairs(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_unused, i) => [flat[2 * i]!, flat[2 * i + 1]!]);
}
