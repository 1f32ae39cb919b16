// Parallel schema changes through gates before the real node: one after the other, within a gate and
// between the gates of a fleet, and a gate that dies holds nobody up for long.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from 'cassandra-driver';
import { LANE } from '../../src/limits/fleet.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { ownKeyspaceStatements } from '../../src/fleet/own-keyspace.ts';
import { TestGate, type GateOptions } from '../support/gate.ts';
import {
  contactPoint,
  direct,
  failure,
  freeze,
  nodeErrors,
  noNode,
  thaw,
  through,
} from '../support/nodes.ts';
import { RawClient } from '../support/raw-client.ts';
import { changeTogether, isOneAfterTheOther } from '../support/schema-jobs.ts';
import { decodePrepared } from '../../src/protocol/messages/result.ts';
import { decodeError } from '../../src/protocol/messages/error.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';

const OWN = {
  name: 'cqlgate',
  replication: { class: 'SimpleStrategy', replication_factor: 1 },
} as const;

let admin: Client;
const gates: TestGate[] = [];
const clients: Client[] = [];

async function gateOf(options: Partial<GateOptions> = {}): Promise<TestGate> {
  const gate = await TestGate.start({
    contactPoint,
    roles: { migrator: { grants: ['CREATE, ALTER, DROP, SELECT, MODIFY ON KEYSPACE lane'] } },
    ...options,
    config: { cluster: { contactPoints: [contactPoint], keyspace: OWN }, ...options.config },
  });
  gates.push(gate);
  return gate;
}

async function clientOf(gate: TestGate): Promise<Client> {
  const client = await through(gate);
  clients.push(client);
  return client;
}

/** The ledger groups its writes, so outcomes come a moment later. */
async function outcomesOf(of: readonly TestGate[], count: number): Promise<any[]> {
  const found = async () =>
    (await Promise.all(of.map(async (gate) => gate.records())))
      .flat()
      .filter(({ kind }) => kind === 'outcome');
  await expect.poll(async () => (await found()).length).toBe(count);
  return found();
}

const create = async (client: Client, table: string) =>
  client.execute(`CREATE TABLE lane.${table} (k int PRIMARY KEY)`);

async function makeOwnKeyspace(): Promise<void> {
  for (const statement of ownKeyspaceStatements(OWN)) await admin.execute(statement);
}

/** As another gate would have it that changes the schema. */
async function lockByAnother(): Promise<void> {
  await makeOwnKeyspace();
  await admin.execute(
    "INSERT INTO cqlgate.locks (name, owner) VALUES ('ddl lane', 'another gate') USING TTL 60",
  );
}

/** A transaction as those of gates: a plain write beside them may be older than what it is to end. */
async function unlockByAnother(): Promise<void> {
  await admin.execute("DELETE FROM cqlgate.locks WHERE name = 'ddl lane' IF EXISTS");
}

async function tables(): Promise<string[]> {
  const { rows } = await admin.execute(
    "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'lane'",
  );
  return rows.map((row) => String(row['table_name']));
}

