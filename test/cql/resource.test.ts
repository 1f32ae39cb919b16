// Resources and needs as GRANT writes them: what is written is read back as the same.
import { describe, expect, it } from 'vitest';
import { formatNeed, formatResource } from '../../src/cql/resource.ts';
import type { Resource } from '../../src/cql/statement.ts';
import { read } from './statements.ts';

const RESOURCES: [Resource, string][] = [
  [{ type: 'ALL KEYSPACES' }, 'ALL KEYSPACES'],
  [{ type: 'KEYSPACE', keyspace: 'Ks' }, 'KEYSPACE "Ks"'],
  [{ type: 'ALL TABLES IN KEYSPACE', keyspace: 'ks' }, 'ALL TABLES IN KEYSPACE ks'],
  [{ type: 'TABLE', keyspace: 'a.b', table: 'c"d' }, 'TABLE "a.b"."c""d"'],
  [{ type: 'ALL FUNCTIONS' }, 'ALL FUNCTIONS'],
  [{ type: 'ALL FUNCTIONS IN KEYSPACE', keyspace: 'ks' }, 'ALL FUNCTIONS IN KEYSPACE ks'],
  [
    {
      type: 'FUNCTION',
      keyspace: 'ks',
      name: 'ttl',
      signature: [
        { kind: 'native', name: 'int' },
        { kind: 'list', of: [{ kind: 'user', keyspace: null, name: 'int' }] },
      ],
    },
    'FUNCTION ks."ttl"(int,list<"int">)',
  ],
  [{ type: 'ALL ROLES' }, 'ALL ROLES'],
  [{ type: 'ROLE', role: 'Ops' }, 'ROLE "Ops"'],
  [{ type: 'ALL MBEANS' }, 'ALL MBEANS'],
  [{ type: 'MBEAN', pattern: "d:type='x'" }, "MBEAN 'd:type=''x'''"],
  [{ type: 'MBEAN', pattern: 'd:type=*' }, "MBEANS 'd:type=*'"],
];

describe('a resource', () => {
  it.each(RESOURCES)('%j is written %s, and read back the same', (resource, written) => {
    expect(formatResource(resource)).toBe(written);
    expect(formatNeed({ permission: 'AUTHORIZE', resource })).toBe(`AUTHORIZE ON ${written}`);
    const { needs } = read(`GRANT AUTHORIZE ON ${written} TO r`);
    expect(needs).toEqual([{ permission: 'AUTHORIZE', resource }]);
  });

  it('without a name, or without known arguments, is told as such', () => {
    expect(formatResource({ type: 'ROLE', role: '' })).toBe("ROLE ''");
    const named = { type: 'FUNCTION', keyspace: 'ks', name: 'f', signature: null } as const;
    expect(formatResource(named)).toBe('FUNCTION ks.f');
    expect(formatResource({ ...named, signature: [] })).toBe('FUNCTION ks.f()');
  });
});
