// Two tenants on the same connections to a real node: whatever one of them left a connection in, a statement of the
// other means what it was decided as. All kinds of statements by all ways of sending, and the attacks that got through.
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { STATEMENT_KINDS, type StatementKind } from '../../src/cql/statement.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { CQL } from '../../src/limits/cql.ts';
import { responsePrefix } from '../../src/protocol/body-prefix.ts';
import { FrameFlag, type Frame } from '../../src/protocol/frame.ts';
import { decodePrepared, decodeRows, rowsLayout } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate, type TestRole } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { fingerprint, kindCases, makeKeyspace } from '../support/statement-kinds.ts';

const A = 'state_a';
const B = 'state_b';
const OWN_ROLES = ['guest', 'group', 'old_group', 'old', 'new', 'user'];

function tenant(ks: string): TestRole {
  return {
    grants: [
      `ALL ON KEYSPACE ${ks}`,
      `AUTHORIZE ON KEYSPACE ${ks}`,
      `CREATE, ALTER, DROP ON KEYSPACE ${ks}*`,
      `ALL ON ALL FUNCTIONS IN KEYSPACE ${ks}`,
      'CREATE, DROP, DESCRIBE ON ALL ROLES',
      ...OWN_ROLES.map((role) => `ALTER, DROP, AUTHORIZE, DESCRIBE ON ROLE ${ks}_${role}`),
    ],
    capabilities: ['triggers', 'identities', 'superuser'],
  };
}

/** A gate whose sessions all share one connection. */
async function startGate(): Promise<TestGate> {
  return TestGate.start({
    contactPoint,
    roles: {
      tenant_a: tenant(A),
      tenant_b: tenant(B),
      all_seeing: { grants: ['SELECT ON ALL KEYSPACES'] },
    },
    config: { cluster: { contactPoints: [contactPoint], connectionsPerPool: 1 } },
  });
}

const nodePort = (): number => Number(contactPoint.split(':')[1]);

function idOf(frame: Frame | null, version: number): Buffer {
  expect(errorOf(frame)).toBeNull();
  return Buffer.from(decodePrepared(frame!, version).id);
}

/** The cells of a column as texts. */
function column(frame: Frame | null, version: number, name: string): string[] {
  expect(errorOf(frame)).toBeNull();
  const { columns, rows } = decodeRows(frame!, version);
  const at = columns.findIndex((one) => one.name === name);
  return [...new Set(rows.map((row) => String(row[at])))];
}

const tells = (frame: Frame | null, name: string): boolean => frame!.bytes().includes(name);

let superuser: Client;

beforeAll(async () => {
  if (noNode) return;
  superuser = await direct();
  for (const ks of [A, B]) await makeKeyspace(superuser, ks);
  for (const ks of [A, B])
    await superuser.execute(`CREATE TABLE IF NOT EXISTS ${ks}.only_${ks} (k int PRIMARY KEY)`);
});

afterAll(async () => {
  await superuser?.shutdown();
});

