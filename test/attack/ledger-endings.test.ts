// Whichever way a request ends that was decided and written ahead, the ledger says what became of it: once.
// The ledger and the client are all that is looked at.
import { afterEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { wallMs } from '../../src/clock.ts';
import { Ledger } from '../../src/audit/ledger.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { LEDGER } from '../../src/limits/audit.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { decodePrepared } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { newRevocation, Revocations, type Revocation } from '../../src/revocation/revocations.ts';
import { LaneTicket } from '../../src/fleet/ddl-lane.ts';
import { Route } from '../../src/upstream/route.ts';
import { LedgerDisk } from '../support/ledger-disk.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

const ROLES = {
  one: {
    grants: [
      'SELECT, MODIFY, CREATE, ALTER, DROP ON KEYSPACE orders',
      'SELECT ON KEYSPACE system_views',
    ],
  },
};
const CHANGE = 'ALTER TABLE orders.t ADD c int';
const INSERT = 'INSERT INTO orders.t (k) VALUES (1)';
const IDS: Record<string, Buffer> = {
  [CHANGE]: Buffer.alloc(16, 1),
  [INSERT]: Buffer.alloc(16, 2),
};
const CHANGED = new Writer()
  .writeInt(5)
  .writeString('UPDATED')
  .writeString('TABLE')
  .writeString('orders')
  .writeString('t')
  .toBuffer();
const refusal = (code: number): Buffer => new Writer().writeInt(code).writeString('no').toBuffer();
const prepared = (id: Buffer): Buffer =>
  new Writer()
    .writeInt(4)
    .writeShortBytes(id)
    .writeInt(0)
    .writeInt(0)
    .writeInt(0)
    .writeInt(4)
    .writeInt(0)
    .toBuffer();

let gate: ScriptedGate;
let disk: LedgerDisk;
const clients: RawClient[] = [];
let isClosed = false;

/** Set for each test: what the node does with the statement in question. */
let onStatement: (request: ScriptedRequest) => Promise<void> | void;

async function start(config: Record<string, unknown>): Promise<void> {
  isClosed = false;
  closing = vi.spyOn(Ledger.prototype, 'close');
  revoked = vi.spyOn(Revocations.prototype, 'find');
  disk = new LedgerDisk();
  disk.attach();
  const cluster = await ScriptedCluster.start(['dc1']);
  cluster.script = (request) => {
    if (request.opcode === Opcode.PREPARE) {
      request.answer(Opcode.RESULT, prepared(isRows ? IDS[INSERT]! : IDS[CHANGE]!));
    } else if (
      request.opcode === Opcode.EXECUTE ||
      request.opcode === Opcode.BATCH ||
      request.text === CHANGE ||
      request.text === INSERT
    ) {
      disk.trace.push('upstream');
      void onStatement(request);
    } else return false;
    return true;
  };
  const limits = { auditWaitMs: 600, schemaTimeoutMs: 700, writeTimeoutMs: 700 };
  gate = await ScriptedGate.start(ROLES, { limits, ...config }, cluster);
}

async function stop(): Promise<void> {
  isClosed = true;
  await gate.stop();
}

afterEach(async () => {
  disk.recover();
  for (const client of clients.splice(0)) client.close();
  await gate.close();
  vi.restoreAllMocks();
});

async function login(claims: Record<string, unknown> = {}): Promise<RawClient> {
  const { RawClient: Client } = await import('../support/raw-client.ts');
  const client = await Client.login(gate.port, 'one', gate.files.issuer.mint(claims));
  clients.push(client);
  return client;
}

let isRows = false;
let closing: MockInstance<Ledger['close']>;
/** Called at each login, with its principal. */
let revoked: MockInstance<Revocations['find']>;

/** Ways of sending the same statement. */
const SENDS: Record<
  string,
  (client: RawClient, text: string) => Promise<() => Promise<Frame | null>>
> = {
  QUERY: async (client, text) => Promise.resolve(async () => client.query(text)),
  EXECUTE: async (client, text) => {
    const id = decodePrepared((await client.prepare(text))!, 4).id;
    return async () => client.execute(id);
  },
};

interface Way {
  /** What the client reads; null: it is gone. */
  readonly code: number | 'result' | null;
  readonly status: string;
  readonly errorCode?: string;
  readonly before?: (client: RawClient) => Promise<void> | void;
  /** Runs once the request was sent. */
  readonly during?: (client: RawClient) => Promise<void> | void;
  readonly node?: (request: ScriptedRequest) => Promise<void> | void;
  readonly reachesNode: boolean;
}

const decided = async (): Promise<void> => {
  await expect.poll(() => disk.ledger!.room.usedBytes, { timeout: 5_000 }).toBeGreaterThan(0);
  // The decision is in the queue, and the disk does not take it.
  await expect.poll(() => disk.ledger!.queuedBytes, { timeout: 5_000 }).toBeGreaterThan(0);
};
const stuck = (): void => {
  disk.state = 'stuck';
};

const WAYS: Record<string, Way> = {
  answered: {
    code: 'result',
    status: 'ok',
    node: ({ answer }) => answer(Opcode.RESULT, CHANGED),
    reachesNode: true,
  },
  'answered by an error': {
    code: CqlErrorCode.INVALID,
    status: 'error',
    errorCode: '0x2200',
    node: ({ answer }) => answer(Opcode.ERROR, refusal(CqlErrorCode.INVALID)),
    reachesNode: true,
  },
  'without an answer in time': {
    code: CqlErrorCode.WRITE_TIMEOUT,
    status: 'timeout',
    node: () => undefined,
    reachesNode: true,
  },
  'with its connection': {
    code: CqlErrorCode.WRITE_TIMEOUT,
    status: 'unknown',
    node: (request) => request.close(),
    reachesNode: true,
  },
  'by an answer that cannot be handled': {
    code: CqlErrorCode.SERVER_ERROR,
    status: 'unknown',
    node: ({ answer }) =>
      answer(Opcode.RESULT, new Writer().writeInt(5).writeString('U').toBuffer()),
    reachesNode: true,
  },
  'by an ERROR without a code': {
    code: CqlErrorCode.SERVER_ERROR,
    status: 'unknown',
    node: ({ answer }) => answer(Opcode.ERROR, Buffer.alloc(1)),
    reachesNode: true,
  },
  'denied on the second decision, by a new policy': {
    code: CqlErrorCode.UNAUTHORIZED,
    status: 'error',
    before: stuck,
    during: async () => {
      await decided();
      await gate.files.writePolicy({ one: { grants: ['SELECT ON KEYSPACE orders'] } });
      await gate.logged(/policy taken/);
      disk.recover();
    },
    reachesNode: false,
  },
  'unbound by a new policy': {
    code: CqlErrorCode.UNAUTHORIZED,
    status: 'error',
    before: stuck,
    during: async () => {
      await decided();
      await gate.files.writePolicy({ two: { grants: ['SELECT ON KEYSPACE orders'] } });
      await gate.logged(/policy taken/);
      disk.recover();
    },
    reachesNode: false,
  },
  'with the ledger that turned unwritable in between': {
    code: CqlErrorCode.OVERLOADED,
    status: 'error',
    before: stuck,
    during: decided,
    reachesNode: false,
  },
  'with its client, which is gone while it waits': {
    code: null,
    status: 'error',
    before: stuck,
    during: async (client) => {
      await decided();
      client.close();
      await new Promise((resolve) => setTimeout(resolve, 100));
      disk.recover();
    },
    reachesNode: false,
  },
  'with its client, which is gone before the answer': {
    code: null,
    status: 'ok',
    node: async (request) => {
      for (const client of clients) client.close();
      await new Promise((resolve) => setTimeout(resolve, 100));
      request.answer(Opcode.RESULT, CHANGED);
    },
    reachesNode: true,
  },
  'with the gate, which shuts down': {
    code: null,
    status: 'unknown',
    node: () => void stop(),
    reachesNode: true,
  },
  'with the gate, which shuts down before it was sent': {
    code: null,
    status: 'error',
    before: stuck,
    during: async (client) => {
      await decided();
      void stop();
      await expect.poll(() => client.closed).toBe(true);
      // What waits for the disk then is the end of the ledger.
      await expect.poll(() => closing).toHaveBeenCalled();
      disk.recover();
    },
    reachesNode: false,
  },
  'when its token expires while it waits': {
    code: CqlErrorCode.UNAUTHORIZED,
    status: 'error',
    before: stuck,
    during: async () => {
      await decided();
      const now = Date.now.bind(Date);
      vi.spyOn(Date, 'now').mockImplementation(() => now() + DAY_MS);
      disk.recover();
    },
    reachesNode: false,
  },
  'when its token is revoked while it waits': {
    code: CqlErrorCode.UNAUTHORIZED,
    status: 'error',
    before: stuck,
    during: async () => {
      await decided();
      const [principal] = revoked.mock.lastCall!;
      const revocations = revoked.mock.contexts.at(-1) as Revocations;
      const asked = { issuer: null, reason: 'leaked', revokedBy: 'somebody' };
      const what = { what: 'token', value: principal.tokenSha256 } as const;
      revocations.add([newRevocation({ ...asked, ...what }, wallMs()) as Revocation]);
      disk.recover();
    },
    reachesNode: false,
  },
  'when the lock of the fleet was lost while it waited': {
    code: CqlErrorCode.OVERLOADED,
    status: 'error',
    before: stuck,
    during: async () => {
      await decided();
      vi.spyOn(LaneTicket.prototype, 'isHeld', 'get').mockReturnValue(false);
      disk.recover();
    },
    reachesNode: false,
  },
  'by an error of ours before it was sent': {
    code: CqlErrorCode.SERVER_ERROR,
    status: 'error',
    before: stuck,
    during: async () => {
      await decided();
      vi.spyOn(Route.prototype, 'pick').mockImplementation(() => {
        throw new Error('an error of ours');
      });
      disk.recover();
    },
    reachesNode: false,
  },
};
const DAY_MS = 24 * 3_600_000;

describe('a schema change that was written ahead', () => {
  const cases = Object.keys(WAYS).flatMap((way) => Object.keys(SENDS).map((how) => [way, how]));

  it.each(cases)('ends %s (%s), and the ledger has its outcome', async (name, how) => {
    isRows = false;
    const way = WAYS[name]!;
    onStatement = way.node ?? (({ answer }) => answer(Opcode.RESULT, CHANGED));
    const waitMs = name.includes('unwritable') ? 600 : 8_000;
    await start({ limits: { auditWaitMs: waitMs, schemaTimeoutMs: 700, drainTimeoutMs: 1 } });
    const client = await login();
    const send = await SENDS[how]!(client, CHANGE);
    await disk.ledger!.flush();
    disk.trace.length = 0;
    await way.before?.(client);
    const answer = send();
    await way.during?.(client);
    const frame = await answer;
    if (way.code === 'result') expect(frame!.opcode).toBe(Opcode.RESULT);
    else if (way.code === null) await expect.poll(() => client.closed).toBe(true);
    else expect(errorOf(frame)?.code).toBe(way.code);
    disk.recover();
    const all = async (): Promise<any[]> => await gate.files.records();
    const outcomes = async () => (await all()).filter(({ kind }) => kind === 'outcome');
    await expect.poll(async () => (await outcomes()).length, { timeout: 5_000 }).toBe(1);
    const records = await all();
    const decisions = records.filter(
      ({ kind, decision }) => kind === 'decision' && decision.result === 'permit',
    );
    expect(decisions).toHaveLength(1);
    const [outcome] = await outcomes();
    expect(outcome).toMatchObject({
      of: decisions[0].id,
      outcome: { status: way.status, error_code: way.errorCode ?? null },
    });
    // The fsync of the decision returned before the first byte of the change went upstream.
    if (way.reachesNode) {
      expect(disk.trace.indexOf('synced')).toBeGreaterThanOrEqual(0);
      expect(disk.trace.indexOf('synced')).toBeLessThan(disk.trace.indexOf('upstream'));
    } else expect(disk.trace).not.toContain('upstream');
    // Nothing stays kept for it.
    if (!isClosed) {
      await disk.ledger!.flush();
      await expect.poll(() => disk.ledger!.room.usedBytes, { timeout: 5_000 }).toBe(0);
      expect((await verifyLedger(`${gate.files.dir}/audit`)).result).toBe('intact');
    }
  });
});

describe('a change that was let through, and got no turn', () => {
  it('has its outcome and keeps no room, for a lane that is full', async () => {
    isRows = false;
    const held: ScriptedRequest[] = [];
    onStatement = (request) => void held.push(request);
    await start({ limits: { ddlLaneQueue: 1, schemaTimeoutMs: 20_000 } });
    const all = [await login(), await login(), await login()];
    const answers = all.map(async (client) => client.query(CHANGE));
    await expect.poll(() => held.length).toBe(1);
    const refused = await Promise.race(answers);
    expect(errorOf(refused)?.code).toBe(CqlErrorCode.OVERLOADED);
    for (let i = 0; i < 2; i++) {
      await expect.poll(() => held.length).toBe(1);
      held.shift()!.answer(Opcode.RESULT, CHANGED);
    }
    await Promise.all(answers);
    await disk.ledger!.flush();
    const outcomes = (await gate.files.records()).filter(({ kind }: any) => kind === 'outcome');
    const statuses = outcomes.map(({ outcome }: any) => outcome.status);
    expect(statuses.sort()).toEqual(['error', 'ok', 'ok']);
    expect(disk.ledger!.room.usedBytes).toBe(0);
  });

  it('is not refused for the ledger because it waited for its turn', async () => {
    isRows = false;
    const held: ScriptedRequest[] = [];
    onStatement = (request) => void held.push(request);
    await start({ limits: { auditWaitMs: 1_500, schemaTimeoutMs: 20_000 } });
    const [first, second] = [await login(), await login()];
    const before = first.query(CHANGE);
    await expect.poll(() => held.length).toBe(1);
    // It waits for room, and then for the lane, for longer than it may wait for the ledger.
    const { room } = disk.ledger!;
    const share = room.share('one');
    room.take(share, LEDGER.queueBytes);
    const answer = second.query(CHANGE);
    await expect.poll(() => room.waiting).toBe(1);
    room.give(share, LEDGER.queueBytes);
    room.serve();
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    held.shift()!.answer(Opcode.RESULT, CHANGED);
    await before;
    await expect.poll(() => held.length, { timeout: 5_000 }).toBe(1);
    held.shift()!.answer(Opcode.RESULT, CHANGED);
    expect((await answer)?.opcode).toBe(Opcode.RESULT);
  });

  it('keeps no room, for addresses that are not told', async () => {
    isRows = true;
    await start({ audit: { dir: 'audit', dml: 'all' } });
    const client = await login();
    const answer = await client.query('SELECT * FROM system_views.clients');
    expect(errorOf(answer)?.code).toBe(CqlErrorCode.INVALID);
    await disk.ledger!.flush();
    expect(disk.ledger!.room.usedBytes).toBe(0);
  });
});

describe('a write under `dml: all`', () => {
  const ROWS: Record<string, (client: RawClient) => Promise<() => Promise<Frame | null>>> = {
    QUERY: async (client) => SENDS['QUERY']!(client, INSERT),
    EXECUTE: async (client) => SENDS['EXECUTE']!(client, INSERT),
    BATCH: async (client) => Promise.resolve(async () => client.batch([INSERT, INSERT])),
  };
  const names = [
    'answered by an error',
    'without an answer in time',
    'with its connection',
    'with its client, which is gone before the answer',
    'with the gate, which shuts down',
  ];
  const cases = names.flatMap((way) => Object.keys(ROWS).map((how) => [way, how]));

  it.each(cases)('ends %s (%s), and the ledger has it', async (name, how) => {
    isRows = true;
    const way = WAYS[name]!;
    onStatement = way.node!;
    await start({
      audit: { dir: 'audit', dml: 'all' },
      limits: { writeTimeoutMs: 700, drainTimeoutMs: 1 },
    });
    const client = await login();
    const frame = await (await ROWS[how]!(client))();
    if (typeof way.code === 'number') expect(errorOf(frame)?.code).toBe(way.code);
    const rows = async () =>
      (await gate.files.records()).filter(
        ({ kind, outcome }) => kind === 'decision' && outcome !== undefined,
      );
    const count = how === 'BATCH' ? 2 : 1;
    await expect.poll(async () => (await rows()).length, { timeout: 5_000 }).toBe(count);
    for (const { outcome } of await rows()) expect(outcome.status).toBe(way.status);
    if (!isClosed) {
      await disk.ledger!.flush();
      await expect.poll(() => disk.ledger!.room.usedBytes, { timeout: 5_000 }).toBe(0);
    }
  });
});
