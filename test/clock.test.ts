// The wall clock is set, by a minute and by an hour, back and forward, while things wait: each wait is as long as
// before. The table has one row for each kind of wait; those of sessions before a whole gate are in
// session/clock-steps.test.ts.
import { generateKeyPairSync } from 'node:crypto';
import type * as timers from 'node:timers/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Room } from '../src/audit/room.ts';
import {
  earliest,
  later,
  latest,
  LONG_AGO,
  monotonicMs,
  msBetween,
  NEVER,
  wallMs,
} from '../src/clock.ts';
import { NO_KEYSPACE } from '../src/cql/connection-state.ts';
import { FailureDelays } from '../src/identity/failure-delays.ts';
import { issuerOf } from '../src/identity/issuers.ts';
import { KeySet } from '../src/identity/jwks.ts';
import { ADMISSION, JWKS } from '../src/limits/identity.ts';
import { LANE } from '../src/limits/fleet.ts';
import { SECRETS } from '../src/limits/services.ts';
import { UPSTREAM } from '../src/limits/upstream.ts';
import { WORKERS } from '../src/limits/process.ts';
import { Metrics } from '../src/metrics/metrics.ts';
import type { OutboundClient } from '../src/outbound/client.ts';
import { Opcode } from '../src/protocol/opcodes.ts';
import { Revocations } from '../src/revocation/revocations.ts';
import { leaseReader } from '../src/secrets/leases.ts';
import { hasEnded, type Lease, type Login } from '../src/secrets/upstream-login.ts';
import { Logins } from '../src/secrets/logins.ts';
import { SecretSource } from '../src/secrets/source.ts';
import type { VaultClient } from '../src/secrets/vault-client.ts';
import { VaultSession } from '../src/secrets/vault-session.ts';
import { Seldom } from '../src/session/seldom.ts';
import { PasswordGuard } from '../src/sidecar/password-guard.ts';
import { Connection } from '../src/upstream/connection.ts';
import { ControlConnection } from '../src/upstream/control-connection.ts';
import { Credentials } from '../src/upstream/credentials.ts';
import { CqlErrorCode } from '../src/protocol/error-codes.ts';
import { DdlLane, LaneTicket } from '../src/fleet/ddl-lane.ts';
import { dialPlain } from '../src/upstream/dial.ts';
import { UpstreamFault } from '../src/upstream/faults.ts';
import { LockTable } from '../src/fleet/fleet-lock.ts';
import { ClusterNode } from '../src/upstream/node.ts';
import { ConnectionBudget } from '../src/upstream/connection-budget.ts';
import { RevocationFeed } from '../src/fleet/revocation-feed.ts';
import type { RevocationTable } from '../src/fleet/revocation-table.ts';
import { ANYWHERE } from '../src/upstream/connection-criteria.ts';
import { OwnQueries } from '../src/upstream/own-query.ts';
import { Route } from '../src/upstream/route.ts';
import { SchemaAgreement } from '../src/upstream/schema-agreement.ts';
import { Pause } from '../src/vcs/pause.ts';
import { Primary } from '../src/workers/primary.ts';
import { Worker } from '../src/workers/worker.ts';
import { prometheusRegistry } from '../src/admin/prometheus.ts';
import { errorMessage, rowsMessage } from './support/own-answers.ts';
import { FakePort } from './support/ports.ts';
import { answerAsCluster } from './support/scripted-cluster.ts';
import { ScriptedNode } from './support/scripted-node.ts';

// These would run on by the machine's own time.
vi.mock('node:timers/promises', async (original) => ({
  ...(await original<typeof timers>()),
  setTimeout: async (ms: number, value: unknown) =>
    new Promise((resolve) => setTimeout(() => resolve(value), ms)),
}));

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const STEPS: readonly (readonly [string, number])[] = [
  ['an hour back', -HOUR],
  ['a minute back', -MINUTE],
  ['a minute forward', MINUTE],
  ['an hour forward', HOUR],
];

/** Something that waits, from now on. */
interface Wait {
  /** How long, where nobody sets a clock. */
  readonly ms: number;
  readonly isOver: () => boolean | Promise<boolean>;
  /** What its owner does a few times a second. */
  readonly tick?: () => void;
}

const LOGIN: Login = { name: 'ci', open: false, username: 'ci', password: 'pw' };
const DIAL = dialPlain(MINUTE);
const TURN = { key: 'role', owner: null };