describe.skipIf(noNode)('43 kinds in four ways, while another works on the same connection', () => {
  const version = 5;
  const cases = kindCases(A);
  let gate: TestGate;
  /** In its keyspace. */
  let a: RawClient;
  /** In none: their requests name the keyspace. */
  let requesting: RawClient;
  let requestingV4: RawClient;
  /** Of the other tenant, in its keyspace, by each version's connection: at work before, and at the same time. */
  let before: RawClient[];
  let beside: RawClient[];

  beforeAll(async () => {
    gate = await startGate();
    a = await RawClient.login(gate.port, 'tenant_a', gate.issuer.mint(), version);
    requesting = await RawClient.login(gate.port, 'tenant_a', gate.issuer.mint(), version);
    requestingV4 = await RawClient.login(gate.port, 'tenant_a', gate.issuer.mint(), 4);
    expect(errorOf(await a.query(`USE ${A}`))).toBeNull();
    const other = async (of: number): Promise<RawClient> => {
      const client = await RawClient.login(gate.port, 'tenant_b', gate.issuer.mint(), of);
      expect(errorOf(await client.query(`USE ${B}`))).toBeNull();
      return client;
    };
    before = [await other(4), await other(5)];
    beside = [await other(4), await other(5)];
  });

  afterAll(async () => {
    for (const client of [a, requesting, requestingV4]) client?.close();
    for (const client of [...(before ?? []), ...(beside ?? [])]) client.close();
    await gate?.close();
  });

  const ways = {
    QUERY: async ({ text }: { text: string }) => a.query(text),
    'PREPARE + EXECUTE': async ({ text }: { text: string }) => {
      const answer = await a.prepare(text);
      if (errorOf(answer) !== null) return answer;
      await otherWorks();
      return a.execute(idOf(answer, version));
    },
    'request keyspace': async ({ text }: { text: string }) =>
      requesting.query(text, { keyspace: A }),
    // The same bit in v4, where the specification does not have it; it shares no connection with v5.
    'request keyspace in v4': async ({ text }: { text: string }) =>
      requestingV4.query(text, { keyspace: A }),
    'BATCH child': async ({ text }: { text: string }) => a.batch([text]),
  };
  type Way = keyof typeof ways;

  /** The other tenant sees its own only, and leaves the connection where that is. */
  async function otherWorks(): Promise<void> {
    for (const client of before) {
      const answer = await client.query('SELECT own FROM t WHERE k = 1');
      expect(column(answer, client.version, 'own')).toEqual([B]);
    }
  }

  /** What the gate itself refuses by a way of sending; null: it goes to the node. */
  function refusal(kind: StatementKind, way: Way): RegExp | null {
    if (way === 'BATCH child') {
      const isRow = kind === 'INSERT' || kind === 'UPDATE' || kind === 'DELETE';
      return isRow ? null : /^only INSERT, UPDATE and DELETE are allowed in a BATCH$/;
    }
    if (!way.startsWith('request keyspace')) return null;
    return kind === 'USE' ? /^USE can not be sent with a keyspace of the request/ : null;
  }

  it.each(
    Object.keys(STATEMENT_KINDS).flatMap((kind) =>
      Object.keys(ways)
        // Of a schema change the version makes no difference that would be worth its time.
        .filter((way) => !way.endsWith('v4') || STATEMENT_KINDS[kind as StatementKind] !== 'schema')
        .map((way) => [kind as StatementKind, way as Way] as const),
    ),
  )('%s by %s', async (kind, way) => {
    const one = cases[kind];
    const [ownBefore, othersBefore] = [
      await fingerprint(superuser, A),
      await fingerprint(superuser, B),
    ];
    await otherWorks();
    const [answer, ...others] = await Promise.all([
      ways[way](one),
      ...beside.map(async (client) => client.query('DESCRIBE TABLES')),
    ]);
    others.forEach((other, i) =>
      expect(column(other, beside[i]!.version, 'keyspace_name')).toEqual([B]),
    );

    const refused = refusal(kind, way) ?? one.refused ?? null;
    if (refused !== null) expect(errorOf(answer)?.message).toMatch(refused);
    else expect(errorOf(answer)).toBeNull();
    expect(tells(answer, B)).toBe(false);
    expect(await fingerprint(superuser, B)).toBe(othersBefore);
    const isChanged = (await fingerprint(superuser, A)) !== ownBefore;
    expect(isChanged).toBe(one.changes && refused === null);
    if (refused === null) {
      const { version: of } = answer!;
      if (kind === 'SELECT') expect(column(answer, of, 'own')).toEqual([A]);
      if (kind === 'DESCRIBE') expect(column(answer, of, 'keyspace_name')).toEqual([A]);
      if (kind === 'LIST PERMISSIONS')
        expect(column(answer, of, 'resource')).toEqual([`<table ${A}.t>`]);
    }
    if (isChanged) for (const text of one.undo ?? []) await superuser.execute(text);
  });

  it('is recorded as what was carried out', async () => {
    const own = (await gate.records()).filter(({ role }) => role === 'tenant_a');
    expect(own.length).toBeGreaterThan(100);
    expect(JSON.stringify(own)).not.toContain(B);
  });
});

