// Who is let in at the port, and what happens to all sessions at once. Sockets were never connected, and sessions
// are doubles that note what they are told: what a session does is its own affair.
import net from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { reportFaultsTo } from '../../src/guard.ts';
import { Admission } from '../../src/identity/admission.ts';
import { resolveLimits } from '../../src/limits/operator.ts';
import { PROXY, SESSION } from '../../src/limits/session.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Gate } from '../../src/session/gate.ts';
import { Listener } from '../../src/session/listener.ts';
import { ProxySources } from '../../src/session/proxy-sources.ts';
import type { Session } from '../../src/session/session.ts';
import type { DetectionListener, TlsDetector } from '../../src/tls/tls-detector.ts';
import { proxyHeader } from '../support/proxy-header.ts';
import { roomyBudget } from '../support/session-account.ts';
import { sessions } from '../support/session-double.ts';

const LIMITS = resolveLimits({
  sessions: 3,
  unauthenticatedPerSource: 2,
  handshakeTimeoutMs: 8_000,
});
const CHANGE = {
  change: 'CREATED',
  target: 'KEYSPACE',
  keyspace: 'shop',
  name: null,
  argumentTypes: null,
} as const;

vi.mock('../../src/session/session.ts', async () => import('../support/session-double.ts'));

let metrics: Metrics;
let admission: Admission;
let warnings: string[];
let memoryTicks: number;
let server: net.Server;
let listener: Listener;
let faults: string[];
let asked: MockInstance;
/** How connections were handed to TLS detection. */
let detected: { readonly socket: net.Socket; readonly listener: DetectionListener }[];

function listen(
  options: { tls?: boolean; proxies?: readonly string[]; allowPlaintext?: boolean } = {},
) {
  const created = vi.spyOn(net, 'createServer');
  const memory = roomyBudget();
  vi.spyOn(memory, 'tick').mockImplementation(() => {
    memoryTicks++;
  });
  const warn = (_fields: object, message: string): void => void warnings.push(message);
  // All that a listener itself uses of a gate.
  const gate: Pick<Gate, 'limits' | 'metrics' | 'log' | 'admission' | 'memory' | 'allowPlaintext'> =
    {
      limits: LIMITS,
      metrics,
      log: { info: () => undefined, warn, error: () => undefined },
      admission,
      memory,
      allowPlaintext: options.allowPlaintext ?? false,
    };
  const tls: Pick<TlsDetector, 'detect'> | null =
    options.tls === true
      ? { detect: (socket, to) => void detected.push({ socket, listener: to }) }
      : null;
  listener = new Listener(
    gate as Gate,
    tls as TlsDetector | null,
    new ProxySources(options.proxies ?? []),
  );
  server = created.mock.results[0]!.value as net.Server;
}

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['performance', 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'],
  });
  [metrics, warnings, memoryTicks, faults, detected] = [new Metrics(), [], 0, [], []];
  admission = new Admission(LIMITS);
  sessions.length = 0;
  reportFaultsTo((place) => faults.push(place));
  asked = vi.spyOn(net.Server.prototype, 'listen').mockImplementation(function (
    this: net.Server,
    ...args: unknown[]
  ) {
    (args.at(-1) as () => void)();
    return this;
  });
  vi.spyOn(net.Server.prototype, 'address').mockReturnValue({ address: '', family: '', port: 9 });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

let ports = 1_000;
/** A connection from there. */
function connect(address = '192.0.2.1', port = ports++): net.Socket {
  const socket = new net.Socket();
  vi.spyOn(socket, 'remoteAddress', 'get').mockReturnValue(address);
  vi.spyOn(socket, 'remotePort', 'get').mockReturnValue(port);
  server.emit('connection', socket);
  return socket;
}

const count = (result: string): number => metrics.counter('connections_total', result).value;
const toldOf = (i: number): string[] => sessions[i]!.told;

describe('a connection', () => {
  it('becomes a session of its address, and is read', () => {
    listen();
    const socket = connect('::ffff:192.0.2.1', 4_711);
    expect(sessions).toHaveLength(1);
    expect(sessions[0]!.options).toMatchObject({
      socket,
      client: { address: '192.0.2.1', port: 4_711 },
      plaintextProblem: expect.stringContaining('this machine only'),
    });
    expect(socket.isPaused()).toBe(false);
    expect([count('accepted'), listener.sessions, admission.unauthenticated]).toEqual([1, 1, 1]);
  });

  it('is refused past the number of sessions, and taken again once one has ended', () => {
    listen();
    const all = ['a', 'b', 'c'].map(() => connect(`192.0.2.${ports % 200}`));
    const refused = connect('192.0.2.250');
    expect([sessions.length, refused.destroyed, count('refused'), warnings.length]).toEqual([
      3,
      true,
      1,
      1,
    ]);
    expect(all.some(({ destroyed }) => destroyed)).toBe(false);
    const [first] = sessions;
    first!.options.onClosed(first as unknown as Session);
    expect(listener.sessions).toBe(2);
    expect(connect('192.0.2.250').destroyed).toBe(false);
    expect([count('accepted'), count('refused')]).toEqual([4, 1]);
  });

  it('without a login gives way where its source has too many of them', () => {
    listen();
    for (let i = 0; i < 3; i++) connect('192.0.2.1');
    expect(sessions.map(({ told }) => told.length)).toEqual([1, 0, 0]);
    expect(toldOf(0)[0]).toMatch(/^end: evicted/);
  });

  it.each([
    ['192.0.2.1', false, /this machine only/],
    ['192.0.2.1', true, null],
    ['127.0.0.1', false, null],
  ])(
    'from %s in plaintext is told what is wrong with it (allowed: %s)',
    (address, allowed, text) => {
      listen({ allowPlaintext: allowed });
      connect(address);
      const { plaintextProblem } = sessions[0]!.options;
      if (text === null) expect(plaintextProblem).toBeNull();
      else expect(plaintextProblem).toMatch(text);
    },
  );

  it('that an error of ours meets is closed, and the next one is taken', () => {
    listen();
    vi.spyOn(admission, 'admit').mockImplementationOnce(() => {
      throw new Error('ours');
    });
    expect(connect().destroyed).toBe(true);
    expect(faults).toEqual(['listener']);
    expect(connect().destroyed).toBe(false);
  });
});

