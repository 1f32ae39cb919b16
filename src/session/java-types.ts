// What keeps types that are written as strings from harming a node, whatever is granted.
//
// A node keeps each different text, and what it stands for, until it is started again, so that a role could fill its
// memory with them. Each role has a share in each process of the gate; a policy that is loaded begins anew.
//
// A user type in a string is taken as it is written, whether there is one or not; its name alone is what stands in
// `system_schema` then, and a node that finds no type of that name there does not start again.
import { createHash } from 'node:crypto';
import type { Schema, Statement } from '../cql/statement.ts';
import { CQL } from '../limits/cql.ts';
import type { Role } from '../policy/role.ts';

interface Sent {
  readonly hashes: Set<string>;
  characters: number;
}

const SENT = new WeakMap<Role, Sent>();

/** Why the statement may not be sent; null, and its types are counted, where it may. */
export function javaTypesRefusal(role: Role, statement: Statement, schema: Schema): string | null {
  return unknownType(statement, schema) ?? beyondShare(role, statement);
}

/** As Cassandra says it of types in CQL. */
function unknownType(
  { family, keyspace, javaUserTypes }: Statement,
  schema: Schema,
): string | null {
  if (family !== 'schema') return null;
  for (const type of javaUserTypes) {
    if (type.keyspace !== keyspace) {
      return `Statement on keyspace ${keyspace} cannot refer to a user type in keyspace ${type.keyspace}; user types can only be used in the keyspace they are defined in`;
    }
    if (!schema.hasType(type.keyspace, type.name)) {
      return `Unknown type ${type.keyspace}.${type.name}`;
    }
  }
  return null;
}

function beyondShare(role: Role, { javaTypes }: Statement): string | null {
  let sent = SENT.get(role);
  if (sent === undefined) {
    sent = { hashes: new Set(), characters: 0 };
    SENT.set(role, sent);
  }
  for (const text of javaTypes) {
    const hash = createHash('sha256').update(text).digest('base64');
    if (sent.hashes.has(hash)) continue;
    const characters = sent.characters + text.length + CQL.javaTypeOverhead;
    if (characters > CQL.javaTypesPerRole) {
      return `role ${role.name} has named too many different types as strings, of which nodes keep each; write types in the words of CQL`;
    }
    sent.characters = characters;
    sent.hashes.add(hash);
  }
  return null;
}