describe.skipIf(noNode).each([4, 5])('a connection that is shared, protocol v%i', (version) => {
  let gate: TestGate;
  let a: RawClient;
  let b: RawClient;
  let all: RawClient;

  beforeAll(async () => {
    // The node answers a text that it knows without the one warning of a connection, which so is kept for the EXECUTE.
    const before = await RawClient.login(nodePort(), 'cassandra', 'cassandra');
    await before.query(`USE ${A}`);
    await before.prepare('SELECT k FROM t');
    before.close();
    gate = await startGate();
    a = await RawClient.login(gate.port, 'tenant_a', gate.issuer.mint(), version);
    b = await RawClient.login(gate.port, 'tenant_b', gate.issuer.mint(), version);
    all = await RawClient.login(gate.port, 'all_seeing', gate.issuer.mint(), version);
    expect(errorOf(await b.query(`USE ${B}`))).toBeNull();
  });

  afterAll(async () => {
    for (const client of [a, b, all]) client?.close();
    await gate?.close();
  });

  /** Leaves it in the other tenant's keyspace. */
  const otherWorks = async (): Promise<void> => {
    expect(errorOf(await b.query('SELECT k FROM t'))).toBeNull();
  };
  beforeEach(otherWorks);

  const inOwnKeyspace = async (): Promise<RawClient> => {
    const client = await RawClient.login(gate.port, 'tenant_a', gate.issuer.mint(), version);
    expect(errorOf(await client.query(`USE ${A}`))).toBeNull();
    return client;
  };

  it('warns nobody of the keyspace that another left it in', async () => {
    const client = await inOwnKeyspace();
    const id = idOf(await client.prepare('SELECT k FROM t'), version);
    await otherWorks();
    const answer = await client.execute(id);
    client.close();
    expect(errorOf(answer)).toBeNull();
    expect(answer!.flags & FrameFlag.WARNING).toBe(0);
    expect(tells(answer, B)).toBe(false);
  });

  it('warns nobody of it at a PREPARE either, which Cassandra does again and again in v5', async () => {
    const client = await inOwnKeyspace();
    for (const column of ['own', 'v', 'w']) {
      const text = `SELECT ${column} FROM t WHERE k = ${version}`;
      const answer = version === 5 ? await a.prepare(text, A) : await client.prepare(text);
      expect(errorOf(answer)).toBeNull();
      expect(answer!.flags & FrameFlag.WARNING).toBe(0);
    }
    client.close();
  });

  it('keeps the other warnings of an answer', async () => {
    const client = await inOwnKeyspace();
    const answer = await client.query('SELECT count(*) FROM t');
    client.close();
    expect(errorOf(answer)).toBeNull();
    expect(responsePrefix(answer!).warnings).toEqual([
      'Aggregation query used without partition key',
    ]);
  });

  it('means the same by a text that is long, and analysed elsewhere', async () => {
    const padding = ` /* ${'x'.repeat(CQL.cachedTextLength)} */`;
    const described = await a.query(`DESCRIBE TABLES${padding}`, { keyspace: A });
    expect(column(described, version, 'keyspace_name')).toEqual([A]);
    const listed = await a.query(`LIST ALL PERMISSIONS ON t OF ${A}_guest${padding}`, {
      keyspace: A,
    });
    expect(column(listed, version, 'resource')).toEqual([`<table ${A}.t>`]);
    const everything = await all.query(`DESCRIBE TABLES${padding}`);
    expect(column(everything, version, 'keyspace_name')).toEqual(expect.arrayContaining([A, B]));
  });

  it.each(['GRANT SELECT ON t TO state_a_guest', 'REVOKE MODIFY ON t FROM state_a_guest'])(
    "carries out %s in the request's keyspace, that it was decided in",
    async (text) => {
      const others = await fingerprint(superuser, B);
      const own = await fingerprint(superuser, A);
      expect(errorOf(await a.query(text, { keyspace: A }))).toBeNull();
      expect(await fingerprint(superuser, B)).toBe(others);
      expect(await fingerprint(superuser, A)).not.toBe(own);
      await superuser.execute(`REVOKE SELECT ON ${A}.t FROM ${A}_guest`);
      await superuser.execute(`GRANT MODIFY ON ${A}.t TO ${A}_guest`);
    },
  );

  it("asks for the grant in the request's keyspace, not the session's", async () => {
    const client = await inOwnKeyspace();
    const answer = await client.query('GRANT SELECT ON t TO state_a_guest', { keyspace: B });
    client.close();
    expect(errorOf(answer)?.code).toBe(CqlErrorCode.UNAUTHORIZED);
  });

  it.each(['DESCRIBE TABLES', 'DESCRIBE TABLE t', 'DESCRIBE t', 'DESCRIBE KEYSPACE'])(
    'shows the keyspace that %s was prepared in, or the request names',
    async (text) => {
      const client = await inOwnKeyspace();
      const id = idOf(await client.prepare(text), version);
      await otherWorks();
      const executed = await client.execute(id);
      expect(column(executed, version, 'keyspace_name')).toEqual([A]);
      await otherWorks();
      const requested = await a.query(text, { keyspace: A });
      expect(column(requested, version, 'keyspace_name')).toEqual([A]);
      if (version === 5) {
        const other = idOf(await a.prepare(text, A), version);
        expect(other).toEqual(id);
        await otherWorks();
        expect(column(await a.execute(other), version, 'keyspace_name')).toEqual([A]);
      }
      client.close();
      await gate.record(({ statement }) => statement?.text === text && statement.keyspace === A);
      // Whoever may not see it is not shown it by an id that is somebody else's.
      expect(errorOf(await b.execute(id))?.code).toBe(CqlErrorCode.UNPREPARED);
    },
  );

  it('makes a view by a name of its own only in the keyspace of its session', async () => {
    const text = `CREATE MATERIALIZED VIEW v AS SELECT k FROM ${A}.only_${A} WHERE k IS NOT NULL PRIMARY KEY (k)`;
    expect(errorOf(await a.query(text))?.message).toContain('No keyspace has been specified');
    const client = await inOwnKeyspace();
    await otherWorks();
    expect(errorOf(await client.query(text))).toBeNull();
    await otherWorks();
    expect(errorOf(await client.query('DROP MATERIALIZED VIEW v'))).toBeNull();
    client.close();
  });

  it.each(['TABLES', 'TYPES', 'FUNCTIONS', 'AGGREGATES'])(
    'lists %s of all keyspaces to a session in none, if it may see all',
    async (what) => {
      const text = `DESCRIBE ${what}`;
      const shown = column(await all.query(text), version, 'keyspace_name');
      expect(shown).toEqual(expect.arrayContaining([A, B]));
      const id = idOf(await all.prepare(text), version);
      await otherWorks();
      expect(column(await all.execute(id), version, 'keyspace_name')).toEqual(shown);
      expect(errorOf(await a.query(text))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
      expect(errorOf(await a.prepare(text))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    },
  );

  it('shows a session in no keyspace no ranges of a keyspace', async () => {
    const columns = (frame: Frame | null): number => rowsLayout(frame!, version)!.columnCount;
    expect(columns(await all.query('DESCRIBE CLUSTER'))).toBe(3);
    expect(columns(await all.query('DESCRIBE CLUSTER', { keyspace: A }))).toBe(4);
  });

  it('finds no table by DESCRIBE of a name, from a session in no keyspace', async () => {
    expect(column(await a.query(`DESCRIBE ${A}`), version, 'keyspace_name')).toEqual([A]);
    expect(errorOf(await all.query(`DESCRIBE only_${B}`))?.message).toContain('not found');
  });

  it('hides in the id of a statement that names everything where another works', async () => {
    const text = 'LIST ROLES OF state_a_guest';
    const first = idOf(await a.prepare(text), version);
    await inOwnKeyspace().then(async (client) => {
      await client.query('SELECT k FROM t');
      client.close();
    });
    expect(idOf(await a.prepare(text), version)).toEqual(first);
  });

  it('is joined by one that stays in no keyspace, and by no second in a flood', async () => {
    const open = async (): Promise<number> => {
      const { rows } = await superuser.execute('SELECT * FROM system_views.clients');
      return rows.length;
    };
    await all.query('DESCRIBE TABLES');
    const before = await open();
    const flood = Array.from({ length: 200 }, async () => all.query('DESCRIBE FUNCTIONS'));
    for (const answer of await Promise.all(flood)) expect(answer?.opcode).toBe(Opcode.RESULT);
    expect(await open()).toBe(before);
    // The other tenant was not in its way, nor the flood in the other's.
    await otherWorks();
  });
});
