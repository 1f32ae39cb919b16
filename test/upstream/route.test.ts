// Where requests go before scripted nodes: the least busy, the preferred, the next datacenter, and who
// has to wait for a connection.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { later, monotonicMs, NEVER } from '../../src/clock.ts';
import { NO_KEYSPACE } from '../../src/cql/connection-state.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import type { Connection } from '../../src/upstream/connection.ts';
import { dialPlain } from '../../src/upstream/dial.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { ClusterNode } from '../../src/upstream/node.ts';
import { ConnectionBudget } from '../../src/upstream/connection-budget.ts';
import { ANYWHERE, type ConnectionCriteria } from '../../src/upstream/connection-criteria.ts';
import { Route } from '../../src/upstream/route.ts';
import { reservedFor, switchingTo } from '../support/choosable.ts';
import { permitted } from '../support/policy.ts';
import { ScriptedNode } from '../support/scripted-node.ts';

const LOGIN = { name: 'ci', open: false, username: 'ci', password: 'pw' } as const;
const { permit: PERMIT, ...PERMITTED } = permitted('ci');

let nodes: ScriptedNode[];
let routes: Route[];
let budget: ConnectionBudget;

beforeEach(async () => {
  nodes = await Promise.all([1, 2, 3].map(async () => ScriptedNode.start()));
  routes = [];
  budget = new ConnectionBudget(100);
});

afterEach(async () => {
  for (const route of routes) route.close();
  await Promise.all(nodes.map(async (node) => node.close()));
});

function clusterNode({ port }: ScriptedNode, datacenter = 'dc1', releaseVersion = '5.0.9') {
  const row = {
    hostId: String(port),
    native: { host: '127.0.0.1', port },
    addresses: [],
    datacenter,
    rack: 'r1',
    releaseVersion,
    tokens: [],
  };
  return new ClusterNode(row, row.native);
}

function newRoute(connections = 1): Route {
  const route = new Route({
    dial: dialPlain(60_000),
    version: 4,
    login: LOGIN,
    compression: null,
    connections,
    budget,
    onFault: () => undefined,
    onRefused: async () => Promise.resolve(false),
  });
  routes.push(route);
  return route;
}

/** A route over one of the nodes. */
function single(connections = 1): Route {
  const route = newRoute(connections);
  route.setNodes([[clusterNode(nodes[0]!)]]);
  return route;
}

async function overAll(): Promise<{ route: Route; known: ClusterNode[] }> {
  const route = newRoute();
  const known = nodes.map((node) => clusterNode(node));
  route.setNodes([known]);
  await expect.poll(() => route.ready).toBe(3);
  return { route, known };
}

/** A request that the node never answers, if it is scripted so; one that reads its keyspace says which. */
function load(connection: Connection, keyspace: string | null = null, query = 'slow'): void {
  const body = encodeQuery({ query, consistency: 1, version: 4 });
  const bytes = encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: 1, body });
  const request = {
    ...PERMITTED,
    keyspace,
    namesKeyspace: false,
    isUse: false,
    deadlineAtMs: NEVER,
    takesParts: false,
    answered: () => undefined,
    lost: () => undefined,
    timedOut: () => undefined,
    tooLarge: () => undefined,
    failed: () => undefined,
  };
  connection.forward(PERMIT, request, new Frame(bytes, 0, bytes.length));
}

const silent = (): void => {
  for (const node of nodes) node.script = () => true;
};

const inKeyspace = (keyspace: string): ConnectionCriteria => ({ ...ANYWHERE, keyspace });

