// What productions of schema statements give, and the pieces they share.
import type { Permission, Resource, Statement, StatementKind, TableName } from '../statement.ts';
import type { Name, Parser } from './parser.ts';

/** What a schema production found; analyse() makes the statement of it. */
export interface SchemaStatement {
  readonly kind: StatementKind;
  readonly keyspace: string;
  readonly tables: readonly TableName[];
  readonly needs: readonly { permission: Permission; resource: Resource }[];
  readonly lookup?: Statement['lookup'];
  readonly capability?: Statement['capability'];
  /** Functions of this very keyspace that are made or dropped, not called. */
  readonly defines?: Name;
}

export const ALTER_TABLE = (t: TableName): SchemaStatement['needs'] => [
  { permission: 'ALTER', resource: { type: 'TABLE', ...t } },
];

export function acceptIfNotExists(p: Parser): void {
  if (p.accept('if')) p.expect('not', 'exists');
}

export function acceptIfExists(p: Parser): void {
  if (p.accept('if')) p.expect('exists');
}
