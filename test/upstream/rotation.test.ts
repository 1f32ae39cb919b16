// Another login comes into force before a scripted node: what is in flight finishes, who waits is served
// by the next pool, and a refused login asks for the fresh secret once.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { later, monotonicMs, type MonotonicMs } from '../../src/clock.ts';
import { SECRETS } from '../../src/limits/services.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import type { Login, LoginSource } from '../../src/secrets/upstream-login.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import { dialPlain } from '../../src/upstream/dial.ts';
import type { ClientRequest } from '../../src/upstream/in-flight-request.ts';
import type { UpstreamFault } from '../../src/upstream/faults.ts';
import { ANYWHERE } from '../../src/upstream/connection-criteria.ts';
import { permitted } from '../support/policy.ts';
import { answerAsCluster } from '../support/scripted-cluster.ts';
import { ScriptedNode, type ScriptedRequest } from '../support/scripted-node.ts';

/** A source as tests turn it; `next` is what a refresh finds. */
class Source implements LoginSource {
  login: Login;
  next: Login | null = null;
  refreshes = 0;
  constructor(login: Login) {
    this.login = login;
  }
  current(): Login {
    return this.login;
  }
  async refresh(): Promise<Login> {
    this.refreshes++;
    this.login = this.next ?? this.login;
    return Promise.resolve(this.login);
  }
}

const loginOf = (username: string, endsAtMs?: MonotonicMs): Login => ({
  name: 'ci',
  open: false,
  username,
  password: 'pw',
  ...(endsAtMs === undefined ? {} : { lease: { endsAtMs } }),
});

let node: ScriptedNode;
let source: Source;
let cluster: Cluster;
let faults: UpstreamFault[];
let changes: string[];
/** Requests that the node leaves alone until told. */
let held: ScriptedRequest[];

beforeEach(async () => {
  node = await ScriptedNode.start();
  held = [];
  faults = [];
  changes = [];
  node.script = (request) => {
    if (request.text.startsWith('SELECT slow')) {
      held.push(request);
      return true;
    }
    return answerAsCluster(request);
  };
  source = new Source(loginOf('one'));
  cluster = new Cluster({
    dial: dialPlain(60_000),
    contactPoints: [{ host: '127.0.0.1', port: node.port }],
    datacenters: { local: null, remote: [] },
    logins: new Map([['ci', source]]),
    gateRole: 'ci',
    compression: 'none',
    connectionsPerPool: 2,
    poolConnections: 100,
    preparedRegistryBytes: 1 << 20,
    allowUntested: true,
    listener: {
      schemaChanged: () => undefined,
      superuser: () => undefined,
      nodesChanged: () => undefined,
      loginChanged: (login) => changes.push(login.open ? '' : login.username),
      fault: (fault) => faults.push(fault),
    },
  });
});

afterEach(async () => {
  cluster.close();
  await node.close();
});

/** Usernames that are connected to the node now, each once. */
const connected = (): string[] => [...new Set(node.connectedAs())].sort();

async function send(text: string): Promise<string[]> {
  const ends: string[] = [];
  const { permit, ...decided } = permitted('ci');
  const request: ClientRequest = {
    ...decided,
    keyspace: null,
    namesKeyspace: false,
    isUse: false,
    deadlineAtMs: later(monotonicMs(), 60_000),
    takesParts: false,
    answered: () => ends.push('answered'),
    lost: (sent, cause) => ends.push(`lost ${sent} ${cause.message}`),
    timedOut: () => ends.push('timed out'),
    tooLarge: () => ends.push('too large'),
    failed: (error) => ends.push(`failed: ${String(error)}`),
  };
  const route = cluster.route('ci', 4)!;
  const connection = route.pick(ANYWHERE) ?? (await route.whenAvailable(ANYWHERE));
  const body = encodeQuery({ query: text, consistency: 1, version: 4 });
  const bytes = encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: 1, body });
  expect(connection.forward(permit, request, new Frame(bytes, 0, bytes.length))).toBe(true);
  return ends;
}

