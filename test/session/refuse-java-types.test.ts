// Types that are written as strings are refused where they would harm a node.
import { describe, expect, it } from 'vitest';
import { EMPTY_SCHEMA } from '../../src/cql/statement.ts';
import { refuseJavaTypes } from '../../src/session/refuse-java-types.ts';
import { authorityOf, exchangeOf, requestFor, sessionOf } from '../support/exchanges.ts';

const USER_TYPE =
  "CREATE TABLE ks.t (k int PRIMARY KEY, v 'org.apache.cassandra.db.marshal.UserType(ks,6e6f6e65,61:org.apache.cassandra.db.marshal.Int32Type)')";
const authority = authorityOf({ grants: ['CREATE ON KEYSPACE ks'] });

const outcomeOf = (text: string, hasType: boolean) => {
  const session = sessionOf({ schema: { ...EMPTY_SCHEMA, hasType: () => hasType } });
  return refuseJavaTypes(exchangeOf(requestFor(text), session), null, authority);
};

describe('a type that is written as a string', () => {
  it('may leave where the schema has the user types that it names', () => {
    expect(outcomeOf(USER_TYPE, true)).toBeNull();
  });

  it('is refused where it has not', () => {
    expect(outcomeOf(USER_TYPE, false)).toMatchObject({ type: 'reply', ending: 'refused' });
  });

  it('is asked of nothing else', () => {
    expect(outcomeOf('CREATE TABLE ks.t (k int PRIMARY KEY)', false)).toBeNull();
  });
});