describe('a route over several nodes', () => {
  it('spreads requests, the node with the least to do first', async () => {
    const { route } = await overAll();
    silent();
    for (let i = 0; i < 30; i++) load(route.pick(ANYWHERE)!);
    expect(route.pools.map((pool) => pool.inFlight)).toEqual([10, 10, 10]);
  });

  it('takes a preferred node before others, the one of them with the least to do', async () => {
    const { route, known } = await overAll();
    silent();
    const preferred = [known[1]!, known[2]!];
    for (let i = 0; i < 10; i++) load(route.pick({ ...ANYWHERE, preferred })!);
    expect(route.pools.map((pool) => pool.inFlight)).toEqual([0, 5, 5]);
  });

  it('takes preferred nodes in their order where that is asked for', async () => {
    const { route, known } = await overAll();
    silent();
    const want = { ...ANYWHERE, preferred: [known[2]!, known[1]!], inOrder: true };
    for (let i = 0; i < 10; i++) load(route.pick(want)!);
    expect(route.pools.map((pool) => pool.inFlight)).toEqual([0, 0, 10]);
  });

  it('goes elsewhere once a preferred node is lost', async () => {
    const { route, known } = await overAll();
    await nodes[2]!.close();
    await expect.poll(() => route.ready).toBe(2);
    const picked = route.pick({ ...ANYWHERE, preferred: [known[2]!] });
    expect(picked?.node).not.toBe(known[2]!.name);
    nodes[2] = await ScriptedNode.start();
  });

  it('avoids the node that failed, unless there is no other', async () => {
    const { route, known } = await overAll();
    const want = { ...ANYWHERE, preferred: [known[0]!], avoid: known[0]!.name };
    for (let i = 0; i < 9; i++) expect(route.pick(want)?.node).not.toBe(known[0]!.name);
    const alone = single();
    await expect.poll(() => alone.ready).toBe(1);
    const [only] = alone.pools;
    expect(alone.pick({ ...ANYWHERE, avoid: only!.node.name })?.node).toBe(only!.node.name);
  });

  it('waits for the one node that will do, while that is reached', async () => {
    const { route, known } = await overAll();
    const want = { ...inKeyspace('k'), preferred: [known[1]!], only: true };
    expect(route.pick(want)).toBeNull();
    const connection = await route.whenAvailable(want);
    expect(connection.node).toBe(known[1]!.name);
    expect(connection.keyspace).toBe('k');
  });

  it('takes another where the one node that will do is not reached', async () => {
    const { route, known } = await overAll();
    await nodes[1]!.close();
    await expect.poll(() => route.ready).toBe(2);
    const want = { ...inKeyspace('k'), preferred: [known[1]!], only: true };
    expect((await route.whenAvailable(want)).keyspace).toBe('k');
    nodes[1] = await ScriptedNode.start();
  });

  it('prefers others to a node that says nothing', async () => {
    const { route, known } = await overAll();
    silent();
    const want = { ...ANYWHERE, preferred: [known[0]!], inOrder: true };
    load(route.pick(want)!);
    route.tick(later(monotonicMs(), UPSTREAM.suspectAfterMs + 1));
    for (let i = 0; i < 20; i++) {
      const one = route.pick(ANYWHERE)!;
      expect(one.node).not.toBe(known[0]!.name);
    }
  });

  it('gives up a connection to a node that gives no sign of life, and only then', async () => {
    const { route } = await overAll();
    nodes[0]!.script = () => true;
    nodes[1]!.script = ({ opcode }) => opcode === Opcode.QUERY;
    for (const pool of route.pools) load(pool.pick(null)!);
    const nowMs = later(monotonicMs(), UPSTREAM.probeAfterMs + 1);
    route.tick(nowMs);
    await expect.poll(() => nodes[1]!.requests.length).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    route.tick(later(monotonicMs(), UPSTREAM.probeTimeoutMs + 1));
    // The second answers OPTIONS, though its query takes long; the first answers nothing.
    const inFlight = () => route.pools.map((pool) => pool.inFlight);
    await expect.poll(inFlight).toEqual([0, 1, 0]);
  });

  it('drains the connections to a node that left, and finishes what is in flight', async () => {
    const { route, known } = await overAll();
    nodes[0]!.script = () => true;
    load(route.pools[0]!.pick(null)!);
    await expect.poll(() => nodes[0]!.requests.length).toBe(1);
    route.setNodes([known.slice(2)]);
    for (let i = 0; i < 9; i++) expect(route.pick(ANYWHERE)?.node).toBe(known[2]!.name);
    route.tick(monotonicMs());
    expect(known.map(({ openConnections }) => openConnections)).toEqual([1, 0, 1]);
    nodes[0]!.requests[0]!.answer(Opcode.RESULT, Buffer.from([0, 0, 0, 1]));
    await expect.poll(() => route.inFlight).toBe(0);
    route.tick(monotonicMs());
    expect(known.map(({ openConnections }) => openConnections)).toEqual([0, 0, 1]);
  });

  it('reaches another datacenter only while the local one has no node', async () => {
    const route = newRoute();
    const [local, remote] = [clusterNode(nodes[0]!), clusterNode(nodes[1]!, 'dc2')];
    route.setNodes([[local], [remote]]);
    await expect.poll(() => route.ready).toBe(1);
    // Nor later, or when the cluster says that it is up.
    for (let i = 0; i < 3; i++) route.tick(monotonicMs());
    route.retryNow(remote);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(nodes[1]!.logins).toBe(0);
    const { port } = nodes[0]!;
    await nodes[0]!.close();
    await expect.poll(() => route.ready).toBe(0);
    const timer = setInterval(() => route.tick(monotonicMs()), 20);
    expect((await route.whenAvailable(ANYWHERE)).node).toBe(remote.name);
    nodes[0] = await ScriptedNode.start(port);
    route.retryNow(local);
    await expect.poll(() => route.pick(ANYWHERE)?.node).toBe(local.name);
    clearInterval(timer);
    // The other is reached yet, and not in use: what the local node failed has no other one.
    expect(route.isReached(remote)).toBe(true);
    expect(route.hasOther(local.name)).toBe(false);
    expect(route.pick({ ...ANYWHERE, avoid: local.name })?.node).toBe(local.name);
  });

  it('opens a login before it is taken, on each node that can be asked', async () => {
    await nodes[1]!.close();
    const route = newRoute();
    route.setNodes([nodes.map((node) => clusterNode(node))]);
    await route.opened();
    expect(route.ready).toBeGreaterThanOrEqual(2);
    nodes[1] = await ScriptedNode.start();
    nodes[0]!.refuseLogin = true;
    const refused = newRoute();
    refused.setNodes([nodes.map((node) => clusterNode(node))]);
    await expect(refused.opened()).rejects.toMatchObject({ code: 'login_refused' });
  });

  it('is not opened for ever where no more connections may be', async () => {
    budget = new ConnectionBudget(0);
    const route = newRoute();
    route.setNodes([nodes.map((node) => clusterNode(node))]);
    await expect(route.opened()).rejects.toMatchObject({ code: 'busy' });
  });
});

