// Two gates that tell drivers of each other: both are used, and one that is stopped goes without a request
// that fails.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { auth, Client } from 'cassandra-driver';
import { Frame } from '../../src/protocol/frame.ts';
import { decodeEvent } from '../../src/protocol/messages/event.ts';
import { encodeRegister } from '../../src/protocol/messages/register.ts';
import { decodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { freePort } from '../support/cassandra.ts';
import { TestGate } from '../support/gate.ts';
import { startIssuer, type LocalIssuer } from '../support/issuer.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { missingForPython, runScenario } from '../support/python.ts';
import { RawClient } from '../support/raw-client.ts';

const HOSTS = ['127.0.1.1', '127.0.1.2'] as const;
const DRAIN_TIMEOUT_MS = 3_000;

describe.skipIf(noNode)('a fleet', () => {
  let issuer: LocalIssuer;
  let port: number;
  let gates: TestGate[] = [];

  beforeAll(async () => {
    issuer = await startIssuer();
    const superuser = await direct();
    await superuser.execute('DROP KEYSPACE IF EXISTS fleet');
    await superuser.execute(
      "CREATE KEYSPACE fleet WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.execute('CREATE TABLE fleet.t (k int PRIMARY KEY, v text)');
    await superuser.shutdown();
  });

  beforeEach(async () => {
    port = await freePort(HOSTS[0]);
    gates = await Promise.all(HOSTS.map(async (host) => start(host)));
  });

  afterEach(async () => {
    await Promise.all(gates.map(async (gate) => gate.close()));
    gates = [];
  });

  afterAll(async () => {
    await issuer?.close();
  });

  /** Its list of peers is the same at all. */
  const start = async (host: string, peers: readonly string[] = HOSTS) =>
    TestGate.start({
      contactPoint,
      issuer,
      roles: { job: { grants: ['SELECT, MODIFY ON KEYSPACE fleet'] } },
      config: {
        listen: { host, port },
        advertise: { host, port, peers: peers.map((peer) => `${peer}:${port}`) },
        limits: { drainTimeoutMs: DRAIN_TIMEOUT_MS },
      },
    });

  const raw = async (host: string, version = 4) =>
    RawClient.login(port, 'job', issuer.mint(), version, {}, host);

  const row = async (host: string, query: string): Promise<Record<string, string | undefined>> => {
    const client = await raw(host);
    const { columns, rows } = decodeRows((await client.query(query))!, 4);
    client.close();
    expect(rows).toHaveLength(1);
    return Object.fromEntries(
      columns.map(({ name }, i) => [name, rows[0]![i]?.toString('latin1')]),
    );
  };

  it('is told the same by each: host ids, tokens, all that drivers read, after a restart too', async () => {
    const [first, second] = HOSTS;
    const local = await row(first, 'SELECT * FROM system.local');
    for (const table of ['peers', 'peers_v2']) {
      const peer = await row(second, `SELECT * FROM system.${table}`);
      const same = [
        'host_id',
        'tokens',
        'data_center',
        'rack',
        'release_version',
        'schema_version',
      ];
      for (const column of same) {
        expect([column, peer[column]]).toEqual([column, local[column]]);
        expect(peer[column]).toBeDefined();
      }
      const address = Buffer.from([127, 0, 1, 1]).toString('latin1');
      for (const column of ['peer', table === 'peers' ? 'rpc_address' : 'native_address']) {
        expect([column, peer[column]]).toEqual([column, address]);
      }
    }
    await gates[0]!.stop();
    await gates[0]!.launch();
    const again = await row(first, 'SELECT * FROM system.local');
    expect([again['host_id'], again['tokens']]).toEqual([local['host_id'], local['tokens']]);
  });

  /** Works with 32 requests at once until it is told to stop. */
  async function work(client: Client, until: { done: boolean }) {
    const byHost = new Map<string, number>();
    const failed: unknown[] = [];
    const one = async (first: number): Promise<void> => {
      for (let k = first; !until.done; k += 32) {
        try {
          const { info } = await client.execute('SELECT v FROM fleet.t WHERE k = ?', [k % 1000], {
            prepare: true,
            // It believes no DOWN and sends on until its connection ends, and then, as with a node that
            // is stopped, repeats only what is idempotent.
            isIdempotent: true,
          });
          const host = info.queriedHost;
          byHost.set(host, (byHost.get(host) ?? 0) + 1);
        } catch (error) {
          failed.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: 32 }, async (_unused, first) => one(first)));
    return { byHost, failed };
  }

  const seconds = async (n: number) => new Promise((resolve) => setTimeout(resolve, n * 1000));

  const driver = async (contact: string): Promise<Client> => {
    const client = new Client({
      contactPoints: [contact],
      // It reads system.peers, which has no ports: one for all.
      protocolOptions: { port },
      localDataCenter: 'datacenter1',
      authProvider: new auth.PlainTextAuthProvider('job', issuer.mint()),
    });
    await client.connect();
    return client;
  };

  it.each([
    ['its control connection leads to', 0],
    ['it only works with', 1],
  ] as const)(
    'loses no request of the Node driver when a gate goes that %s',
    async (_name, going) => {
      const client = await driver(HOSTS[0]);
      const before = { done: false };
      const both = work(client, before);
      await seconds(2);
      before.done = true;
      const { byHost, failed } = await both;
      expect(failed).toEqual([]);
      const total = [...byHost.values()].reduce((sum, n) => sum + n, 0);
      for (const host of HOSTS) {
        expect((byHost.get(`${host}:${port}`) ?? 0) / total).toBeGreaterThan(0.35);
      }

      const during = { done: false };
      const working = work(client, during);
      await seconds(1);
      await gates[going]!.stop('SIGTERM');
      during.done = true;
      expect((await working).failed).toEqual([]);

      const after = { done: false };
      const rest = work(client, after);
      await seconds(1);
      after.done = true;
      const last = await rest;
      expect(last.failed).toEqual([]);
      expect([...last.byHost.keys()]).toEqual([`${HOSTS[1 - going]}:${port}`]);
      await client.shutdown();
    },
  );

  it.skipIf(missingForPython() !== null).each([4, 5])(
    'loses no request of the Python driver in v%i when a gate goes',
    async (version) => {
      const target = {
        host: HOSTS[0],
        port,
        username: 'job',
        password: issuer.mint(),
        version,
        compression: '' as const,
        seconds: 10,
      };
      const working = runScenario('work', target, 'fleet.py');
      await gates[0]!.record(({ kind }) => kind === 'session_start', 20_000);
      await seconds(3);
      await gates[1]!.stop('SIGTERM');
      const { hosts, by_host, late, failed, tokens } = await working;
      expect(failed).toEqual([]);
      expect(hosts.map(([endpoint]: string[]) => endpoint)).toEqual(
        HOSTS.map((host) => `${host}:${port}`),
      );
      expect(tokens).toBe(32);
      expect(by_host[`${HOSTS[1]}:${port}`]).toBeGreaterThan(100);
      expect(Object.keys(late)).toEqual([`${HOSTS[0]}:${port}`]);
    },
  );

  describe('that goes', () => {
    const registered = async (events: ('STATUS_CHANGE' | 'SCHEMA_CHANGE')[], version: number) => {
      const client = await raw(HOSTS[0], version);
      await client.request(Opcode.REGISTER, encodeRegister(events));
      return client;
    };

    it.each([4, 5])('says so once to whom asked, by its own address, in v%i', async (version) => {
      const asked = await registered(['STATUS_CHANGE'], version);
      const other = await registered(['SCHEMA_CHANGE'], version);
      const stopped = gates[0]!.stop('SIGTERM');
      const event = await asked.next();
      expect(event).toBeInstanceOf(Frame);
      expect(event!.streamId).toBe(-1);
      expect(decodeEvent(event!)).toEqual({
        type: 'STATUS_CHANGE',
        change: 'DOWN',
        address: Buffer.from([127, 0, 1, 1]),
        port,
      });
      // Served on meanwhile, and closed in the end.
      expect((await asked.query('SELECT * FROM fleet.t'))!.opcode).toBe(Opcode.RESULT);
      expect(await asked.next()).toBeNull();
      expect(await other.next()).toBeNull();
      await stopped;
    });

    it('says nothing where its address is shared', async () => {
      await gates[0]!.close();
      gates[0] = await start(HOSTS[0], []);
      const client = await registered(['STATUS_CHANGE'], 4);
      const stopped = gates[0].stop('SIGTERM');
      expect(await client.next()).toBeNull();
      await stopped;
    });
  });
});