describe.skipIf(noNode)('schema changes', () => {
  beforeAll(async () => {
    admin = await direct();
    await admin.execute('DROP KEYSPACE IF EXISTS cqlgate');
    await admin.execute(
      "CREATE KEYSPACE lane WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(async (client) => client.shutdown()));
    await Promise.all(gates.splice(0).map(async (gate) => gate.close()));
    await admin.execute('DROP KEYSPACE IF EXISTS cqlgate');
  });

  afterAll(async () => {
    await admin.execute('DROP KEYSPACE lane');
    await admin.shutdown();
  });

  it('of many jobs are made one after the other, and each is recorded with its schema', async () => {
    const gate = await gateOf();
    const jobs = await Promise.all(Array.from({ length: 8 }, async () => clientOf(gate)));
    await Promise.all(jobs.map(async (job, i) => create(job, `many${i}`)));
    const outcomes = await outcomesOf([gate], 8);
    expect(outcomes.every(({ outcome }) => outcome.schema_agreed)).toBe(true);
    expect(outcomes.every(({ upstream }) => upstream.node === contactPoint)).toBe(true);
    // One at a time: each began with the schema that the one before left.
    const records = (await gate.records()).filter(
      ({ kind, statement }) => kind !== 'session_start' && statement?.kind === 'CREATE TABLE',
    );
    expect(records.map(({ kind }) => kind)).toEqual(
      Array.from({ length: 16 }, (_unused, i) => (i % 2 === 0 ? 'decision' : 'outcome')),
    );
    for (let i = 1; i < outcomes.length; i++) {
      expect(outcomes[i].outcome.schema_version_before).toBe(
        outcomes[i - 1].outcome.schema_version_after,
      );
    }
    await gate.logged(/no table of locks/);
  });

  it.each([1, 2])(
    'of twenty jobs through %d gates all succeed, one after the other',
    async (count) => {
      if (count > 1) await makeOwnKeyspace();
      const first = await gateOf();
      const rest = await Promise.all(
        Array.from({ length: count - 1 }, async () => gateOf({ issuer: first.issuer })),
      );
      const all = [first, ...rest];
      const twenty = await Promise.all(
        Array.from({ length: 20 }, async (_unused, i) => clientOf(all[i % count]!)),
      );
      const errorsBefore = await nodeErrors();
      await changeTogether(twenty, 'lane', `of${count}gates`);
      expect(await nodeErrors()).toEqual(errorsBefore);
      const made = (await tables()).filter((name) => name.startsWith(`of${count}gates`));
      expect(made).toHaveLength(21);
      // Of CREATE IF NOT EXISTS only the first changed anything.
      await expect
        .poll(
          async () =>
            (await Promise.all(all.map(async (one) => one.records())))
              .flat()
              .filter(({ outcome }) => outcome?.schema_change).length,
        )
        .toBe(61);
      const records = (await Promise.all(all.map(async (one) => one.records()))).flat();
      expect(isOneAfterTheOther(records)).toBe(true);
    },
  );

  it('that find the lane full, or wait too long, are told so, and nothing was sent', async () => {
    const gate = await gateOf({ config: { limits: { ddlLaneQueue: 1, ddlLaneWaitMs: 1_000 } } });
    const [one, two, three] = await Promise.all([1, 2, 3].map(async () => clientOf(gate)));
    // The first change of all asks for the table of locks, which a node that hangs would not answer.
    await create(one!, 'earlier');
    await freeze();
    try {
      const first = create(one!, 'held');
      await delay(300);
      const second = failure(create(two!, 'late'));
      await delay(300);
      const third = await failure(create(three!, 'too_many'));
      expect(third.code).toBe(CqlErrorCode.OVERLOADED);
      expect(third.message).toMatch(/1 schema changes of keyspace lane wait already.*ddlLaneQueue/);
      const late = await second;
      expect(late.code).toBe(CqlErrorCode.OVERLOADED);
      expect(late.message).toMatch(/waited 1 s for its turn.*1 were before it.*ddlLaneWaitMs/);
      thaw();
      await first;
    } finally {
      thaw();
    }
    const names = await tables();
    expect(names).not.toContain('late');
    expect(names).not.toContain('too_many');
    const outcomes = await outcomesOf([gate], 4);
    expect(outcomes.filter(({ outcome }) => outcome.status === 'error')).toHaveLength(2);
  });

  it('that a node refuses let the next one in at once', async () => {
    const gate = await gateOf();
    const client = await clientOf(gate);
    await create(client, 'twice');
    const startedAtMs = Date.now();
    for (let i = 0; i < 5; i++) {
      expect((await failure(create(client, 'twice'))).code).toBe(CqlErrorCode.ALREADY_EXISTS);
    }
    expect(Date.now() - startedAtMs).toBeLessThan(3_000);
  });

  it('of two gates wait for each other', async () => {
    await makeOwnKeyspace();
    const one = await gateOf();
    const two = await gateOf({ issuer: one.issuer });
    const jobs = await Promise.all(
      Array.from({ length: 8 }, async (_unused, i) => clientOf(i % 2 === 0 ? one : two)),
    );
    await Promise.all(jobs.map(async (job, i) => create(job, `fleet${i}`)));
    await one.logged(/wait for those of the other gates/);
    // Over both gates each change began with the schema that another left.
    const outcomes = (await outcomesOf([one, two], 8)).map(({ outcome }) => outcome);
    const before = outcomes.map(({ schema_version_before: version }) => version);
    const after = outcomes.map(({ schema_version_after: version }) => version);
    expect(new Set(before).size).toBe(8);
    expect(after.filter((version) => !before.includes(version))).toHaveLength(1);
    const { rows } = await admin.execute('SELECT * FROM cqlgate.locks');
    expect(rows).toEqual([]);
  });

  it('go on when the gate that had the lock was killed, after its time to live', async () => {
    await makeOwnKeyspace();
    const one = await gateOf();
    const two = await gateOf({ issuer: one.issuer });
    const doomed = await Promise.all([1, 2, 3].map(async () => through(one)));
    const other = await clientOf(two);
    let ended = false;
    // So many that the lock is held all the time.
    const work = doomed.map(async (client, i) => {
      for (let n = 0; !ended; n++) {
        await create(client, `doomed${i}_${n}`).catch(() => {
          ended = true;
        });
      }
    });
    await delay(1_500);
    await one.stop('SIGKILL');
    await Promise.all(work);
    for (const client of doomed) void client.shutdown();
    expect((await admin.execute('SELECT * FROM cqlgate.locks')).rowLength).toBe(1);
    const startedAtMs = Date.now();
    await create(other, 'survivor');
    expect(Date.now() - startedAtMs).toBeGreaterThan(1_000);
    expect(Date.now() - startedAtMs).toBeLessThan((LANE.lockTtlSeconds + 3) * 1_000);
  });

  it('say whose lock it is that they wait for, and that nothing was changed', async () => {
    const gate = await gateOf({ config: { limits: { ddlLaneWaitMs: 1_500 } } });
    const client = await clientOf(gate);
    await lockByAnother();
    const refused = await failure(create(client, 'locked'));
    expect(refused.code).toBe(CqlErrorCode.OVERLOADED);
    expect(refused.message).toMatch(/another gate of the fleet is changing.*Nothing was changed/);
    expect(await tables()).not.toContain('locked');
  });

  it('wait when they are executed, not when they are prepared', async () => {
    const gate = await gateOf({ config: { limits: { ddlLaneWaitMs: 1_500 } } });
    await lockByAnother();
    const raw = await RawClient.login(gate.port, 'oidc', gate.issuer.mint());
    const startedAtMs = Date.now();
    const prepared = await raw.prepare('CREATE TABLE lane.by_id (k int PRIMARY KEY)');
    expect(Date.now() - startedAtMs).toBeLessThan(1_000);
    expect(prepared?.opcode).toBe(Opcode.RESULT);
    const { id } = decodePrepared(prepared!, 4);
    expect(decodeError((await raw.execute(id))!).message).toMatch(/another gate of the fleet/);
    await unlockByAnother();
    expect((await raw.execute(id))?.opcode).toBe(Opcode.RESULT);
    expect(await tables()).toContain('by_id');
    raw.socket.destroy();
  });

  it('are decided again when it is their turn', async () => {
    const gate = await gateOf();
    const client = await clientOf(gate);
    await lockByAnother();
    const refused = failure(create(client, 'no_more'));
    await delay(500);
    await gate.writePolicy({ migrator: { grants: ['SELECT ON KEYSPACE lane'] } });
    await gate.logged(/policy taken/);
    await unlockByAnother();
    const { code, message } = await refused;
    expect(code).toBe(CqlErrorCode.UNAUTHORIZED);
    expect(message).toMatch(/CREATE/);
    expect(await tables()).not.toContain('no_more');
    // It was not decided on disk as something that is made.
    const records = await gate.records();
    expect(
      records.some(
        ({ kind, decision, statement }) =>
          kind === 'decision' && decision.result === 'permit' && /no_more/.test(statement.text),
      ),
    ).toBe(false);
  });

  it('and TRUNCATE wait for each other; roles do not', async () => {
    const gate = await gateOf({
      roles: {
        migrator: {
          grants: [
            'CREATE, ALTER, DROP, SELECT, MODIFY ON KEYSPACE lane',
            'CREATE, DROP ON ALL ROLES',
          ],
        },
      },
    });
    const client = await clientOf(gate);
    await admin.execute('CREATE TABLE IF NOT EXISTS lane.stock (k int PRIMARY KEY)');
    await admin.execute('INSERT INTO lane.stock (k) VALUES (1)');
    await lockByAnother();
    let isEmptied = false;
    const truncated = client.execute('TRUNCATE lane.stock').then(() => {
      isEmptied = true;
    });
    await client.execute('CREATE ROLE lane_role');
    await client.execute('DROP ROLE lane_role');
    await delay(500);
    expect(isEmptied).toBe(false);
    await unlockByAnother();
    await truncated;
    expect((await admin.execute('SELECT k FROM lane.stock')).rowLength).toBe(0);
  });

  it('give the lock back when the gate is stopped right after', async () => {
    await makeOwnKeyspace();
    const gate = await gateOf();
    const client = await clientOf(gate);
    await create(client, 'last');
    await gate.stop();
    expect((await admin.execute('SELECT * FROM cqlgate.locks')).rowLength).toBe(0);
  });

  it('are refused where the table of locks is closed to the gate: others may be using it', async () => {
    await makeOwnKeyspace();
    await admin.execute("CREATE ROLE lane_gate WITH PASSWORD = 'pw' AND LOGIN = true");
    await admin.execute('GRANT ALL ON KEYSPACE lane TO lane_gate');
    // Without this one no gate starts.
    await admin.execute('GRANT SELECT ON TABLE cqlgate.revocations TO lane_gate');
    try {
      const gate = await gateOf({ username: 'lane_gate', password: 'pw' });
      const client = await clientOf(gate);
      const refused = await failure(create(client, 'unguarded'));
      expect(refused.code).toBe(CqlErrorCode.OVERLOADED);
      expect(refused.message).toMatch(/cqlgate.locks is there, but the gate may not use it/);
      await admin.execute('GRANT SELECT, MODIFY ON KEYSPACE cqlgate TO lane_gate');
      // Nodes keep permissions for a while.
      await expect
        .poll(async () => create(client, 'guarded').then(() => 'made', String), { timeout: 20_000 })
        .toBe('made');
    } finally {
      await admin.execute('DROP ROLE lane_gate');
    }
  });

  it('of a client that went away leave the lane', async () => {
    const gate = await gateOf({ config: { limits: { ddlLaneQueue: 2 } } });
    const [one, two, three] = await Promise.all([1, 2, 3].map(async () => clientOf(gate)));
    await freeze();
    try {
      const first = create(one!, 'first');
      await delay(200);
      const gone = failure(create(two!, 'gone'));
      await delay(200);
      await two!.shutdown();
      const third = create(three!, 'third');
      await delay(200);
      thaw();
      await Promise.all([first, gone, third]);
    } finally {
      thaw();
    }
    const names = await tables();
    expect(names).toContain('third');
    expect(names).not.toContain('gone');
  });
});