/** In a turn of its own: what leaves in one turn leaves by one connection. */
async function loadNext(route: Route): Promise<void> {
  load(route.pick(ANYWHERE)!);
  await nextTurn();
}

describe('who waits for a connection', () => {
  it('is sent by one connection what leaves in one turn, and by the others in the next', async () => {
    nodes[0]!.script = ({ text }) => text === 'slow';
    const route = single(2);
    await expect.poll(() => route.ready).toBe(2);
    const first = route.pick(ANYWHERE)!;
    load(first);
    expect(route.pick(ANYWHERE)).toBe(first);
    await nextTurn();
    expect(route.pick(ANYWHERE)).not.toBe(first);
  });

  it('is not sent behind what gives way, which leaves one connection to a node alone', async () => {
    const route = single(2);
    await expect.poll(() => route.ready).toBe(2);
    silent();
    const much = { ...ANYWHERE, givesWay: true };
    const laden = route.pick(much)!;
    for (let i = 0; i < 20; i++) {
      expect(route.pick(much)).toBe(laden);
      load(laden);
      const other = route.pick(ANYWHERE)!;
      expect(other).not.toBe(laden);
      for (let more = 0; more < 3; more++) load(other);
      await nextTurn();
    }
  });

  it('shares a connection with what gives way where it is the only one', async () => {
    const route = single(1);
    await expect.poll(() => route.ready).toBe(1);
    const much = route.pick({ ...ANYWHERE, givesWay: true });
    expect(much).not.toBeNull();
    expect(route.pick(ANYWHERE)).toBe(much);
  });

  it('gets an idle one that is re-keyed instead of another login', async () => {
    const route = single();
    const first = await route.whenAvailable(ANYWHERE);
    for (const keyspace of ['a', 'b', 'a']) {
      const want = inKeyspace(keyspace);
      const connection = route.pick(want) ?? (await route.whenAvailable(want));
      expect(connection).toBe(first);
      expect(connection.keyspace).toBe(keyspace);
    }
    expect(nodes[0]!.logins).toBe(1);
  });

  it('gets the keyspace it wants where others want different ones at once', async () => {
    const route = single();
    await route.whenAvailable(ANYWHERE);
    const wanted = Array.from({ length: 20 }, (_unused, i) => `k${i % 4}`);
    const got = await Promise.all(
      wanted.map(async (keyspace) => {
        // As the session does: whoever was let in looks again, and waits on if it was late.
        for (;;) {
          const connection = route.pick(inKeyspace(keyspace));
          if (connection !== null) return connection.keyspace;
          await route.whenAvailable(inKeyspace(keyspace));
        }
      }),
    );
    expect(got).toEqual(wanted);
  });

  it('is told at once when the login is refused', async () => {
    nodes[0]!.refuseLogin = true;
    await expect(single().whenAvailable(ANYWHERE)).rejects.toMatchObject({
      code: 'login_refused',
    });
  });

  it('is told what the node says of a keyspace that it can not set', async () => {
    nodes[0]!.script = ({ text, answer }) => {
      if (!text.startsWith('USE')) return false;
      answer(Opcode.ERROR, Buffer.from('00002200000467 6f6e65'.replace(' ', ''), 'hex'));
      return true;
    };
    await expect(single().whenAvailable(inKeyspace('gone'))).rejects.toMatchObject({
      code: 'keyspace',
      message: 'gone',
    });
  });

  it('gets another connection where a USE goes unanswered, and the silent one ends', async () => {
    let uses = 0;
    nodes[0]!.script = ({ text }) => text.startsWith('USE') && uses++ === 0;
    const route = single();
    const connection = await route.whenAvailable(ANYWHERE);
    const waiting = route.whenAvailable(inKeyspace('a'));
    await expect.poll(() => nodes[0]!.requests.length).toBe(1);
    connection.tick(later(monotonicMs(), UPSTREAM.useTimeoutMs + 1));
    const next = await waiting;
    expect(connection.isReady).toBe(false);
    expect(next).not.toBe(connection);
    expect(next.keyspace).toBe('a');
  });

  it('gets one beside slow work that does not read its keyspace, without another login', async () => {
    nodes[0]!.script = ({ text }) => text === 'slow';
    const route = single(2);
    await expect.poll(() => route.ready).toBe(2);
    for (let i = 0; i < 8; i++) await loadNext(route);
    for (const keyspace of ['a', 'b', 'c', 'd']) {
      expect((await route.whenAvailable(inKeyspace(keyspace))).keyspace).toBe(keyspace);
      await nextTurn();
      const forUse = route.pickForUse(`own_${keyspace}`);
      expect(switchingTo(forUse!)).toBe(`own_${keyspace}`);
      forUse!.keyspaceState.useNotSent();
    }
    expect(route.inFlight).toBe(8);
    expect(nodes[0]!.logins).toBe(2);
  });

  /** Two connections, in keyspaces x and y, each with a slow request that reads it; no more may be opened. */
  async function allHeld(): Promise<{ route: Route; held: Connection[]; answer: () => void }> {
    const answers: (() => void)[] = [];
    nodes[0]!.script = ({ text, answer }) =>
      text === 'reads' && answers.push(() => answer(Opcode.RESULT, VOID)) > 0;
    budget = new ConnectionBudget(2);
    const route = single(2);
    await expect.poll(() => route.ready).toBe(2);
    const held: Connection[] = [];
    for (const keyspace of ['x', 'y']) {
      const one = await route.whenAvailable(inKeyspace(keyspace));
      load(one, keyspace, 'reads');
      held.push(one);
      await nextTurn();
    }
    expect(new Set(held).size).toBe(2);
    await expect.poll(() => answers.length).toBe(2);
    return { route, held, answer: () => answers.shift()!() };
  }

  it('gets one that is set aside where no more may be opened, however much others send', async () => {
    const { route, held, answer } = await allHeld();
    const waiting = route.whenAvailable(inKeyspace('a'));
    const aside = held.find((one) => reservedFor(one) === 'a')!;
    const wantsAside = inKeyspace(aside.keyspace!);
    // Nothing more that reads its keyspace goes there; what does not read it may.
    expect(route.pick(wantsAside)).toBeNull();
    expect(aside.carries(aside.keyspace)).toBe(false);
    expect(route.pick({ ...wantsAside, naming: true })).not.toBeNull();
    expect(nodes[0]!.requests.filter(({ text }) => text.startsWith('USE'))).toHaveLength(2);
    answer();
    answer();
    expect((await waiting).keyspace).toBe('a');
    expect(nodes[0]!.logins).toBe(2);
  });

  it('never has a keyspace set while something in flight reads the one before', async () => {
    const { route, held, answer } = await allHeld();
    const waiting = route.whenAvailable(inKeyspace('a'));
    for (let i = 0; i < 4; i++) await nextTurn();
    route.tick(monotonicMs());
    expect(held.map(({ keyspace }) => keyspace)).toEqual(['x', 'y']);
    expect(route.pickForUse('b')).toBeNull();
    // One that ran out of time may be carried out yet: it counts until its late answer.
    for (const one of held) one.tick(later(monotonicMs(), 1e9));
    route.tick(monotonicMs());
    expect(route.pickForUse('b')).toBeNull();
    answer();
    answer();
    expect((await waiting).keyspace).toBe('a');
  });

  it('leaves no connection set aside for a keyspace that nobody waits for any more', async () => {
    const { route, held } = await allHeld();
    const rejected = expect(route.whenAvailable(inKeyspace('a'))).rejects.toMatchObject({
      code: 'busy',
    });
    expect(held.map(reservedFor)).toContain('a');
    route.tick(later(monotonicMs(), UPSTREAM.acquireTimeoutMs + 1));
    await rejected;
    route.tick(monotonicMs());
    expect(held.map(reservedFor)).toEqual([null, null]);
  });

  it('is told at once where the line stands for longer than it may wait', async () => {
    const { route } = await allHeld();
    const first = expect(
      route.whenAvailable(inKeyspace('a'), false, { key: 'r', owner: 1 }, 1e6),
    ).rejects.toMatchObject({ code: 'unreachable' });
    await new Promise((resolve) => setTimeout(resolve, 30));
    const turn = { key: 'r', owner: 2 };
    await expect(route.whenAvailable(inKeyspace('b'), false, turn, 20)).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining('already need longer') as string,
    });
    route.close();
    await first;
  });

  it('is not told that by a line for something else', async () => {
    nodes[0]!.script = ({ text }) => text === 'reads';
    const route = single(1);
    await expect.poll(() => route.ready).toBe(1);
    load(await route.whenAvailable(inKeyspace('x')), 'x', 'reads');
    await nextTurn();
    route.whenAvailable(inKeyspace('a'), false, { key: 'r', owner: 1 }, 1e6).catch(() => 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const turn = { key: 's', owner: 2 };
    const bare: ConnectionCriteria = { ...ANYWHERE, keyspace: NO_KEYSPACE };
    expect((await route.whenAvailable(bare, false, turn, 250)).keyspace).toBeNull();
  });

  it('is told sooner that no node is reached than that one is busy', async () => {
    const route = single();
    await expect.poll(() => route.ready).toBe(1);
    await nodes[0]!.close();
    await expect.poll(() => route.ready).toBe(0);
    const waiting = route.whenAvailable(ANYWHERE, false, { key: 'r', owner: 1 }, 1e9);
    const rejected = expect(waiting).rejects.toMatchObject({ code: 'unreachable' });
    route.tick(monotonicMs());
    route.tick(later(monotonicMs(), UPSTREAM.acquireTimeoutMs + 1));
    await rejected;
    nodes[0] = await ScriptedNode.start();
  });

  it('has more connections opened only after a while, and as many as a pool may have', async () => {
    nodes[0]!.script = ({ text }) => text === 'reads';
    const route = single();
    await expect.poll(() => route.ready).toBe(1);
    load(await route.whenAvailable(inKeyspace('k')), 'k', 'reads');
    await nextTurn();
    const waiting = Array.from({ length: 40 }, async (_unused, i) =>
      route.whenAvailable(inKeyspace(`k${i}`), true, { key: 'r', owner: i }, 1e6),
    );
    for (const one of waiting) one.catch(() => undefined);
    expect(nodes[0]!.logins).toBe(1);
    const timer = setInterval(() => route.tick(monotonicMs()), 20);
    const first = await Promise.any(waiting);
    clearInterval(timer);
    expect(first.isReady).toBe(true);
    expect(route.open).toBeLessThanOrEqual(UPSTREAM.connectionsPerPoolMax);
  });
});

