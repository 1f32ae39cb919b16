// Lines that tenants share: one floods, another asks for a little. What is counted is how many go before the
// honest one, never how long that takes.
import net from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { NO_END } from '../support/moments.ts';
import type { QueueFault, Turn } from '../../src/fair-queue.ts';
import type { AuthFault } from '../../src/errors.ts';
import type { IssuerConfig } from '../../src/identity/issuers.ts';
import type { Principal } from '../../src/identity/principal.ts';
import { TokenVerifier } from '../../src/identity/verifier.ts';
import { TOKENS } from '../../src/limits/identity.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { VCS } from '../../src/limits/services.ts';
import { Analyst, type AnalystOptions } from '../../src/session/analyst.ts';
import { DdlLane, LaneTicket } from '../../src/fleet/ddl-lane.ts';
import { dialPlain } from '../../src/upstream/dial.ts';
import { ClusterNode } from '../../src/upstream/node.ts';
import { ConnectionBudget } from '../../src/upstream/connection-budget.ts';
import { ANYWHERE } from '../../src/upstream/connection-criteria.ts';
import { Route } from '../../src/upstream/route.ts';
import { CommitSource } from '../../src/vcs/commit-source.ts';
import { WORKSPACE_UUID } from '../support/issuer.ts';
import { OidcIssuer } from '../support/oidc-issuer.ts';
import { ScriptedNode } from '../support/scripted-node.ts';

const FLOOD: Turn = { key: 'flood', owner: 'session 1' };
const HONEST: Turn = { key: 'honest', owner: 'session 2' };
const many = <Made>(count: number, make: (i: number) => Made): Made[] =>
  Array.from({ length: count }, (_unused, i) => make(i));
const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

describe('the thread that analyses long texts', () => {
  const script = pathToFileURL(path.resolve(import.meta.dirname, '../support/analysis-double.js'));
  const start = (options: AnalystOptions = {}): Analyst => {
    const analyst = new Analyst({ script, ...options });
    closing.push(async () => analyst.close());
    return analyst;
  };
  /** What it said of the text, or why it was not looked at. */
  const reasonOf = async (analyst: Analyst, text: string, at: Turn): Promise<string> =>
    analyst.analyse([text], null, at).then(
      (analysed) => (analysed.get(text) as { reason: string }).reason,
      (fault: unknown) => (fault as QueueFault).why,
    );

  it.each(['dies', 'throws'])('is lost by a text that %s, which alone is refused', async (text) => {
    const analyst = start();
    const before = reasonOf(analyst, 'before', FLOOD);
    const killer = reasonOf(analyst, text, FLOOD);
    const others = many(20, async (i) => reasonOf(analyst, `text ${i}`, FLOOD));
    expect(await before).toBe('saw before');
    expect(await killer).toContain('could not be analysed');
    expect(await Promise.all(others)).toEqual(many(20, (i) => `saw text ${i}`));
  });

  it('is ended by a text that does not end, which alone is refused', async () => {
    const analyst = start({ jobMs: 200 });
    const loop = reasonOf(analyst, 'loops', FLOOD);
    const other = reasonOf(analyst, 'text', HONEST);
    expect(await loop).toContain('could not be analysed');
    expect(await other).toBe('saw text');
  });

  it('has an honest role wait for one text of a flood of killers', async () => {
    const analyst = start();
    let before = 0;
    const flood = many(30, async (i) =>
      reasonOf(analyst, 'dies', { key: 'flood', owner: i }).then(() => before++),
    );
    await reasonOf(analyst, 'honest', HONEST);
    expect(before).toBeLessThanOrEqual(2);
    await analyst.close();
    await Promise.all(flood);
  });

  it('has room for the honest when a flood fills its line', async () => {
    const analyst = start({ waiting: 8 });
    const flood = many(30, async () => reasonOf(analyst, 'text', FLOOD));
    expect(await reasonOf(analyst, 'honest', HONEST)).toBe('saw honest');
    const refused = (await Promise.all(flood)).filter((reason) => reason === 'full');
    expect(refused.length).toBeGreaterThan(20);
  });
});

describe('the lane of schema changes', () => {
  it('lets an honest role in after one change of a flood that fills it', async () => {
    const lock = { acquire: async () => Promise.resolve(null) };
    const lane = new DdlLane({ queue: 16, waitMs: 60_000, lock });
    const order: string[] = [];
    const enter = async (name: string, at: Turn): Promise<void> => {
      const entered = await lane.enter('ks', 'exclusive', () => false, at);
      order.push(entered instanceof LaneTicket ? name : `${name}: ${entered.why}`);
      if (!(entered instanceof LaneTicket)) return;
      await turn();
      entered.leave();
    };
    const flood = many(40, async (i) => enter('flood', { key: 'flood', owner: i }));
    const honest = enter('honest', HONEST);
    await honest;
    const changes = order.filter((name) => !name.includes(':'));
    expect(changes.indexOf('honest')).toBeLessThanOrEqual(2);
    await Promise.all(flood);
    expect(order.filter((name) => name === 'flood: full').length).toBeGreaterThan(20);
    expect(order).not.toContain('honest: full');
  });
});

