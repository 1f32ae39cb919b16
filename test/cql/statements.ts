// Texts to statements, for tests of the grammar.
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { formatNeed } from '../../src/cql/resource.ts';
import type { Statement, Unanalysable } from '../../src/cql/statement.ts';

export function read(text: string, keyspace: string | null = null): Statement {
  const found = analyse(text, keyspace);
  if (!isStatement(found)) throw new Error(`${text}: ${found.reason}`);
  return found;
}

export function needsIn(text: string, keyspace: string | null = null): string[] {
  return read(text, keyspace).needs.map(formatNeed);
}

/** Why a text is not taken; null where it is. */
export function ruleOf(text: string, keyspace: string | null = null): Unanalysable['rule'] | null {
  const found = analyse(text, keyspace);
  return isStatement(found) ? null : found.rule;
}

export function reasonOf(text: string, keyspace: string | null = null): string {
  const found = analyse(text, keyspace);
  return isStatement(found) ? '' : found.reason;
}

/** `count` items with commas between them. */
export function many(count: number, item: (i: number) => string, separator = ', '): string {
  return Array.from({ length: count }, (_unused, i) => item(i)).join(separator);
}
