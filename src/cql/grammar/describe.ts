// DESCRIBE, which Cassandra answers to anyone: here every form is noted, so that policy can ask for
// a grant in the keyspace it shows.
import { Kind } from '../lexer.ts';
import type { Describe } from '../statement.ts';
import type { Parser } from './parser.ts';
import { type } from './types.ts';

const LISTS = ['keyspaces', 'tables', 'types', 'functions', 'aggregates'];
const OBJECTS = ['table', 'columnfamily', 'index', 'type', 'function', 'aggregate'];

export function describe(p: Parser): Describe {
  if (!p.accept('describe')) p.expect('desc');
  const found = form(p);
  if (p.accept('with')) p.expect('internals');
  return found;
}

function form(p: Parser): Describe {
  if (p.accept('full')) {
    p.expect('schema');
    return { form: 'cluster', keyspaces: [] };
  }
  if (p.accept('schema') || acceptAlone(p, 'cluster')) return { form: 'cluster', keyspaces: [] };
  for (const list of LISTS) {
    if (!acceptAlone(p, list)) continue;
    // Names of all keyspaces, or of the objects in the session's (or in all, where there is none).
    if (p.sessionKeyspace === null || list === 'keyspaces') return { form: 'names', keyspaces: [] };
    p.usesKeyspace = true;
    return { form: 'keyspace', keyspaces: [p.sessionKeyspace] };
  }
  if (p.is('only') && p.is('keyspace', 1)) p.advance();
  if (p.accept('keyspace')) {
    if (p.isNameAt(p.index)) return { form: 'keyspace', keyspaces: [p.name('a keyspace')] };
    return inSession(p);
  }
  if (p.accept('materialized', 'view')) return object(p);
  const word = OBJECTS.find((one) => p.is(one));
  if (word !== undefined && (p.isNameAt(p.index + 1) || word === 'table' || word === 'index')) {
    p.advance();
    const found = object(p);
    if (p.accept('(')) {
      if (!p.accept(')')) {
        do type(p);
        while (p.accept(','));
        p.expect(')');
      }
    }
    return found;
  }
  const first = p.name('something to describe');
  if (p.accept('.')) {
    p.name('a name');
    return { form: 'keyspace', keyspaces: [first] };
  }
  // One word is a keyspace, or an object of the session's: policy asks in both.
  if (p.sessionKeyspace === null) return { form: 'keyspace', keyspaces: [first] };
  p.usesKeyspace = true;
  return { form: 'either', keyspaces: [first, p.sessionKeyspace] };
}

function acceptAlone(p: Parser, word: string): boolean {
  if (!p.is(word)) return false;
  const next = p.index + 1;
  const isEnd = p.kindAt(next) === Kind.END || p.isPunctuationAt(next, ';') || p.is('with', 1);
  if (isEnd) p.advance();
  return isEnd;
}

function object(p: Parser): Describe {
  const { keyspace } = p.resolve(p.qualifiedName('a name'));
  return { form: 'keyspace', keyspaces: [keyspace] };
}

function inSession(p: Parser): Describe {
  const { keyspace } = p.resolve({ keyspace: null, name: '' });
  return { form: 'keyspace', keyspaces: [keyspace] };
}
