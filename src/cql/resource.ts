// Resources and needs as CQL writes them. What is written here is read back as the same resource, so
// that equal texts are equal resources.
import { KEYWORDS } from './keywords.ts';
import { quoteIfNeeded, stringLiteral } from './quote.ts';
import type { Need, Resource } from './statement.ts';
import { formatSignature } from './type.ts';

function qualified(keyspace: string, name: string): string {
  return `${quoteIfNeeded(keyspace)}.${quoteIfNeeded(name)}`;
}

/** `ttl` and `key` are no names of functions without quotes, and `expr(` is a word of its own. */
function quoteFunctionIfNeeded(name: string): string {
  const wordClass = KEYWORDS.get(name);
  const isWord = wordClass === 'special' || wordClass === 'key' || name === 'expr';
  return quoteIfNeeded(name, isWord);
}

/** `TABLE ks.t`, `ALL TABLES IN KEYSPACE ks`, as in a GRANT. */
export function formatResource(resource: Resource): string {
  switch (resource.type) {
    case 'KEYSPACE':
    case 'ALL TABLES IN KEYSPACE':
    case 'ALL FUNCTIONS IN KEYSPACE':
      return `${resource.type} ${quoteIfNeeded(resource.keyspace)}`;
    case 'TABLE':
      return `TABLE ${qualified(resource.keyspace, resource.table)}`;
    case 'FUNCTION': {
      const { keyspace, name, signature } = resource;
      const types = signature === null ? '' : `(${formatSignature(signature)})`;
      return `FUNCTION ${quoteIfNeeded(keyspace)}.${quoteFunctionIfNeeded(name)}${types}`;
    }
    case 'ROLE':
      return `ROLE ${resource.role === '' ? "''" : quoteIfNeeded(resource.role)}`;
    case 'MBEAN': {
      const word = /[*?]/.test(resource.pattern) ? 'MBEANS' : 'MBEAN';
      return `${word} ${stringLiteral(resource.pattern)}`;
    }
    case 'ALL KEYSPACES':
    case 'ALL FUNCTIONS':
    case 'ALL ROLES':
    case 'ALL MBEANS':
      return resource.type;
  }
}

/** `SELECT ON TABLE ks.t`. */
export function formatNeed({ permission, resource }: Need): string {
  return `${permission} ON ${formatResource(resource)}`;
}
