// system.size_estimates and system.table_estimates say of every tenant's tables how large they are. Drivers of
// Spark and Hadoop read them, of one table each. A role reads what is of the keyspaces that it reaches;
// a grant on these tables gives the rest.
import { formatResource } from '../cql/resource.ts';
import type { SelectionTerm, SimpleSelection, Statement } from '../cql/statement.ts';
import type { Denial } from './decide.ts';
import type { Role } from './role.ts';

const TABLES: ReadonlySet<string> = new Set(['size_estimates', 'table_estimates']);
/** What stands for the grant where it is its own part. */
export const OWN_ESTIMATES = 'SELECT on estimates of keyspaces that the role reaches';

const KEYSPACE = 'keyspace_name';
/** Of these the schema tells anybody; to compare with others would tell of rows that are left out. */
const KEYS: ReadonlySet<string> = new Set([
  KEYSPACE,
  'table_name',
  'range_type',
  'range_start',
  'range_end',
]);

/** A value of a bind marker; null where there is none. */
export type BoundValue = (marker: Extract<SelectionTerm, { type: 'marker' }>) => Buffer | null;

/** How the part of a role is told from the rest. */
interface Parting {
  /** By the rows themselves, at this place among the columns that are named; -1 is `*`. */
  readonly column: number | null;
  /** By the condition alone. */
  readonly keyspaces: readonly SelectionTerm[];
}

/** Whether a statement reads these tables. */
export function readsEstimates({ kind, tables }: Statement): boolean {
  // Asked of every request: by index, since taking an array apart goes through its iterator.
  const table = tables[0];
  return table?.keyspace === 'system' && kind === 'SELECT' && TABLES.has(table.table);
}

/** null where it reads something else, or can not be parted: then it needs a grant. */
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

/** Whether its own part can be given to the role, as far as the text tells. */
export function mayReadOwnEstimates(role: Role, statement: Statement): boolean {
  const parting = partingOf(statement);
  if (parting === null) return false;
  return parting.keyspaces.every((term) => term.type === 'marker' || role.reaches(term.value));
}

/** A keyspace that is bound, and that the role does not reach; null for nearly all. */
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

/** By which column rows are left out for the role, and which are not; null where all are its own. */
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