describe('on a port of TLS', () => {
  beforeEach(() => listen({ tls: true }));

  it('a connection is no session before its handshake, and counts as one', () => {
    for (let i = 0; i < 3; i++) connect(`192.0.2.${i}`);
    expect([sessions.length, detected.length, admission.unauthenticated]).toEqual([0, 3, 3]);
    expect(connect('192.0.2.9').destroyed).toBe(true);
  });

  it('a session is of the secured socket, and has nothing against a token', () => {
    connect('192.0.2.1', 7);
    const secured = new TLSSocket(new Duplex({ read: () => undefined, write: () => undefined }));
    detected[0]!.listener.secured(secured);
    expect(sessions[0]!.options).toMatchObject({
      socket: secured,
      client: { address: '192.0.2.1', port: 7 },
      plaintextProblem: null,
    });
  });

  it('plaintext is a session that is told to use TLS, from this machine too', () => {
    const socket = connect('127.0.0.1');
    detected[0]!.listener.plaintext(socket);
    expect(sessions[0]!.options.plaintextProblem).toContain('TLS only');
  });

  it('a handshake that fails gives its place back, and is counted', () => {
    connect();
    detected[0]!.listener.failed('ERR_SSL_NO_SHARED_CIPHER');
    expect(admission.unauthenticated).toBe(0);
    expect(metrics.counter('tls_failures_total', 'ERR_SSL_NO_SHARED_CIPHER').value).toBe(1);
    for (let i = 0; i < 3; i++) expect(connect(`192.0.2.${i}`).destroyed).toBe(false);
  });

  it('a handshake may take as long as a login, and no longer', async () => {
    await listener.listen('::', 0);
    const socket = connect();
    vi.advanceTimersByTime(LIMITS.handshakeTimeoutMs);
    expect(socket.destroyed).toBe(false);
    vi.advanceTimersByTime(SESSION.tickMs);
    expect(socket.destroyed).toBe(true);
  });

  it('one that is through is not ended by that time', async () => {
    await listener.listen('::', 0);
    const socket = connect();
    detected[0]!.listener.plaintext(socket);
    vi.advanceTimersByTime(2 * LIMITS.handshakeTimeoutMs);
    expect(socket.destroyed).toBe(false);
  });

  it('one that is evicted before its handshake is closed, and as a session ended', () => {
    const first = connect('192.0.2.1');
    connect('192.0.2.1');
    connect('192.0.2.1');
    expect(first.destroyed).toBe(true);
  });
});

