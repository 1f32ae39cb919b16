// What productions of schema statements give, and the pieces they share.
import type { Need, Permission, Statement, StatementKind, TableName } from '../statement.ts';
import type { Parser } from './parser.ts';

/** What a schema production found; analyse() makes the statement of it. */
export interface SchemaStatement {
  readonly kind: StatementKind;
  readonly keyspace: string;
  readonly tables: readonly TableName[];
  readonly needs: readonly Need[];
  readonly lookup?: Statement['lookup'];
  readonly capability?: Statement['capability'];
  readonly defines?: Statement['defines'];
}

export const ALTER_TABLE = (t: TableName): readonly Need[] => [
  { permission: 'ALTER', resource: { type: 'TABLE', ...t } },
];

export function onTables(permission: Permission, keyspace: string): readonly Need[] {
  return [{ permission, resource: { type: 'ALL TABLES IN KEYSPACE', keyspace } }];
}

export function acceptIfNotExists(p: Parser): void {
  if (p.accept('if')) p.expectAll('not', 'exists');
}

export function acceptIfExists(p: Parser): void {
  if (p.accept('if')) p.expect('exists');
}

/** `column` names where the empty one is not allowed. */
export function identifier(p: Parser): void {
  p.skipName('a column name');
}

export function parenthesizedOrOne(p: Parser, item: (p: Parser) => void): void {
  if (!p.accept('(')) {
    item(p);
    return;
  }
  list(p, item, false);
}

/** Behind `(`: items with commas, and `)`; `loose` lets commas stand alone at the end. */
export function list(p: Parser, item: (p: Parser) => void, loose: boolean): void {
  item(p);
  while (p.accept(',')) {
    if (loose && (p.is(',') || p.is(')'))) continue;
    item(p);
  }
  p.expect(')');
}

/** `a TO b AND c TO d`. */
export function renames(p: Parser): void {
  acceptIfExists(p);
  do {
    identifier(p);
    p.expect('to');
    identifier(p);
  } while (p.accept('and'));
}