const VOID = Buffer.from([0, 0, 0, 1]);

/** Who is let in finds the connection, and is not sent back to wait. */
async function taken(route: Route, want: ConnectionCriteria): Promise<Connection | null> {
  await route.whenAvailable(want);
  return route.pick(want);
}

describe('a connection that is set to a keyspace for somebody', () => {
  it('is one with the room that its request is for', async () => {
    nodes[0]!.script = ({ text }) => text === 'slow';
    const route = single(2);
    await expect.poll(() => route.ready).toBe(2);
    const full = UPSTREAM.streamsPerConnection - UPSTREAM.streamsKeptFree;
    const one = route.pick(ANYWHERE)!;
    for (let i = 0; i < full; i++) load(one);
    await nextTurn();
    const want = { ...inKeyspace('a'), givesWay: true };
    expect(await taken(route, want)).not.toBeNull();
    expect(one.keyspace).toBeNull();
  });

  it('is none of a node that failed its request, while another is reached', async () => {
    const answers: (() => void)[] = [];
    nodes[1]!.script = ({ text, answer }) =>
      text === 'reads' && answers.push(() => answer(Opcode.RESULT, VOID)) > 0;
    const route = newRoute();
    const known = [clusterNode(nodes[0]!), clusterNode(nodes[1]!)];
    route.setNodes([known]);
    await expect.poll(() => route.ready).toBe(2);
    const other = await route.whenAvailable({
      ...inKeyspace('x'),
      preferred: [known[1]!],
      only: true,
    });
    load(other, 'x', 'reads');
    const want = { ...inKeyspace('a'), avoid: known[0]!.name };
    const found = taken(route, want);
    await expect.poll(() => answers.length).toBe(1);
    answers[0]!();
    expect((await found)?.node).toBe(known[1]!.name);
    expect(nodes[0]!.requests.filter(({ text }) => text.startsWith('USE'))).toEqual([]);
  });
});

