// What one tenant's requests make the event loop, the control connection and the gate's lines do for them. Work is
// counted, never timed.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { monotonicMs } from '../../src/clock.ts';
import { clocksAt } from '../support/moments.ts';
import { analyse } from '../../src/cql/analyse.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import type { QueueFault } from '../../src/fair-queue.ts';
import { reportFaultsTo } from '../../src/guard.ts';
import type { IssuerConfig } from '../../src/identity/issuers.ts';
import { TokenVerifier } from '../../src/identity/verifier.ts';
import { CQL } from '../../src/limits/cql.ts';
import { JWKS, TOKENS } from '../../src/limits/identity.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { Frame, encodeFrame } from '../../src/protocol/frame.ts';
import { boundValues } from '../../src/protocol/messages/parameters.ts';
import { decodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { Analyst } from '../../src/session/analyst.ts';
import { dialPlain } from '../../src/upstream/dial.ts';
import { ClusterNode } from '../../src/upstream/node.ts';
import { ConnectionBudget } from '../../src/upstream/connection-budget.ts';
import { Pool } from '../../src/upstream/pool.ts';
import { ANYWHERE } from '../../src/upstream/connection-criteria.ts';
import { Route } from '../../src/upstream/route.ts';
import { routingKey } from '../../src/upstream/routing-key.ts';
import { OidcIssuer } from '../support/oidc-issuer.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

const PATIENT = { timeout: 10_000 };

afterEach(() => {
  vi.restoreAllMocks();
});

describe('requests that wait for a connection', () => {
  it('are not all looked at for each one that comes, or for each that is like another', () => {
    const native = { host: '127.0.0.1', port: 9 };
    const row = { hostId: 'a', addresses: [], datacenter: 'dc1', rack: 'r', tokens: [], native };
    const route = new Route({
      // Neither refused nor answered.
      dial: (host, port, certificate) =>
        dialPlain(60_000)(host, port, certificate).on('error', () => undefined),
      version: 4,
      login: { name: 'ci', open: false, username: 'ci', password: 'pw' },
      compression: null,
      connections: 1,
      budget: new ConnectionBudget(10),
      onFault: () => undefined,
      onRefused: async () => Promise.resolve(false),
    });
    route.setNodes([[new ClusterNode({ ...row, releaseVersion: '5.0.9' }, native)]]);
    const picked = vi.spyOn(Pool.prototype, 'pick');
    const flood = UPSTREAM.waitersPerRoute;
    const waiting = Array.from({ length: flood }, async (_unused, i) =>
      route.whenAvailable({ ...ANYWHERE, keyspace: 'ks' }, false, { key: 'flood', owner: i % 7 }),
    );
    for (const one of waiting) one.catch(() => undefined);
    expect(picked.mock.calls.length).toBeLessThanOrEqual(2 * flood);
    picked.mockClear();
    route.tick(monotonicMs());
    expect(picked.mock.calls.length).toBeLessThanOrEqual(2);
    route.close();
  });
});

/** The values of an EXECUTE, as they lie in a frame. */
function valuesFrame(count: number): { frame: Frame; valuesStart: number } {
  const body = new Writer();
  for (let i = 0; i < count; i++) body.writeBytes(Buffer.from([i & 0xff]));
  const bytes = encodeFrame({
    version: 4,
    opcode: Opcode.EXECUTE,
    streamId: 0,
    body: body.toBuffer(),
  });
  const frame = new Frame(bytes, 0, bytes.length);
  return { frame, valuesStart: frame.bodyStart };
}

describe('values that many markers ask for', () => {
  const COUNT = 5_000;

  it('are walked once', () => {
    const { frame, valuesStart } = valuesFrame(COUNT);
    const read = vi.spyOn(Reader.prototype, 'readBytes');
    const reader = new Reader(frame.buffer, frame.bodyStart, frame.end);
    const values = boundValues(reader, { flags: 1, valueCount: COUNT, valuesStart });
    const found = Array.from({ length: COUNT }, (_unused, index) => values({ index, name: null }));
    expect(found.every((value, i) => value?.[0] === (i & 0xff))).toBe(true);
    expect(values({ index: COUNT, name: null })).toBeNull();
    expect(read.mock.calls).toHaveLength(COUNT);
  });

  it('are walked once for a key of many columns too', () => {
    const { frame, valuesStart } = valuesFrame(COUNT);
    const read = vi.spyOn(Reader.prototype, 'readBytes');
    const pkIndexes = Array.from({ length: COUNT }, (_unused, i) => COUNT - 1 - i);
    const prepared = { pkIndexes, bindNames: [] } as never;
    routingKey(frame, { flags: 1, valueCount: COUNT, valuesStart }, prepared);
    expect(read.mock.calls.length).toBeLessThanOrEqual(COUNT);
  });
});

describe('a SELECT over tables in which the gate stands for nodes', () => {
  const topologyOf = (text: string) => (analyse(text, null) as Statement).topology;
  const list = (count: number, of: string): string => Array(count).fill(of).join(', ');

  it('names and compares no more than a system table could have', () => {
    // A column is a selector and what it reads.
    const most = CQL.selectionParts / 2;
    expect(topologyOf(`SELECT ${list(most, 'key')} FROM system.local`)).not.toBeNull();
    expect(topologyOf(`SELECT ${list(most + 1, 'key')} FROM system.local`)).toBeNull();
    const where = (count: number): string =>
      `SELECT * FROM system.peers WHERE peer IN (${list(count, '?')})`;
    expect(topologyOf(where(CQL.selectionParts))?.rows).not.toBeNull();
    expect(topologyOf(where(CQL.selectionParts + 1))?.rows).toBeNull();
    expect(topologyOf(`${where(CQL.selectionParts)} AND peer = ?`)?.rows).toBeNull();
  });
});

it('rows of no columns take no memory, however many a node says there are', () => {
  const rows = (flags: number, columns: number, count: number): Frame => {
    const body = new Writer()
      .writeInt(2)
      .writeInt(flags)
      .writeInt(columns)
      .writeInt(count)
      .toBuffer();
    const bytes = encodeFrame({ version: 4, opcode: Opcode.RESULT, streamId: 0, body });
    return new Frame(bytes, 0, bytes.length);
  };
  expect(decodeRows(rows(0, 0, 0), 4).rows).toEqual([]);
  expect(() => decodeRows(rows(0, 0, 2_000_000), 4)).toThrow(/2000000 rows of 0 columns/);
  // Without metadata nobody knows what the rows are.
  expect(() => decodeRows(rows(4, 3, 2_000_000), 4)).toThrow(/rows of 3 columns/);
  expect(() => decodeRows(rows(0, 0, -1), 4)).toThrow(/-1 rows/);
});

describe('the thread that analyses long texts', () => {
  it('is asked for again where none could be had, and nobody waits for it in vain', async () => {
    const faults: string[] = [];
    reportFaultsTo((place) => faults.push(place));
    // Node refuses to start this one as it does where a container has no room for a thread.
    const analyst = new Analyst({ script: new URL('http://nowhere/') });
    const analyse = async (owner: number): Promise<string> =>
      analyst.analyse(['text'], null, { key: 'role', owner }).then(
        () => 'analysed',
        (fault: unknown) => (fault as QueueFault).why,
      );
    expect(await Promise.all([analyse(1), analyse(2), analyse(3)])).toEqual(Array(3).fill('late'));
    expect(faults).toEqual(Array(3).fill('analyst'));
    await analyst.close();
  });
});

describe('tokens that name a key which nobody has', () => {
  it('make others wait for no issuer whose token names a key at hand', async () => {
    const issuer = await OidcIssuer.start();
    let asked: (() => void) | null = null;
    let isSlow = false;
    const server = http.createServer((_request, response) => {
      const answer = (): void => void response.end(JSON.stringify({ keys: issuer.jwks() }));
      if (isSlow) asked = answer;
      else answer();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
    const row = { name: 'ci', type: 'oidc', issuer: issuer.issuer, jwksUri, audience: 'gate' };
    let nowMs = Date.now();
    const verifier = new TokenVerifier({
      issuers: [{ ...row, algorithms: ['RS256'] } as IssuerConfig],
      ...clocksAt(() => nowMs),
    });
    const mint = (sub: string, kid?: string): string =>
      issuer.mint({ aud: 'gate', sub }, kid === undefined ? {} : { header: { kid } });
    await verifier.verify(mint('first'), '10.0.0.1');
    nowMs += JWKS.coolDownMs + 1;
    isSlow = true;
    const flood = Array.from({ length: TOKENS.checksPerIssuer + 50 }, async (_unused, i) =>
      verifier.verify(mint('flood', `made up ${i}`), '10.0.0.2').catch(() => 'refused'),
    );
    await expect.poll(() => asked, PATIENT).not.toBeNull();
    // The issuer does not answer before the honest one is in.
    expect(await verifier.verify(mint('honest'), '10.0.0.3')).toMatchObject({ subject: 'honest' });
    asked!();
    expect(new Set(await Promise.all(flood))).toEqual(new Set(['refused']));
    server.closeAllConnections();
    server.close();
    await issuer.close();
  });
});

describe('system tables that clients read', () => {
  const SELECT = 'SELECT * FROM system.local';
  const PEERS = 'SELECT * FROM system.peers_v2';
  let gate: ScriptedGate;
  let held: ScriptedRequest[] | null = null;
  const clients: RawClient[] = [];
  const login = async (role: string): Promise<RawClient> => {
    const client = await gate.login(role);
    clients.push(client);
    return client;
  };

  beforeEach(async () => {
    held = null;
    const role = { grants: ['SELECT ON KEYSPACE shop'] };
    // Rows of siblings are made here, of the row of a node that the control connection reads.
    const advertise = { host: '127.0.0.1', port: 9042, peers: ['127.0.0.9:9042'] };
    gate = await ScriptedGate.start({ flood: role, honest: role }, { advertise });
    const { cluster } = gate;
    cluster.script = (request) => {
      if (held === null || request.text !== SELECT) return false;
      held.push(request);
      return true;
    };
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await gate.close();
  });

  it('leave room on the control connection, and for another role', async () => {
    held = [];
    const flood = [await login('flood'), await login('flood'), await login('flood')];
    const answers = flood.flatMap((client) =>
      Array.from({ length: 1_500 }, async () => client.query(PEERS)),
    );
    await expect.poll(() => held!.length, PATIENT).toBe(UPSTREAM.systemReadsPerRole);
    const honest = await login('honest');
    const answer = honest.query(PEERS);
    await expect.poll(() => held!.length, PATIENT).toBe(UPSTREAM.systemReadsPerRole + 1);
    const late = held.splice(0);
    held = null;
    for (const request of late) gate.cluster.nodes[0]!.script(request);
    expect(errorOf(await answer)).toBeNull();
    const codes = (await Promise.all(answers)).map((one) => errorOf(one)?.code ?? null);
    // Four thousand find a place in the line, those beyond it are told.
    const told = codes.filter((code) => code !== null);
    expect(new Set(told)).toEqual(new Set(told.length > 0 ? [CqlErrorCode.OVERLOADED] : []));
  });
});