describe('another login', () => {
  it('takes over for pools and control connection, and what was in flight finishes', async () => {
    await cluster.start();
    const ends = await send('SELECT slow');
    const { epoch } = cluster;
    source.login = loginOf('two');
    await expect.poll(() => changes).toEqual(['two']);
    expect(cluster.epoch).toBeGreaterThan(epoch);
    expect(await send('SELECT quick')).toBeDefined();
    await expect.poll(() => held.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 800));
    // Only for the request that is still out.
    expect(connected()).toEqual(['one', 'two']);
    held[0]!.answer(Opcode.RESULT, Buffer.from([0, 0, 0, 1]));
    await expect.poll(connected).toEqual(['two']);
    expect(ends).toEqual(['answered']);
    expect(cluster.control.isConnected).toBe(true);
    expect(faults).toEqual([]);
  });

  it('leaves the one before in force while the cluster refuses it, and is tried again', async () => {
    await cluster.start();
    node.refuses = 'two';
    source.login = loginOf('two');
    await expect.poll(() => faults.map(({ code }) => code)).toContain('login_refused');
    expect(cluster.refusedLogins).toEqual(['ci']);
    expect(await send('SELECT quick')).toBeDefined();
    expect(connected()).toEqual(['one']);
    node.refuses = null;
    await expect.poll(() => changes, { timeout: 5_000 }).toEqual(['two']);
    await expect.poll(connected, { timeout: 5_000 }).toEqual(['two']);
    expect(cluster.refusedLogins).toEqual([]);
    expect(source.refreshes).toBe(0);
  });

  it('takes the connections of a lease down before it ends, whatever is in flight', async () => {
    source.login = loginOf('one', later(monotonicMs(), 1_500));
    await cluster.start();
    const ends = await send('SELECT slow');
    source.login = loginOf('two');
    await expect.poll(() => changes).toEqual(['two']);
    expect(ends).toEqual([]);
    await expect.poll(() => ends, { timeout: 3_000 }).toHaveLength(1);
    expect(ends[0]).toContain('lost true');
    await expect.poll(connected).toEqual(['two']);
  });
});

describe('a refused login', () => {
  it('asks for the fresh secret once, and who waited is served with it', async () => {
    node.refuses = 'one';
    source.next = loginOf('two');
    await cluster.start();
    expect(source.refreshes).toBeGreaterThan(0);
    const waited = cluster.route('ci', 4)!.whenAvailable(ANYWHERE);
    await expect(waited).resolves.toMatchObject({ isReady: true });
    await expect.poll(connected).toEqual(['two']);
    expect(changes).toEqual(['two']);
  });

  it('says so plainly where the fresh secret is refused too, asking for it once', async () => {
    await cluster.start();
    node.refuses = 'one';
    for (const socket of node.sockets) socket.destroy();
    const route = cluster.route('ci', 4)!;
    await expect.poll(() => route.ready).toBe(0);
    await expect(route.whenAvailable(ANYWHERE)).rejects.toMatchObject({
      code: 'login_refused',
      message: expect.stringMatching(/refused the login of Cassandra role ci.*read anew/) as string,
    });
    const { refreshes } = source;
    await expect(route.whenAvailable(ANYWHERE)).rejects.toMatchObject({ code: 'login_refused' });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    // The control connection asks at each of its own attempts; the source's cool-down bounds that.
    expect(source.refreshes - refreshes).toBeLessThan(1_500 / 100);
    expect(SECRETS.refreshCoolDownMs).toBeGreaterThan(1_000);
    node.refuses = null;
    await expect.poll(() => route.ready, { timeout: 5_000 }).toBe(2);
  });
});

describe('a lease that ended with no other', () => {
  it('closes its connections, opens none, and says why', async () => {
    source.login = loginOf('one', later(monotonicMs(), 700));
    await cluster.start();
    await send('SELECT quick');
    await expect.poll(connected, { timeout: 3_000 }).toEqual([]);
    const { logins } = node;
    await expect(cluster.route('ci', 4)!.whenAvailable(ANYWHERE)).rejects.toMatchObject({
      code: 'login_refused',
      message: expect.stringContaining('lease of Cassandra role ci ended') as string,
    });
    expect(node.logins).toBe(logins);
    source.login = loginOf('two');
    await expect.poll(connected, { timeout: 5_000 }).toEqual(['two']);
  });
});