let closing: (() => unknown)[];
let node: ScriptedNode;

beforeEach(async () => {
  closing = [];
  node = await ScriptedNode.start();
  closing.push(async () => node.close());
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
  vi.stubEnv('CQLGATE_TEST_VAULT_TOKEN', 'a token');
  // Without jitter each wait has one length.
  vi.spyOn(Math, 'random').mockReturnValue(0);
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closing.reverse()) {
    const closed = close();
    await settled();
    await vi.advanceTimersByTimeAsync(SECRETS.revokeTimeoutMs);
    await closed;
  }
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** What is on its way between two sockets of this process arrives. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await nextTurn();
}

async function pass(ms: number, tick?: () => void): Promise<void> {
  const slices = 8;
  for (let i = 0; i < slices; i++) {
    await vi.advanceTimersByTimeAsync(ms / slices);
    tick?.();
    await settled();
  }
}

async function opened(): Promise<Connection> {
  const connection = await Connection.open({
    host: '127.0.0.1',
    port: node.port,
    dial: DIAL,
    version: 4,
    login: LOGIN,
    compression: null,
    onClosed: () => undefined,
    onIdle: () => undefined,
  });
  closing.push(() => connection.destroy(new UpstreamFault('unreachable', 'the test is over')));
  return connection;
}

function clusterNode(): ClusterNode {
  const row = {
    hostId: '1',
    native: { host: '127.0.0.1', port: node.port },
    addresses: [],
    datacenter: 'dc1',
    rack: 'r1',
    releaseVersion: '5.0.9',
    tokens: [],
  };
  return new ClusterNode(row, row.native);
}

function routeBy(dial = DIAL): Route {
  const route = new Route({
    dial,
    version: 4,
    login: LOGIN,
    compression: null,
    connections: 1,
    budget: new ConnectionBudget(100),
    onFault: () => undefined,
    onRefused: async () => Promise.resolve(false),
  });
  closing.push(() => route.close());
  return route;
}

/** Whether a promise came to its end. */
function ended(promise: Promise<unknown>): () => boolean {
  let isOver = false;
  const end = (): void => void (isOver = true);
  promise.then(end, end);
  return () => isOver;
}

const appliedRow = () => rowsMessage(['[applied]'], [Buffer.from([1])]);

/** The fleet's lock, taken once, after which the table can't be reached. */
async function lockTaken() {
  let answers = 1;
  const table = new LockTable(
    'cqlgate',
    new OwnQueries(async () => {
      await Promise.resolve();
      if (answers-- > 0) return appliedRow();
      throw new UpstreamFault('unreachable', 'the control connection is down');
    }),
    { shared: () => undefined, lost: () => undefined },
  );
  const held = (await table.acquire('ddl ks', later(monotonicMs(), 10_000)))!;
  closing.push(() => void held.release());
  return { table, held };
}

const LEASE_MS = HOUR;
const leaseLengthMs = (): number => LEASE_MS - SECRETS.leaseMarginMs;

/** A Vault that gives leases of an hour and renews them by an hour. */
function leasing() {
  const asked: string[] = [];
  const token = { endsAtMs: NEVER };
  const session = {
    token: async () => Promise.resolve(token),
    ask: async (path: string) => {
      asked.push(path);
      return Promise.resolve({
        leaseId: 'l',
        leaseMs: LEASE_MS,
        isRenewable: true,
        data: { username: 'u', password: 'p' },
        token,
      });
    },
  } as unknown as VaultSession;
  return { asked, reader: leaseReader(session, 'database/creds/x', 1_000 * HOUR) };
}

const IGNORED = { failed: () => undefined, changed: () => undefined };

