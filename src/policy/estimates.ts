// system.size_estimates and system.table_estimates tell the size of every tenant's tables. The connectors of Spark
// and Hadoop read them, for one table at a time. A role may read the rows of keyspaces in which it has grants; all
// other rows need a grant on these tables.
import { formatResource } from '../cql/resource.ts';
import type { SelectionTerm, SimpleSelection, Statement } from '../cql/statement.ts';
import type { Denial } from './denial.ts';
import type { Role } from './role.ts';

const TABLES: ReadonlySet<string> = new Set(['size_estimates', 'table_estimates']);
/** Stands in records for the grant where a role reads the rows of its own keyspaces. */
export const OWN_ESTIMATES = 'SELECT on estimates of keyspaces that the role reaches';

const KEYSPACE = 'keyspace_name';
/** Anybody may read these in the schema. A comparison with other columns would tell of rows that are left out. */
const KEYS: ReadonlySet<string> = new Set([
  KEYSPACE,
  'table_name',
  'range_type',
  'range_start',
  'range_end',
]);

/** The value of a bind marker; null if there is none. */
export type BoundValue = (marker: Extract<SelectionTerm, { type: 'marker' }>) => Buffer | null;

/** How the rows of a role's own keyspaces are told apart from the others. */
interface Parting {
  /** By the keyspace in each row, at this place among the selected columns; -1 stands for `*`. */
  readonly column: number | null;
  /** By the keyspaces that the condition names. */
  readonly keyspaces: readonly SelectionTerm[];
}

/** Whether a statement reads these tables. */
export function readsEstimates({ kind, tables }: Statement): boolean {
  // This runs for every request. An index is faster than destructuring, which uses the array's iterator.
  const table = tables[0];
  return table?.keyspace === 'system' && kind === 'SELECT' && TABLES.has(table.table);
}

/** null if the statement reads something else, or if the rows cannot be told apart: then it needs a grant. */
function partingOf(statement: Statement): Parting | null {
  const { selection } = statement;
  if (!readsEstimates(statement)) return null;
  if (selection === null || !selection.where.every(({ column }) => KEYS.has(column))) return null;
  const column = columnOf(selection);
  if (column !== null) return { column, keyspaces: [] };
  const named = selection.where.find((condition) => condition.column === KEYSPACE);
  return named === undefined ? null : { column, keyspaces: named.terms };
}

function columnOf({ columns }: SimpleSelection): number | null {
  if (columns === null) return -1;
  const index = columns.findIndex(({ name }) => name === KEYSPACE);
  return index < 0 ? null : index;
}

/** Whether the role may be given the rows of its own keyspaces, as far as the text tells. */
export function mayReadOwnEstimates(role: Role, statement: Statement): boolean {
  const parting = partingOf(statement);
  if (parting === null) return false;
  return parting.keyspaces.every((term) => term.type === 'marker' || role.reaches(term.value));
}

/** The denial where a bound keyspace is one in which the role has no grant; null for nearly all statements. */
export function estimatesDenial(
  role: Role,
  statement: Statement,
  bound: BoundValue,
): Denial | null {
  if (seesAll(role, statement)) return null;
  for (const term of partingOf(statement)?.keyspaces ?? []) {
    const keyspace = term.type === 'marker' ? (bound(term)?.toString('utf8') ?? '') : term.value;
    if (role.reaches(keyspace)) continue;
    const where = formatResource({ type: 'KEYSPACE', keyspace });
    return {
      reason: 'no_grant_in_keyspace',
      message: `Role ${role.name} has no grant in ${where}. If it should, ask for it in the policy of cqlgate.`,
      missing: [],
    };
  }
  return null;
}

/** By which column rows are left out, and which of them are kept; null if the role may read all of them. */
export function estimatesFilter(
  role: Role,
  statement: Statement,
): { readonly column: number; readonly keeps: (keyspace: string) => boolean } | null {
  const column = partingOf(statement)?.column ?? null;
  if (column === null || seesAll(role, statement)) return null;
  return { column, keeps: (keyspace) => role.reaches(keyspace) };
}

function seesAll(role: Role, { tables }: Statement): boolean {
  const [table] = tables;
  return table === undefined || role.find('SELECT', { type: 'TABLE', ...table }) !== null;
}