describe('requests that wait for a connection', () => {
  it('of an honest role go before those of a flood, and have room', async () => {
    const node = await ScriptedNode.start();
    const native = { host: '127.0.0.1', port: node.port };
    const route = new Route({
      dial: dialPlain(60_000),
      version: 4,
      login: { name: 'ci', open: false, username: 'ci', password: 'pw' },
      compression: null,
      connections: 1,
      budget: new ConnectionBudget(10),
      onFault: () => undefined,
      onRefused: async () => Promise.resolve(false),
    });
    closing.push(
      () => route.close(),
      async () => node.close(),
    );
    const order: string[] = [];
    const wait = async (name: string, at: Turn): Promise<void> =>
      route.whenAvailable(ANYWHERE, false, at).then(
        () => void order.push(name),
        () => void order.push(`${name}: refused`),
      );
    const flood = many(UPSTREAM.waitersPerRoute + 10, async (i) =>
      wait('flood', { key: 'flood', owner: i % 7 }),
    );
    const honest = wait('honest', HONEST);
    const row = { hostId: 'a', addresses: [], datacenter: 'dc1', rack: 'r', tokens: [], native };
    route.setNodes([[new ClusterNode({ ...row, releaseVersion: '5.0.9' }, native)]]);
    await honest;
    const served = order.filter((name) => !name.includes('refused'));
    expect(served.indexOf('honest')).toBeLessThanOrEqual(2);
    await Promise.all(flood);
    expect(order.filter((name) => name === 'flood: refused')).toHaveLength(11);
  });
});

describe('checks of tokens', () => {
  const start = async (): Promise<OidcIssuer> => {
    const issuer = await OidcIssuer.start();
    closing.push(async () => issuer.close());
    return issuer;
  };
  const row = (name: string, { issuer }: OidcIssuer, jwksUri: string): IssuerConfig => {
    const algorithms = ['RS256'];
    return { name, type: 'oidc', issuer, jwksUri, audience: 'gate', algorithms };
  };

  /** Takes connections and never answers. */
  async function silentServer(): Promise<string> {
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => sockets.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  }

  it('of one source and one issuer leave room for others', async () => {
    const [slow, good] = [await start(), await start()];
    const issuers = [
      row('slow', slow, await silentServer()),
      row('good', good, `${good.issuer}/v1/keys`),
    ];
    const verifier = new TokenVerifier({ issuers });
    const token = slow.mint({ aud: 'gate', sub: 's' });
    const reasons: string[] = [];
    const check = async (i: number, source: string): Promise<void> =>
      verifier.verify(`${token.slice(0, -6)}${String(i).padStart(6, 'A')}`, source).then(
        () => void reasons.push('verified'),
        (error: unknown) => void reasons.push((error as AuthFault).reason),
      );
    const { checksUnderWay, checksWaiting } = TOKENS;
    for (let i = 0; i < checksUnderWay + checksWaiting; i++) void check(i, `10.0.0.${i % 2}`);
    await turn();
    expect(reasons).toContain('busy');
    const honest = verifier.verify(good.mint({ aud: 'gate', sub: 's' }), '10.0.1.1');
    expect(await honest).toMatchObject({ issuerName: 'good' });
    expect(new Set(reasons)).toEqual(new Set(['busy']));
    // Another source of the slow issuer has room in the line, though it was full.
    const before = reasons.length;
    void check(99_999, '10.0.1.2');
    await turn();
    expect(reasons.length).toBe(before + 1);
  });
});

describe('look-ups of commits', () => {
  const uuid = (i: number): string => `{00000000-0000-0000-0000-${String(i).padStart(12, '0')}}`;
  const job = (i: number): Principal => ({
    issuerName: 'pipelines',
    issuer: 'https://issuer',
    subject: 'me',
    claims: {
      workspaceUuid: WORKSPACE_UUID,
      repositoryUuid: uuid(0),
      pipelineUuid: uuid(i),
      branchName: 'main',
    },
    isHuman: false,
    tokenSha256: '',
    expiresAtMs: NO_END,
  });

  it('of one role leave slots for others', async () => {
    const asked: (string | null)[] = [];
    const source = new CommitSource({
      // Nothing that was asked before the honest one is ever answered.
      ask: async ({ pipelineUuid }) => {
        asked.push(pipelineUuid);
        if (pipelineUuid !== uuid(9_999)) return new Promise(() => undefined);
        return Promise.resolve({ type: 'refused', kind: 'unverified', reason: 'asked' });
      },
      issuers: new Set(['pipelines']),
      mode: 'required',
    });
    const flood = many(VCS.runsWaiting + 100, async (i) =>
      source.lookUp(job(i), 1, { key: 'flood', owner: i }),
    );
    const honest = await source.lookUp(job(9_999), 60_000, HONEST);
    expect(honest).toEqual({ problem: { kind: 'unverified', reason: 'asked' } });
    expect(asked.length).toBeLessThanOrEqual(VCS.requestsAtOnce);
    await Promise.all(flood);
  });
});