const ROWS: readonly (readonly [room: string, wait: string, begin: () => Promise<Wait> | Wait])[] =
  [
    [
      'upstream',
      'an answer to a question of the gate',
      async () => {
        const connection = await opened();
        node.script = () => true;
        const ms = 1_000;
        const isOver = ended(connection.request(Opcode.OPTIONS, null, ms));
        return { ms, isOver, tick: () => connection.tick(monotonicMs()) };
      },
    ],
    [
      'upstream',
      'until a silent connection is suspected',
      async () => {
        const connection = await opened();
        node.script = () => true;
        void ended(connection.request(Opcode.OPTIONS, null, 10_000));
        const tick = (): void => connection.tick(monotonicMs());
        return { ms: UPSTREAM.suspectAfterMs, isOver: () => connection.isSuspect, tick };
      },
    ],
    [
      'upstream',
      'until an idle connection is asked for a sign of life',
      async () => {
        const connection = await opened();
        node.script = () => true;
        const tick = (): void => connection.tick(monotonicMs());
        return { ms: UPSTREAM.heartbeatIdleMs, isOver: () => connection.inFlight > 0, tick };
      },
    ],
    [
      'upstream',
      'for a connection',
      () => {
        const route = routeBy();
        const isOver = ended(route.whenAvailable(ANYWHERE));
        return { ms: UPSTREAM.acquireTimeoutMs, isOver, tick: () => route.tick(monotonicMs()) };
      },
    ],
    [
      'upstream',
      'until the next attempt to connect',
      async () => {
        let dials = 0;
        const route = routeBy(() => {
          dials++;
          throw new UpstreamFault('unreachable', 'refused');
        });
        route.setNodes([[clusterNode()]]);
        await settled();
        const before = dials;
        const tick = (): void => route.tick(monotonicMs());
        return { ms: UPSTREAM.reconnectMinMs / 2, isOver: () => dials > before, tick };
      },
    ],
    [
      'upstream',
      'until a connection that nobody needs is closed',
      async () => {
        const route = routeBy();
        route.setNodes([[clusterNode()]]);
        const bare = route.whenAvailable({ ...ANYWHERE, keyspace: NO_KEYSPACE });
        await settled();
        const one = await bare;
        const tick = (): void => route.tick(monotonicMs());
        return { ms: UPSTREAM.extraConnectionIdleMs, isOver: () => !one.isReady, tick };
      },
    ],
    [
      'upstream',
      'for what is in flight at a node that left',
      async () => {
        const route = routeBy();
        route.setNodes([[clusterNode()]]);
        const got = route.whenAvailable(ANYWHERE);
        await settled();
        const connection = await got;
        node.script = ({ opcode }) => opcode === Opcode.REGISTER;
        void ended(connection.request(Opcode.REGISTER, null, HOUR));
        route.setNodes([]);
        const tick = (): void => route.tick(monotonicMs());
        return { ms: UPSTREAM.retiredPoolMs, isOver: () => !connection.isReady, tick };
      },
    ],
    [
      'upstream',
      'until a refused login is tried again',
      async () => {
        let login: Login = { ...LOGIN };
        let tries = 0;
        const credentials = new Credentials({
          sources: new Map([
            ['ci', { current: () => login, refresh: async () => Promise.resolve(login) }],
          ]),
          moveTo: async () => {
            tries++;
            return Promise.reject(new UpstreamFault('login_refused', 'no'));
          },
          moved: () => undefined,
          fault: () => undefined,
        });
        credentials.of('ci');
        login = { ...LOGIN };
        const tick = (): void => credentials.tick(monotonicMs());
        tick();
        await settled();
        return { ms: UPSTREAM.rotationRetryMinMs, isOver: () => tries > 1, tick };
      },
    ],
    [
      'upstream',
      'until the nodes are read anew',
      async () => {
        node.script = answerAsCluster;
        let reads = 0;
        const control = new ControlConnection({
          candidates: () => [{ host: '127.0.0.1', port: node.port }],
          dial: DIAL,
          login: () => LOGIN,
          freshLogin: async () => Promise.resolve(null),
          allowUntested: false,
          unmasks: () => true,
          listener: {
            schemaChanged: () => undefined,
            resynchronised: () => undefined,
            nodesRead: async () => {
              reads++;
              return Promise.resolve();
            },
            nodeChanged: () => undefined,
            fault: () => undefined,
          },
        });
        closing.push(() => control.close());
        await control.start();
        const before = reads;
        const tick = (): void => control.tick(monotonicMs());
        return { ms: UPSTREAM.topologyRefreshMs, isOver: () => reads > before, tick };
      },
    ],
    [
      'upstream',
      'for the nodes to agree on the schema',
      () => {
        const agreement = new SchemaAgreement({
          witnesses: () => [],
          heard: async () => Promise.resolve(null),
        });
        return { ms: 10_000, isOver: ended(agreement.reached(10_000)) };
      },
    ],
    [
      'fleet',
      'for the lock of the fleet',
      async () => {
        const { table } = await lockTaken();
        const ms = 10_000;
        return { ms, isOver: ended(table.acquire('ddl other', later(monotonicMs(), ms))) };
      },
    ],
    [
      'fleet',
      'until a lock of the fleet that is not renewed is no longer believed',
      async () => {
        const { held } = await lockTaken();
        return { ms: LANE.lockTtlSeconds * 1000 - LANE.marginMs, isOver: () => !held.isHeld };
      },
    ],
    [
      'fleet',
      'until an absent table of locks is looked for again',
      async () => {
        const queries: string[] = [];
        const table = new LockTable(
          'cqlgate',
          new OwnQueries(async (query) => {
            queries.push(query);
            const isSchema = query.includes('system_schema');
            return Promise.resolve(isSchema ? rowsMessage([]) : errorMessage(CqlErrorCode.INVALID));
          }),
          { shared: () => undefined, lost: () => undefined },
        );
        const ask = async () => table.acquire('ddl ks', later(monotonicMs(), 1_000));
        await ask();
        const before = queries.length;
        return {
          ms: LANE.absentPollMs,
          isOver: () => queries.length > before,
          tick: () => void ask(),
        };
      },
    ],
    [
      'fleet',
      'until other gates get their turn in the lane',
      async () => {
        let locks = 0;
        const lane = new DdlLane({
          queue: 10,
          waitMs: HOUR,
          lock: {
            acquire: async () => {
              locks++;
              return Promise.resolve({ isHeld: true, release: async () => Promise.resolve() });
            },
          },
        });
        const inside: LaneTicket[] = [];
        const enter = (): void =>
          void lane
            .enter('ks', 'exclusive', () => false, TURN)
            .then((ticket) => {
              if (ticket instanceof LaneTicket) inside.push(ticket);
            });
        enter();
        await settled();
        // One change after the other, with the next one always there.
        const tick = (): void => {
          enter();
          inside.shift()?.leave();
        };
        return { ms: LANE.turnMs + LANE.yieldMs, isOver: () => locks > 1, tick };
      },
    ],
    [
      'fleet',
      'since what is revoked was last read',
      async () => {
        let reads = 0;
        const table = {
          read: async () => (reads++ === 0 ? Promise.resolve([]) : new Promise<never>(() => {})),
        } as unknown as RevocationTable;
        const feed = new RevocationFeed(table, new Revocations(), {
          shared: () => undefined,
          failed: () => undefined,
        });
        await feed.start();
        closing.push(() => feed.close());
        return { ms: MINUTE, isOver: () => feed.ageSeconds! >= 60 };
      },
    ],
    [
      'identity',
      'until an issuer is asked again',
      async () => {
        let asked = 0;
        const outbound = {
          ask: async () => {
            asked++;
            return Promise.reject(new Error('down'));
          },
        } as unknown as OutboundClient;
        const keys = new KeySet(issuer(), outbound, monotonicMs, {
          withdrawn: () => undefined,
          failed: () => undefined,
        });
        const find = (): void => void ended(keys.find('k', 'ES256'));
        find();
        await settled();
        return { ms: JWKS.coolDownMs, isOver: () => asked > 1, tick: find };
      },
    ],
    [
      'identity',
      'until the keys of an issuer are old',
      async () => {
        const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k' };
        const outbound = {
          ask: async () => Promise.resolve({ status: 200, json: { keys: [jwk] } }),
        } as unknown as OutboundClient;
        const keys = new KeySet(issuer(), outbound, monotonicMs, {
          withdrawn: () => undefined,
          failed: () => undefined,
        });
        await keys.prefetch();
        expect(keys.isAtHand('k', 'ES256')).toBe(true);
        return { ms: JWKS.refreshMs, isOver: () => !keys.isAtHand('k', 'ES256') };
      },
    ],
    [
      'identity',
      'until the failures of a source are forgotten',
      () => {
        const delays = new FailureDelays();
        for (let i = 0; i <= ADMISSION.freeFailures; i++) delays.failed('10.0.0.1');
        return { ms: ADMISSION.forgetMs, isOver: () => delays.delayMs('10.0.0.1') === 0 };
      },
    ],
    [
      'vcs',
      'until Bitbucket is asked again',
      () => {
        const pause = new Pause({ random: () => 0 });
        pause.failed(monotonicMs(), 'limit', 20_000);
        return { ms: 20_000, isOver: () => pause.leftMs === 0 };
      },
    ],
    [
      'secrets',
      'until a refused secret is read again',
      async () => {
        let reads = 0;
        const reader = {
          read: async () => {
            reads++;
            const fields = { username: 'u', password: 'p', sinceMs: null, lease: null };
            return Promise.resolve({ ...fields, againInMs: null });
          },
          usernames: () => [],
        };
        const source = new SecretSource('ci', reader, IGNORED);
        closing.push(async () => source.close());
        await source.start();
        await source.refresh();
        const before = reads;
        const tick = (): void => void source.refresh();
        return { ms: SECRETS.refreshCoolDownMs, isOver: () => reads > before, tick };
      },
    ],
    [
      'secrets',
      'for a Vault that is away at the start',
      async () => {
        const logins = await Logins.create({
          specs: { ci: { vault: { path: 'database/creds/ci' } } },
          vault: {
            address: 'http://127.0.0.1:1',
            auth: { token: { env: 'CQLGATE_TEST_VAULT_TOKEN' } },
          },
          base: '/',
          maxSecretAgeMs: HOUR,
          startTimeoutMs: 10_000,
          listener: { ...IGNORED, vaultFailed: () => undefined },
        });
        closing.push(async () => logins.close());
        return { ms: 10_000, isOver: ended(logins.start()) };
      },
    ],
    [
      'secrets',
      'until a lease ends',
      async () => {
        const { reader } = leasing();
        const { lease } = await reader.read('due');
        const login: Login = { ...LOGIN, lease: lease as Lease };
        return { ms: leaseLengthMs(), isOver: () => hasEnded(login, monotonicMs()) };
      },
    ],
    [
      'secrets',
      'until a lease was renewed twice',
      async () => {
        const { asked, reader } = leasing();
        const source = new SecretSource('ci', reader, IGNORED);
        closing.push(async () => source.close());
        await source.start();
        const ms = 2 * leaseLengthMs() * SECRETS.renewAfterShare;
        return { ms, isOver: () => asked.filter((path) => path.endsWith('renew')).length === 2 };
      },
    ],
    [
      'secrets',
      'until a token of Vault is replaced',
      async () => {
        let made = 0;
        const client = {
          ask: async () => {
            made++;
            return Promise.resolve({ data: { ttl: HOUR / 1000, renewable: false } });
          },
          close: async () => Promise.resolve(),
        } as unknown as VaultClient;
        const auth = { token: { env: 'CQLGATE_TEST_VAULT_TOKEN' } };
        const session = new VaultSession({ client, auth, base: '/', onFault: () => undefined });
        closing.push(async () => session.close());
        await session.token();
        const tick = (): void => void session.token();
        return { ms: HOUR * SECRETS.renewAfterShare, isOver: () => made > 1, tick };
      },
    ],
    [
      'audit',
      'for room in the ledger',
      () => {
        const room = new Room(0, () => true);
        const share = room.share('role');
        room.take(share, 1 << 30);
        return { ms: 5_000, isOver: ended(room.keepWithin(share, 1, false, 5_000)) };
      },
    ],
    [
      'session',
      'until a repeated warning is logged again',
      () => {
        const seldom = new Seldom(MINUTE);
        let told = 0;
        const tick = (): void => seldom.tell(() => told++);
        tick();
        return { ms: MINUTE, isOver: () => told > 1, tick };
      },
    ],
    [
      'workers',
      'for a lock that another worker holds',
      async () => {
        const { workers } = await workerGroup();
        const none = { acquire: async () => Promise.resolve(null) };
        const [one, two] = workers.map((worker) => worker.lock(none));
        const first = one!.acquire('ddl ks', later(monotonicMs(), 1_000));
        await settled();
        await first;
        return { ms: 5_000, isOver: ended(two!.acquire('ddl ks', later(monotonicMs(), 5_000))) };
      },
    ],
    [
      'workers',
      'until a worker that ended is replaced',
      async () => {
        const { processes } = await workerGroup();
        processes[1]!.end(1);
        return { ms: WORKERS.restartMinMs, isOver: () => processes.length > 2 };
      },
    ],
    [
      'sidecar',
      'until wrong passwords are forgotten',
      async () => {
        const guard = new PasswordGuard('right');
        const sources = ['uid 1', 'uid 2'];
        for (let i = 0; i <= ADMISSION.freeFailures; i++) {
          for (const source of sources) await guard.check(source, Buffer.of());
        }
        // Whoever is slowed waits for a timer; whoever is not is answered in the same turn.
        const isOver = async (): Promise<boolean> => {
          const isChecked = ended(guard.check(sources.shift()!, Buffer.from('right')));
          await settled();
          return isChecked();
        };
        return { ms: ADMISSION.forgetMs, isOver };
      },
    ],
  ];

