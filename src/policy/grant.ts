// Grants as the GRANT texts they are: `SELECT, MODIFY ON KEYSPACE orders`. Parsed by the grammar of
// GRANT itself, with one addition: a trailing `*` covers keyspaces by prefix.
import { Parser } from '../cql/grammar/parser.ts';
import { Refusal } from '../cql/grammar/refusal.ts';
import { applicable, resource } from '../cql/grammar/roles.ts';
import { isLexicalError, tokenize } from '../cql/lexer.ts';
import { Kind } from '../cql/tokens.ts';
import { PERMISSIONS, type Permission, type Resource } from '../cql/statement.ts';

export interface Grant {
  readonly text: string;
  readonly permissions: readonly Permission[];
  /** Written as ALL. */
  readonly isAll: boolean;
  readonly resource: Resource | { readonly type: 'KEYSPACE PREFIX'; readonly prefix: string };
}

/** The grant, or a sentence saying why Cassandra's GRANT would not take it. */
export function parseGrant(text: string): Grant | { readonly problem: string } {
  const prefix = /\bon\s+keyspace\s+([a-z][a-z0-9_]*)\*\s*$/i.exec(text);
  const plain = prefix === null ? text : text.slice(0, -1 - (text.length - text.trimEnd().length));
  const tokens = tokenize(plain);
  if (isLexicalError(tokens)) return { problem: tokens.reason };
  const p = new Parser(plain, tokens, null);
  try {
    const permissions = permissionsOf(p);
    const where = resource(p);
    if (p.kind !== Kind.END) throw p.unexpected('the end of the grant');
    const held = permissions === 'ALL' ? applicable(where) : permissions;
    const foreign = held.find((permission) => !applicable(where).includes(permission));
    if (foreign !== undefined) {
      return { problem: `${foreign} cannot be granted on ${where.type}` };
    }
    const isAll = permissions === 'ALL';
    if (prefix === null) return { text, permissions: held, isAll, resource: where };
    return {
      text,
      permissions: held,
      isAll,
      resource: { type: 'KEYSPACE PREFIX', prefix: prefix[1]!.toLowerCase() },
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return {
      problem:
        error.rule === 'no_keyspace'
          ? 'name the keyspace too, as in `TABLE ks.t`'
          : `${error.message}; write it as in \`SELECT ON KEYSPACE ks\``,
    };
  }
}

function permissionsOf(p: Parser): readonly Permission[] | 'ALL' {
  if (p.accept('all')) {
    p.accept('permissions');
    p.expect('on');
    return 'ALL';
  }
  const permissions: Permission[] = [];
  do {
    const permission = PERMISSIONS.find((one) => p.is(one.toLowerCase()));
    if (permission === undefined) throw p.unexpected('a permission');
    p.advance();
    p.accept('permission');
    permissions.push(permission);
  } while (p.accept(','));
  p.expect('on');
  return permissions;
}