describe('a request that can name its keyspace', () => {
  const naming = (keyspace: string) => ({ ...inKeyspace(keyspace), naming: true });

  it.each(['failed it', 'is not reached'])(
    'gets one in it where the only node that reads the name %s',
    async (why) => {
      const route = newRoute();
      const known = [clusterNode(nodes[0]!), clusterNode(nodes[1]!, 'dc1', '3.11.19')];
      if (why === 'is not reached') await nodes[0]!.close();
      route.setNodes([known]);
      await expect.poll(() => route.ready).toBeGreaterThanOrEqual(why === 'failed it' ? 2 : 1);
      const want = { ...naming('a'), avoid: why === 'failed it' ? known[0]!.name : null };
      const there = await taken(route, want);
      expect(there?.node).toBe(known[1]!.name);
      expect(there?.keyspace).toBe('a');
    },
  );

  it('is spread over the nodes, though a connection to one of them is in it', async () => {
    for (const node of nodes) node.script = ({ text }) => text === 'slow';
    const { route } = await overAll();
    const there = await route.whenAvailable(inKeyspace('a'));
    await nextTurn();
    const counts = new Map<string, number>();
    for (let i = 0; i < 30; i++) {
      const one = route.pick(naming('a'))!;
      load(one);
      counts.set(one.node, (counts.get(one.node) ?? 0) + 1);
      await nextTurn();
    }
    expect([...counts.values()]).toEqual([10, 10, 10]);
    expect([...counts.keys()][0]).toBe(there.node);
  });

  it('goes by one that is in it, and else by any', async () => {
    nodes[0]!.script = ({ text }) => text === 'slow';
    const route = single(2);
    await expect.poll(() => route.ready).toBe(2);
    const there = await route.whenAvailable(inKeyspace('a'));
    await nextTurn();
    for (let i = 0; i < 3; i++) {
      load(there);
      await nextTurn();
    }
    expect(route.pick(naming('a'))).toBe(there);
    const other = route.pick(naming('b'));
    expect(other).not.toBe(there);
    expect(other?.isIn('b')).toBe(false);
    expect(route.waiting).toBe(0);
  });

  it.each(['3.11.19', '3.0.8', '4.0.0.6856', '', 'trunk'])(
    'needs one in its keyspace at a node of release %s, which may not read the name',
    async (release) => {
      const route = newRoute();
      route.setNodes([[clusterNode(nodes[0]!, 'dc1', release)]]);
      await expect.poll(() => route.ready).toBe(1);
      expect(route.pick(naming('a'))).toBeNull();
      const there = await route.whenAvailable(naming('a'));
      expect(there.keyspace).toBe('a');
      expect(route.pick(naming('b'))).toBeNull();
    },
  );

  it.each(['4.0.17', '4.1.0', '4.1-beta1', '5.0.9', '5.0.9-SNAPSHOT'])(
    'needs none at a node of release %s',
    async (release) => {
      const route = newRoute();
      route.setNodes([[clusterNode(nodes[0]!, 'dc1', release)]]);
      await expect.poll(() => route.ready).toBe(1);
      expect(route.pick(naming('a'))).not.toBeNull();
    },
  );

  it('holds a connection in its keyspace only while another is left that can be set to one', async () => {
    nodes[0]!.script = ({ text }) => text === 'reads';
    budget = new ConnectionBudget(2);
    const route = single(2);
    await expect.poll(() => route.ready).toBe(2);
    const first = await route.whenAvailable(inKeyspace('a'));
    expect(first.carries('a')).toBe(true);
    load(first, 'a', 'reads');
    await nextTurn();
    const second = await route.whenAvailable(inKeyspace('b'));
    expect(second).not.toBe(first);
    expect(second.carries('b')).toBe(false);
    expect(first.carries('a')).toBe(true);
  });
});