describe('behind a load balancer', () => {
  const HEADER = proxyHeader({ source: ['198.51.100.7', 4_711] });

  beforeEach(() => listen({ proxies: ['10.0.0.0/8'] }));

  it('a connection is the client’s that is named, and counts for it alone', () => {
    const socket = connect('10.0.0.1');
    expect([sessions.length, admission.unauthenticated]).toEqual([0, 1]);
    socket.emit('data', HEADER);
    expect(sessions[0]!.options.client).toEqual({ address: '198.51.100.7', port: 4_711 });
    expect(admission.unauthenticated).toBe(1);
    // The balancer may have as many again: the places of its source are free.
    for (let i = 0; i < 2; i++) connect('10.0.0.1');
    expect(sessions).toHaveLength(1);
    expect(socket.destroyed).toBe(false);
  });

  it('a named address of this machine opens nothing', () => {
    connect('10.0.0.1').emit('data', proxyHeader({ source: ['127.0.0.1', 1] }));
    expect(sessions[0]!.options.plaintextProblem).toContain('this machine only');
  });

  it('nobody else may name an address', () => {
    const socket = connect('192.0.2.1');
    expect(sessions).toHaveLength(1);
    socket.emit('data', HEADER);
    expect(sessions[0]!.options.client.address).toBe('192.0.2.1');
  });

  it('a header that is not taken is counted each time, and told once in a while', () => {
    for (let i = 0; i < 3; i++) connect('10.0.0.1').emit('data', Buffer.alloc(16));
    expect(metrics.counter('proxy_header_failures_total', 'no_header').value).toBe(3);
    expect([warnings.length, admission.unauthenticated, sessions.length]).toEqual([1, 0, 0]);
    vi.advanceTimersByTime(PROXY.warnIntervalMs);
    connect('10.0.0.1').emit('data', Buffer.alloc(16));
    expect(warnings).toHaveLength(2);
  });

  it('a header has its own time, within that of the login', async () => {
    await listener.listen('::', 0);
    const socket = connect('10.0.0.1');
    vi.advanceTimersByTime(PROXY.headerTimeoutMs);
    expect(socket.destroyed).toBe(false);
    vi.advanceTimersByTime(SESSION.tickMs);
    expect(socket.destroyed).toBe(true);
  });

  it('one that is through its header is not ended by that time', async () => {
    await listener.listen('::', 0);
    const socket = connect('10.0.0.1');
    socket.emit('data', HEADER);
    vi.advanceTimersByTime(2 * LIMITS.handshakeTimeoutMs);
    expect(socket.destroyed).toBe(false);
  });

  it('a balancer that only looks is no fault, and holds no place', () => {
    connect('10.0.0.1').emit('close');
    expect([warnings.length, admission.unauthenticated]).toEqual([0, 0]);
  });
});

describe('all sessions', () => {
  beforeEach(() => {
    listen();
    connect('192.0.2.1');
    connect('192.0.2.2', 1);
    connect('192.0.2.3');
    sessions[0]!.fails = true;
  });

  it('are looked at with the memory, each though another fails, which is cut off', async () => {
    await listener.listen('::', 0);
    vi.advanceTimersByTime(SESSION.tickMs);
    expect(sessions.map(({ told }) => told)).toEqual([['tick', 'cut off'], ['tick'], ['tick']]);
    expect([memoryTicks, faults]).toEqual([1, ['session']]);
  });

  it('hear of changes of the schema', () => {
    listener.schemaChanged(CHANGE);
    expect(sessions.map(({ told }) => told[0])).toEqual(Array(3).fill('changed shop'));
    expect(toldOf(0)).toContain('cut off');
  });

  it('are listed where they are logged in', () => {
    expect(listener.list().map(({ id }) => id)).toEqual(['192.0.2.1', '192.0.2.3']);
  });

  it('are ended at once at the end of the gate', async () => {
    await listener.close();
    expect(sessions.map(({ told }) => told[0])).toEqual(Array(3).fill('end: shutdown'));
    expect(toldOf(0)).toContain('cut off');
  });

  it('are told to go, and go after the time that is given', async () => {
    let close: () => void = () => undefined;
    vi.spyOn(server, 'close').mockImplementation((done) => {
      close = () => done?.();
      return server;
    });
    const drained = listener.drain(30_000);
    expect(toldOf(1)).toEqual(['goes down']);
    vi.advanceTimersByTime(29_999);
    expect(toldOf(1)).toEqual(['goes down']);
    vi.advanceTimersByTime(1);
    expect(toldOf(1)).toEqual(['goes down', 'end after flight: shutdown']);
    close();
    await drained;
  });

  it('are not ended by a time that is over because they all went', async () => {
    await listener.drain(30_000);
    vi.advanceTimersByTime(30_000);
    expect(toldOf(1)).toEqual(['goes down']);
  });
});

describe('at its end', () => {
  it('a connection on its way through a header or a handshake is closed at once', async () => {
    listen({ tls: true, proxies: ['10.0.0.0/8'] });
    const [balancer, secured] = [connect('10.0.0.1'), connect('192.0.2.1')];
    await listener.close();
    expect([balancer.destroyed, secured.destroyed]).toEqual([true, true]);
  });

  it('nothing is looked at any more', async () => {
    listen();
    await listener.listen('::', 0);
    connect();
    await listener.close();
    vi.advanceTimersByTime(10 * SESSION.tickMs);
    expect([toldOf(0), memoryTicks]).toEqual([['end: shutdown'], 0]);
  });
});

describe('the port', () => {
  it('is listened on with room for many who start at once, and is told', async () => {
    listen();
    expect(await listener.listen('::', 9_042)).toBe(9);
    expect(asked).toHaveBeenCalledWith(
      { host: '::', port: 9_042, backlog: SESSION.acceptBacklog },
      expect.anything(),
    );
  });

  it('that can not be had is an error', async () => {
    listen();
    vi.spyOn(server, 'listen').mockImplementation(() => {
      server.emit('error', new Error('EADDRINUSE'));
      return server;
    });
    await expect(listener.listen('::', 9_042)).rejects.toThrow('EADDRINUSE');
  });

  it('serves on where one connection could not be accepted', async () => {
    listen();
    await listener.listen('::', 0);
    server.emit('error', Object.assign(new Error('x'), { code: 'EMFILE' }));
    expect(warnings).toEqual(['a connection could not be accepted']);
    expect(connect().destroyed).toBe(false);
  });
});
