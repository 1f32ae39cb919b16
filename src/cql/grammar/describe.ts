// DESCRIBE, which Cassandra answers to anyone: here every form is noted, so that policy can ask for
// a grant in the keyspace it shows. A node looks at the keyspace of the connection while it carries one out
// (connection-state.ts): `usesKeyspace` is set for each form in which it does, that it is in none included.
import type { Describe } from '../statement.ts';
import { functionName } from './functions.ts';
import type { Parser } from './parser.ts';
import { typeName } from './types.ts';

export function describe(p: Parser): Describe {
  if (!p.accept('describe')) p.expect('desc');
  const found = form(p);
  if (p.accept('with')) p.expect('internals');
  return found;
}

const EVERYTHING: Describe = { form: 'cluster', keyspaces: [] };

/** Lists of what is in the session's keyspace, or in all of them where there is none. */
const LISTS: ReadonlySet<string> = new Set(['tables', 'types', 'functions', 'aggregates']);

function form(p: Parser): Describe {
  if (p.accept('cluster')) {
    // In a keyspace it shows the ranges of that one too.
    p.usesKeyspace = true;
    return EVERYTHING;
  }
  if (p.accept('full')) {
    p.expect('schema');
    return EVERYTHING;
  }
  if (p.accept('schema')) return EVERYTHING;
  if (p.accept('keyspaces')) return { form: 'names', keyspaces: [] };
  if (LISTS.has(p.wordAt(p.index))) {
    p.advance();
    p.usesKeyspace = true;
    return p.sessionKeyspace === null ? EVERYTHING : inKeyspace(p.sessionKeyspace);
  }
  if (p.is('only') && p.isNext('keyspace')) p.advance();
  if (p.accept('keyspace')) {
    return inKeyspace(p.isNameAt(p.index) ? p.name('a keyspace') : p.defaultKeyspace());
  }
  if (p.accept('table') || p.accept('columnfamily') || p.accept('index')) return object(p);
  if (p.acceptBoth('materialized', 'view')) return object(p);
  // These words are names as well: they are what they say only before another name.
  const isBeforeName = p.isNameAt(p.index + 1);
  if (isBeforeName && p.accept('type')) return inKeyspace(p.resolve(typeName(p)).keyspace);
  if (isBeforeName || p.isNext('token')) {
    if (p.accept('function') || p.accept('aggregate')) return inKeyspace(functionName(p).keyspace);
  }
  return anything(p);
}

function anything(p: Parser): Describe {
  const first = p.name('something to describe');
  if (p.accept('.')) {
    p.skipName('a name');
    return inKeyspace(first);
  }
  // One word is a keyspace, or an object of the session's: policy asks in both.
  p.usesKeyspace = true;
  if (p.sessionKeyspace === null) return inKeyspace(first);
  return { form: 'either', keyspaces: [first, p.sessionKeyspace] };
}

function inKeyspace(keyspace: string): Describe {
  return { form: 'keyspace', keyspaces: [keyspace] };
}

function object(p: Parser): Describe {
  return inKeyspace(p.resolve(p.qualifiedName('a name')).keyspace);
}