function issuer() {
  return issuerOf({
    name: 'ci',
    type: 'oidc',
    issuer: 'https://issuer.example.com',
    jwksUri: 'https://issuer.example.com/keys',
    audience: 'gate',
    algorithms: ['ES256'],
  });
}

/** A primary and two workers, all up. */
async function workerGroup() {
  const processes: FakePort[] = [];
  const workers: Worker[] = [];
  const errors: Readonly<Record<string, unknown>>[] = [];
  const metrics = new Metrics();
  const primary = new Primary({
    config: { file: 'cqlgate.yaml', content: '' },
    workers: 2,
    fork: (number) => {
      const [process, own] = FakePort.pair();
      processes.push(process);
      workers.push(new Worker(number, own, () => undefined));
      return process;
    },
    log: {
      info: () => undefined,
      warn: () => undefined,
      error: (fields) => errors.push(fields),
    },
    metrics,
    registry: prometheusRegistry(metrics),
  });
  const started = primary.start();
  workers[0]!.up();
  await settled();
  await started;
  workers[1]!.up();
  await settled();
  return { processes, workers, errors };
}

describe.each(STEPS)('while the wall clock is set %s', (_step, stepMs) => {
  it.each(ROWS)('%s: the wait %s is as long as before', async (_room, _wait, begin) => {
    const { ms, isOver, tick } = await begin();
    await pass(0.45 * ms, tick);
    vi.setSystemTime(Date.now() + stepMs);
    await pass(0.45 * ms, tick);
    expect(await isOver()).toBe(false);
    await pass(0.2 * ms, tick);
    await settled();
    expect(await isOver()).toBe(true);
  });

  it.each([
    ['soon', WORKERS.steadyMs * 0.8, WORKERS.restartMinMs * 2],
    ['late', WORKERS.steadyMs * 1.2, WORKERS.restartMinMs],
  ])(
    'workers: one that ended %s again is told from one that did not',
    async (_when, livedMs, waitMs) => {
      const { processes, errors } = await workerGroup();
      processes[1]!.end(1);
      await vi.advanceTimersByTimeAsync(WORKERS.restartMinMs);
      await pass(livedMs / 2);
      vi.setSystemTime(Date.now() + stepMs);
      await pass(livedMs / 2);
      processes[2]!.end(1);
      expect(errors.at(-1)).toMatchObject({ worker: 2, restart_in_ms: waitMs });
    },
  );
});