it('asks a node for a bounded number of logins in a second, all routes together', async () => {
  const node = clusterNode(nodes[0]!);
  let taken = 0;
  while (node.takeLogin()) taken++;
  expect(taken).toBeGreaterThanOrEqual(UPSTREAM.loginsAtOnce);
  expect(taken).toBeLessThanOrEqual(UPSTREAM.loginsAtOnce + UPSTREAM.loginsPerSecond);
  const route = newRoute(4);
  route.setNodes([[node]]);
  await nextTurn();
  expect(nodes[0]!.logins).toBeLessThanOrEqual(1);
});

describe('who needs a connection in no keyspace', () => {
  const want: ConnectionCriteria = { ...ANYWHERE, keyspace: NO_KEYSPACE };

  it('gets one of its own, opened when it is first needed and never sent a USE', async () => {
    const route = single();
    const ordinary = await route.whenAvailable(ANYWHERE);
    expect(nodes[0]!.logins).toBe(1);
    const bare = await route.whenAvailable(want);
    expect(bare).not.toBe(ordinary);
    expect(nodes[0]!.logins).toBe(2);
    // Others go on with theirs, busy or not, and re-key it.
    nodes[0]!.script = ({ text }) => text === 'slow';
    load(ordinary);
    expect(route.pick(ANYWHERE)).toBe(ordinary);
    for (const keyspace of ['a', 'b']) {
      const other = await route.whenAvailable(inKeyspace(keyspace));
      expect(other).not.toBe(bare);
      expect(route.pickForUse(`own_${keyspace}`)).not.toBe(bare);
    }
    expect(bare.keyspace).toBeNull();
    expect(route.pick(want)).toBe(bare);
  });

  it('opens no second one, however many there are', async () => {
    const route = single();
    await route.whenAvailable(ANYWHERE);
    const got = await Promise.all(
      Array.from({ length: 500 }, async () => route.whenAvailable(want)),
    );
    expect(new Set(got).size).toBe(1);
    expect(nodes[0]!.logins).toBe(2);
    nodes[0]!.script = ({ text }) => text === 'slow';
    const [bare] = got;
    while (bare!.hasRoom) load(bare!);
    expect(route.pick(want)).toBeNull();
    const late = route.whenAvailable(want);
    const rejected = expect(late).rejects.toMatchObject({ code: 'busy' });
    // Nobody else is held up meanwhile.
    expect(route.pick(ANYWHERE)?.inFlight).toBe(0);
    expect((await route.whenAvailable(inKeyspace('a'))).keyspace).toBe('a');
    route.tick(later(monotonicMs(), UPSTREAM.acquireTimeoutMs + 1));
    await rejected;
    expect(nodes[0]!.logins).toBe(2);
  });

  it('is counted, looked after and closed like the others', async () => {
    budget = new ConnectionBudget(2);
    const route = single();
    await route.whenAvailable(ANYWHERE);
    const bare = await route.whenAvailable(want);
    expect(budget.taken).toBe(2);
    expect(route.open).toBe(2);
    expect(route.ready).toBe(1);
    nodes[0]!.script = ({ text }) => text === 'slow';
    load(bare);
    expect(route.inFlight).toBe(1);
    expect(route.isIdle).toBe(false);
    const before = nodes[0]!.requests.length;
    route.tick(later(monotonicMs(), UPSTREAM.probeAfterMs + 1));
    await expect.poll(() => nodes[0]!.requests.length).toBeGreaterThan(before);
    await bare.request(Opcode.OPTIONS, null, 1_000);
    route.close();
    expect(bare.isReady).toBe(false);
    expect(budget.taken).toBe(0);
  });

  it('waits where no more connections may be open, and leaves those of others alone', async () => {
    budget = new ConnectionBudget(1);
    const route = single();
    await route.whenAvailable(ANYWHERE);
    const rejected = expect(route.whenAvailable(want)).rejects.toMatchObject({ code: 'busy' });
    route.tick(later(monotonicMs(), UPSTREAM.acquireTimeoutMs + 1));
    await rejected;
    expect(route.pick(ANYWHERE)?.isReady).toBe(true);
    expect(nodes[0]!.logins).toBe(1);
  });

  it('gets another one when it was lost, and gives it up when nobody needs it', async () => {
    const route = single();
    await route.whenAvailable(ANYWHERE);
    const bare = await route.whenAvailable(want);
    bare.destroy(new UpstreamFault('unreachable', 'gone'));
    expect(route.pick(want)).toBeNull();
    const next = await route.whenAvailable(want);
    expect(next).not.toBe(bare);
    // Heartbeats do not count as need.
    const { idleSinceMs } = next.liveness;
    next.liveness.probe();
    await expect.poll(() => next.inFlight).toBe(0);
    await nextTurn();
    expect(next.liveness.idleSinceMs).toBe(idleSinceMs);
    const nowMs = later(idleSinceMs, UPSTREAM.extraConnectionIdleMs + 1);
    await expect
      .poll(() => {
        route.tick(nowMs);
        return next.isReady;
      })
      .toBe(false);
    expect(route.open).toBe(1);
  });

  it('gets it at the one node that will do, and keeps to it', async () => {
    const { route, known } = await overAll();
    const pinned = { ...want, preferred: [known[1]!], only: true };
    const bare = await route.whenAvailable(pinned);
    expect(bare.node).toBe(known[1]!.name);
    for (let i = 0; i < 9; i++) expect(route.pick(want)).toBe(bare);
    expect(route.pick({ ...pinned, avoid: known[1]!.name })).toBe(bare);
    expect(route.open).toBe(4);
  });

  it('keeps nobody from waiting behind it at the route that takes the place of this one', async () => {
    const before = newRoute();
    const bare = before.whenAvailable({ ...ANYWHERE, keyspace: NO_KEYSPACE });
    const after = single();
    await expect.poll(() => after.ready).toBe(1);
    before.retire(after);
    expect(after.waiting).toBe(1);
    expect((await after.whenAvailable(inKeyspace('a'))).keyspace).toBe('a');
    expect((await bare).keyspace).toBeNull();
  });

  it('waits on at the route that takes the place of this one', async () => {
    nodes[0]!.script = () => true;
    const before = newRoute();
    const successor = single();
    await successor.whenAvailable(ANYWHERE);
    const waiting = before.whenAvailable(want);
    before.retire(successor);
    expect((await waiting).isReady).toBe(true);
    expect(successor.open).toBe(2);
  });
});

it('takes no connection of another route for a USE', async () => {
  const [before, after] = [single(), single()];
  const offered = await before.whenAvailable(inKeyspace('a'), true);
  await after.whenAvailable(ANYWHERE);
  await nextTurn();
  expect(before.pickForUse('b', offered)).toBe(offered);
  offered.keyspaceState.useNotSent();
  const taken = after.pickForUse('b', offered);
  expect(taken).not.toBeNull();
  expect(taken).not.toBe(offered);
});
