// Applications that make their own schema, in five languages, unmodified: through a gate they make what they make
// straight at the node, as roles that may do no more than docs/MIGRATING.md tells.
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGate, type TestRole } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { SCHEMA_TOOLS, type SchemaTool } from '../support/schema-tools.ts';
import { isSkipped } from '../support/tools.ts';

/** The first build of each, on a busy machine. */
const BUILD_MS = 900_000;

type Use = 'gate' | 'straight' | 'refused';

const keyspaceOf = ({ name }: SchemaTool, use: Use): string =>
  `${name.toLowerCase().replaceAll(/\W/g, '')}_${use}`;

const KEYSPACES = SCHEMA_TOOLS.flatMap((tool) =>
  (['gate', 'straight', 'refused'] as const).map((use) => keyspaceOf(tool, use)),
);

/** Each is called as its keyspace; the last of each tool lacks what its schema needs. */
const ROLES: Record<string, TestRole> = Object.fromEntries(
  SCHEMA_TOOLS.flatMap((tool) => {
    const { permissions, tables = {} } = tool;
    const made = keyspaceOf(tool, 'gate');
    const refused = keyspaceOf(tool, 'refused');
    const less = permissions.filter((permission) => permission !== 'CREATE');
    const grantsOf = (some: readonly string[], keyspace: string): string[] => [
      `${some.join(', ')} ON KEYSPACE ${keyspace}`,
      ...Object.entries(tables).map(([table, words]) => `${words} ON TABLE ${keyspace}.${table}`),
    ];
    return [
      [made, { grants: grantsOf(permissions, made) }],
      [refused, { grants: grantsOf(less, refused) }],
    ];
  }),
);

describe.skipIf(noNode)('through a gate', () => {
  let gate: TestGate;
  let superuser: Client;

  beforeAll(async () => {
    superuser = await direct();
    for (const name of KEYSPACES) {
      await superuser.execute(`DROP KEYSPACE IF EXISTS ${name}`);
      await superuser.execute(
        `CREATE KEYSPACE ${name} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
      );
    }
    gate = await TestGate.start({ contactPoint, roles: ROLES });
  });

  afterAll(async () => {
    await gate?.close();
    for (const name of KEYSPACES) await superuser?.execute(`DROP KEYSPACE IF EXISTS ${name}`);
    await superuser?.shutdown();
  });

  const as = (keyspace: string) => ({
    port: gate.port,
    username: keyspace,
    password: gate.issuer.mint(),
    keyspace,
  });

  /** Every statement that makes the keyspace, in the order of their texts, without its name. */
  async function schemaOf(keyspace: string): Promise<string[]> {
    const { rows } = await superuser.execute(`DESCRIBE KEYSPACE ${keyspace}`);
    return rows
      .map((row) => String(row['create_statement']).replaceAll(keyspace, 'KEYSPACE'))
      .sort();
  }

  const changesBy = async (role: string): Promise<number> =>
    (await gate.records()).filter(
      (record) => record.role === role && (record.outcome?.schema_change ?? null) !== null,
    ).length;

  for (const tool of SCHEMA_TOOLS) {
    describe.skipIf(isSkipped(tool.name, tool.needs))(`${tool.name} ${tool.release}`, () => {
      beforeAll(async () => {
        await tool.prepare();
      }, BUILD_MS);

      it('makes what it makes straight at the node, and nothing the second time', async () => {
        const keyspace = keyspaceOf(tool, 'gate');
        const target = as(keyspace);
        const first = await tool.make(target);
        expect(first).toMatchObject({ code: 0, output: expect.stringMatching(tool.done) });
        expect(first.output).not.toContain(target.password);

        const straight = keyspaceOf(tool, 'straight');
        const port = Number(contactPoint.split(':')[1]);
        const login = { username: 'cassandra', password: 'cassandra' };
        expect(await tool.make({ port, ...login, keyspace: straight })).toMatchObject({ code: 0 });
        const schema = await schemaOf(keyspace);
        expect(schema.length).toBeGreaterThan(1);
        expect(schema).toEqual(await schemaOf(straight));

        await expect.poll(async () => changesBy(keyspace)).toBeGreaterThan(0);
        const changes = await changesBy(keyspace);
        const second = await (tool.again ?? tool.make)(target);
        expect(second).toMatchObject({ code: 0, output: expect.stringMatching(tool.done) });
        expect(await schemaOf(keyspace)).toEqual(schema);
        expect(await changesBy(keyspace)).toBe(changes);
      });

      it('says what is missing where it may not create, and makes nothing', async () => {
        const keyspace = keyspaceOf(tool, 'refused');
        const target = as(keyspace);
        const refused = await tool.make(target);
        expect(refused.code).not.toBe(0);
        expect(refused.output).toContain(
          `Role ${keyspace} has no CREATE ON ALL TABLES IN KEYSPACE ${keyspace}`,
        );
        expect(refused.output).not.toContain(target.password);
        expect(await schemaOf(keyspace)).toHaveLength(1);
      });
    });
  }
});