describe('moments', () => {
  it('of two clocks do not mix', () => {
    const [wall, monotonic] = [wallMs(), monotonicMs()];
    // @ts-expect-error: of two clocks.
    expect(msBetween(monotonic, wall)).toBeTypeOf('number');
    // @ts-expect-error: of two clocks.
    expect(wall < monotonic).toBeTypeOf('boolean');
    // @ts-expect-error: of two clocks.
    expect(earliest(wall, monotonic)).toBeTypeOf('number');
    // @ts-expect-error: a moment is no number.
    expect(wall - 1).toBeTypeOf('number');
    // @ts-expect-error: a duration is no moment.
    expect(monotonic < 60_000).toBeTypeOf('boolean');
    // @ts-expect-error: nor is a time in milliseconds.
    expect(later(Date.now(), 1)).toBeTypeOf('number');
  });

  it('of one clock are ordered', () => {
    const nowMs = monotonicMs();
    expect(LONG_AGO < nowMs && nowMs < NEVER).toBe(true);
    expect(msBetween(nowMs, later(nowMs, 5))).toBe(5);
    expect(earliest(nowMs, later(nowMs, 5))).toBe(nowMs);
    expect(latest(nowMs, later(nowMs, 5))).toBe(later(nowMs, 5));
    expect(msBetween(LONG_AGO, nowMs)).toBe(Infinity);
  });
});
