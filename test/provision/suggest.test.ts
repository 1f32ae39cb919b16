// The least grants for what was done: what is used is in, what is not is out.
import { describe, expect, it } from 'vitest';
import {
  gather,
  suggestions,
  unusedGrants,
  type Gathering,
  type Suggestion,
  type Use,
} from '../../src/provision/suggest.ts';
import { SUGGEST } from '../../src/limits/commands.ts';
import { roleDocument } from '../support/policy.ts';

const use = (needs: readonly string[] | null, rest: Partial<Use> = {}): Use => ({
  by: 'r',
  role: 'r',
  kind: 'SELECT',
  keyspace: null,
  needs,
  isPermitted: true,
  missing: [],
  reason: null,
  count: 1,
  ...rest,
});

function gathered(...uses: readonly Use[]): Gathering {
  const gathering: Gathering = new Map();
  for (const one of uses) gather(gathering, one);
  return gathering;
}

const suggested = (...uses: readonly Use[]): Suggestion => suggestions(gathered(...uses))[0]!;

describe('suggested grants', () => {
  it('are by resource, each permission once, in an order that stays', () => {
    const uses = [
      use(['SELECT ON TABLE ks.t']),
      use(['MODIFY ON TABLE ks.t', 'SELECT ON TABLE ks.t'], { count: 5 }),
      use(['EXECUTE ON FUNCTION ks.f(int,text)']),
      use(['CREATE ON ALL TABLES IN KEYSPACE ks']),
      use(['ALTER ON TABLE "Ks"."T"']),
    ];
    const expected = [
      'CREATE ON ALL TABLES IN KEYSPACE ks',
      'ALTER ON TABLE "Ks"."T"',
      'SELECT, MODIFY ON TABLE ks.t',
      'EXECUTE ON FUNCTION ks.f(int,text)',
    ];
    expect(suggested(...uses)).toMatchObject({ grants: expected, statements: 9 });
    expect(suggested(...[...uses].reverse()).grants).toEqual(expected);
  });

  it('leave out what every login may read, and what a wider need covers', () => {
    const { grants } = suggested(
      use(['SELECT ON TABLE system_schema.tables']),
      use(['SELECT ON TABLE system.local']),
      use(['SELECT ON TABLE system_traces.sessions']),
      use(['DROP ON KEYSPACE ks']),
      use(['DROP ON TABLE ks.t']),
    );
    expect(grants).toEqual(['DROP ON KEYSPACE ks', 'SELECT ON TABLE system_traces.sessions']);
  });

  it('make keyspaces by prefix, not by ALL KEYSPACES', () => {
    const create = (keyspace: string): Use =>
      use(['CREATE ON ALL KEYSPACES'], { kind: 'CREATE KEYSPACE', keyspace });
    const { grants, alternatives } = suggested(create('ci_2'), create('ci_1'), create('ci_3'));
    expect(grants).toEqual([1, 2, 3].map((n) => `CREATE ON KEYSPACE ci_${n}*`));
    expect(alternatives).toEqual(['CREATE ON KEYSPACE ci_* (3 keyspaces)']);
    // A prefix is written without quotes: what needs them has none.
    expect(suggested(create('Ci')).grants).toEqual(['CREATE ON ALL KEYSPACES']);
  });

  it('offer a keyspace beside its tables where many are used alike', () => {
    const tables = ['a', 'b', 'c'].map((name) => use([`SELECT ON TABLE ks.${name}`]));
    expect(suggested(...tables).alternatives).toEqual(['SELECT ON KEYSPACE ks (3 tables)']);
    expect(suggested(...tables.slice(1)).alternatives).toEqual([]);
  });

  it('are of what was permitted; refusals are told, and of them not without end', () => {
    const refused = (missing: string): Use =>
      use([missing], { isPermitted: false, missing: [missing] });
    const { grants, refused: told } = suggested(
      use(['SELECT ON TABLE ks.t']),
      refused('DROP ON TABLE ks.t'),
      refused('DROP ON TABLE ks.t'),
      use(null, { isPermitted: false, kind: 'TRUNCATE', reason: 'kind_denied' }),
    );
    expect(grants).toEqual(['SELECT ON TABLE ks.t']);
    expect(told).toEqual([
      { what: 'DROP ON TABLE ks.t', count: 2 },
      { what: 'TRUNCATE (kind_denied)', count: 1 },
    ]);
    const many = Array.from({ length: 500 }, (_, n) => refused(`DROP ON TABLE ks.t${n}`));
    expect(suggested(...many).refused).toHaveLength(SUGGEST.denialsListed);
  });

  it('say what no grant was made of', () => {
    const { notes, capabilities } = suggested(
      use(null),
      use(['nonsense']),
      use([], { kind: 'USE', keyspace: 'lonely' }),
      use([], { kind: 'USE', keyspace: 'ks' }),
      use(['SELECT ON TABLE ks.t']),
      use(['ALTER ON TABLE ks.t'], { kind: 'CREATE TRIGGER' }),
    );
    expect(notes).toEqual([
      'USE or DESCRIBE of lonely needs some grant in it, or asCassandra: [keyspaces]',
      '2 statements are left out: their records do not say what they needed',
    ]);
    expect(capabilities).toEqual(['triggers']);
  });

  it('are apart for each binding', () => {
    const found = suggestions(
      gathered(
        use(['SELECT ON TABLE ks.a'], { by: 'x' }),
        use(['SELECT ON TABLE ks.b'], { by: 'y' }),
      ),
    );
    expect(found.map(({ by, grants }) => [by, grants])).toEqual([
      ['x', ['SELECT ON TABLE ks.a']],
      ['y', ['SELECT ON TABLE ks.b']],
    ]);
  });
});

describe('unused grants', () => {
  it('are permissions that no need came under', () => {
    const role = roleDocument({
      grants: [
        'SELECT, MODIFY ON KEYSPACE ks',
        'CREATE, DROP ON KEYSPACE ci_*',
        'SELECT ON TABLE ks.t',
      ],
    });
    const gathering = gathered(
      use(['SELECT ON TABLE ks.a']),
      use(['CREATE ON ALL KEYSPACES'], { kind: 'CREATE KEYSPACE', keyspace: 'ci_1' }),
    );
    expect(unusedGrants(role, gathering)).toEqual([
      "MODIFY of 'SELECT, MODIFY ON KEYSPACE ks'",
      "DROP of 'CREATE, DROP ON KEYSPACE ci_*'",
      "SELECT of 'SELECT ON TABLE ks.t'",
    ]);
    expect(unusedGrants(role, new Map())).toHaveLength(5);
  });
});
