// `cqlgate sidecar` offers Cassandra at localhost to an application that knows nothing of tokens. It ends together with
// the process that started it, and with the command that it was given.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { addAbortSignal } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { later, monotonicMs } from '../clock.ts';
import { exposure } from '../config/exposed-files.ts';
import { HOW_HOST_PORT, parseHostPort } from '../config/host-port.ts';
import { ConfigFault } from '../errors.ts';
import { keepAlive, keepAliveOptions } from '../keep-alive.ts';
import { SIDECAR } from '../limits/commands.ts';
import { endpointText, inetBytes, type Endpoint } from '../protocol/inet.ts';
import { GateLoginSteps, startupFrame } from '../sidecar/gate-login.ts';
import { withoutLineEnd } from '../secrets/local.ts';
import { SidecarServer } from '../sidecar/server.ts';
import type { CommandDefinition } from './command.ts';
import { LastResort } from './last-resort.ts';

export const command: CommandDefinition<SidecarOptions, readonly string[]> = {
  summary:
    'Cassandra at localhost for an application without a token: logs in to a gate with the token of this step; ends with the process that started it',
  argument: {
    name: '[command...]',
    summary: 'run this, after --, while the sidecar is up; exit code is its own',
  },
  options: [
    { flags: '--gate <host:port>', summary: 'the gate, over TLS', isRequired: true },
    {
      flags: '--listen <host:port>',
      summary: 'where applications connect',
      default: '127.0.0.1:9042',
    },
    { flags: '--role <name>', summary: 'role of the policy', default: 'oidc' },
    {
      flags: '--token-env <name>',
      summary: 'variable with the token',
      default: 'BITBUCKET_STEP_OIDC_TOKEN',
    },
    { flags: '--token-file <file>', summary: 'file with the token instead; read for each login' },
    {
      flags: '--ca <file>',
      summary: "CA of the gate's certificate, where the system does not know it",
    },
    {
      flags: '--server-name <name>',
      summary: "name in the gate's certificate; default: the host",
    },
    { flags: '--plaintext', summary: 'no TLS, to a gate on this machine' },
    {
      flags: '--password-file <file>',
      summary: 'applications have to give this password (any username)',
    },
    {
      flags: '--drop-token',
      summary:
        "leave the token out of the command's environment; a process of the same user can still read it in the sidecar's",
    },
    {
      flags: '--wait <seconds>',
      summary: 'listen only once the gate takes the token; exit code 1 if it does not',
    },
    {
      flags: '--keep-alive <seconds>',
      summary:
        'after so long without a byte, ask whether application and gate are still there; default: 60',
    },
  ],
  run: async (options, { messages }, words) => {
    new LastResort().install();
    return sidecar(options, words, (text) => void messages.write(`cqlgate sidecar: ${text}\n`));
  },
};

interface SidecarOptions {
  readonly gate: string;
  readonly listen: string;
  readonly role: string;
  readonly tokenEnv: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly serverName?: string;
  readonly plaintext?: boolean;
  readonly passwordFile?: string;
  readonly dropToken?: boolean;
  /** How long to wait for the gate, in seconds. */
  readonly wait?: string;
  readonly keepAlive?: string;
}

/**
 * Runs until a signal, until its parent is gone, or until `command` ends, which is started once the gate takes the
 * token. Resolves with the exit code: the command's, where there is one.
 */
async function sidecar(
  options: SidecarOptions,
  command: readonly string[],
  tell: (text: string) => void,
): Promise<number> {
  const gone = parentGone();
  const gate = hostPort('--gate', options.gate);
  const listen = hostPort('--listen', options.listen, true);
  if (!isLoopback(listen.host)) {
    throw new ConfigFault(['--listen is on this machine only: 127.0.0.1 or ::1']);
  }
  const keepAliveMs = keepAliveOf(options.keepAlive);
  const connect = await connector(gate, options, keepAliveMs);
  const token = tokenSource(options);
  const admits =
    options.passwordFile === undefined
      ? { uid: ownUser() }
      : { password: await passwordOf(options.passwordFile) };
  if (options.dropToken === true && command.length === 0) {
    throw new ConfigFault(['--drop-token is for the command behind --, and there is none']);
  }
  for (const [name, file] of [
    ['--password-file', options.passwordFile],
    ['--token-file', options.tokenFile],
  ] as const) {
    const warning = file === undefined ? null : await exposure(name, file);
    if (warning !== null) tell(`warning: ${warning}`);
  }
  const server = new SidecarServer({
    ...listen,
    keepAliveMs,
    admits,
    connect,
    token,
    role: options.role,
    hints: (port) => hintsOf(process.env, { host: listen.host, port }),
    refused: (message) => tell(`refused: ${message}`),
  });
  const wait = options.wait ?? (command.length > 0 ? String(SIDECAR.commandWaitSeconds) : null);
  if (wait !== null) await gateAnswers(Number(wait), { connect, token, role: options.role, gone });
  const port = await server.listen();
  tell(
    `listening on ${endpointText({ host: listen.host, port })} for ${options.gate} as role ${options.role}`,
  );
  try {
    return command.length > 0
      ? await run(command, commandEnv(options, { host: listen.host, port }), gone)
      : await endedBy(gone);
  } finally {
    await server.close();
  }
}

/** With `isOwn` it is a port that this process listens on, where 0 means any that is free. */
function hostPort(option: string, text: string, isOwn = false): Endpoint {
  const isAny = isOwn && /:0$/.test(text);
  const parsed = parseHostPort(isAny ? text.replace(/:0$/, ':1') : text);
  if (parsed === null) throw new ConfigFault([`${option} ${text}: ${HOW_HOST_PORT}`]);
  return isAny ? { ...parsed, port: 0 } : parsed;
}

function keepAliveOf(seconds = String(SIDECAR.keepAliveSeconds)): number {
  const isTime = /^[1-9]\d{0,4}$/.test(seconds);
  if (!isTime) throw new ConfigFault(['--keep-alive takes a number of seconds, from 1 to 99999']);
  return Number(seconds) * 1000;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

async function connector(
  { host, port }: Endpoint,
  { ca, serverName, plaintext }: SidecarOptions,
  keepAliveMs: number,
): Promise<() => net.Socket> {
  if (plaintext === true) {
    if (!isLoopback(host)) {
      throw new ConfigFault(['--plaintext would send the token over a network: leave it out']);
    }
    return () => net.connect({ host, port, ...keepAliveOptions(keepAliveMs) });
  }
  const authority = ca === undefined ? {} : { ca: await readFile(ca) };
  const name = serverName ?? host;
  const servername = net.isIP(name) === 0 ? { servername: name } : {};
  return () => {
    const options = { host, port, ...authority, ...servername, minVersion: 'TLSv1.2' } as const;
    const socket = tls.connect(options);
    keepAlive(socket, keepAliveMs);
    return socket;
  };
}

/** The token is read for each login, since Kubernetes replaces its file before the token ends. */
function tokenSource({ tokenFile, tokenEnv }: SidecarOptions): () => Promise<string> {
  return async () => {
    const text =
      tokenFile === undefined ? process.env[tokenEnv] : await readFile(tokenFile, 'utf8');
    const found = text?.trim() ?? '';
    if (found !== '') return found;
    throw new Error(
      tokenFile === undefined
        ? `the variable ${tokenEnv} holds no token: set 'oidc: true' in the step of bitbucket-pipelines.yml`
        : `${tokenFile} holds no token`,
    );
  };
}

async function passwordOf(file: string): Promise<string> {
  const password = withoutLineEnd(await readFile(file, 'utf8'));
  if (password === '') throw new ConfigFault([`${file} is empty`]);
  return password;
}

/** The user whose processes are let in, where the system tells whose a connection is; elsewhere a password is needed. */
function ownUser(): number {
  if (process.platform === 'linux' && process.getuid !== undefined) return process.getuid();
  throw new ConfigFault([
    'this system does not tell whose process connects: give --password-file, with the password that applications use',
  ]);
}

/**
 * What the gate records as hints, and the sidecar's own port, by which drivers are to know the gate. The port is not known
 * yet (null) when it is tried whether the gate takes the token.
 */
function hintsOf(env: NodeJS.ProcessEnv, listening: Endpoint | null): ReadonlyMap<string, string> {
  const hints: [string, string | undefined][] = [
    ['CQLGATE_COMMIT', env['BITBUCKET_COMMIT']],
    ['CQLGATE_BRANCH', env['BITBUCKET_BRANCH'] ?? env['BITBUCKET_TAG']],
    ['CQLGATE_BUILD_NUMBER', env['BITBUCKET_BUILD_NUMBER']],
    ['CQLGATE_TRACEPARENT', env['TRACEPARENT']],
    ['CQLGATE_ADVERTISE', listening === null ? undefined : advertised(listening)],
  ];
  return new Map(
    hints.filter((hint): hint is [string, string] => hint[1] !== undefined && hint[1] !== ''),
  );
}

function advertised({ host, port }: Endpoint): string | undefined {
  const address = host === 'localhost' ? '127.0.0.1' : host;
  return inetBytes(address) === null ? undefined : `${address} ${port}`;
}

interface Login {
  readonly connect: () => net.Socket;
  readonly token: () => Promise<string>;
  readonly role: string;
  /** Aborted once nobody waits for the result any more. */
  readonly gone: AbortSignal;
}

/** Rejects at once when the gate refuses the token, and with the last problem when the time is over. */
async function gateAnswers(seconds: number, login: Login): Promise<void> {
  if (!(seconds > 0)) throw new ConfigFault(['--wait takes a number of seconds']);
  const deadlineMs = later(monotonicMs(), seconds * 1000);
  for (;;) {
    const problem = await tryLogin(login);
    if (problem === null) return;
    const isLast = later(monotonicMs(), SIDECAR.pollMs) > deadlineMs;
    if (problem.final || isLast || login.gone.aborted) {
      throw new ConfigFault([problem.message]);
    }
    await delay(SIDECAR.pollMs);
  }
}

async function tryLogin({
  connect,
  token,
  role,
  gone,
}: Login): Promise<{ message: string; final: boolean } | null> {
  let presented: string;
  try {
    presented = await token();
  } catch (error) {
    return { message: (error as Error).message, final: true };
  }
  const options = new Map([['CQL_VERSION', '3.0.0'], ...hintsOf(process.env, null)]);
  const login = { version: SIDECAR.defaultVersion, options, role, token: presented };
  const steps = new GateLoginSteps(login);
  const socket = addAbortSignal(gone, connect());
  try {
    return await new Promise((resolve) => {
      const failed = (message: string): void =>
        resolve({ message: `the gate does not answer: ${message}`, final: false });
      socket.setTimeout(SIDECAR.handshakeMs, () => failed('no answer in time'));
      socket.on('error', (error) => failed(error.message));
      socket.on('close', () => failed('it closed the connection'));
      socket.on('data', (chunk) => {
        for (const step of steps.read(chunk)) {
          if (step.type === 'send') for (const bytes of step.bytes) socket.write(bytes);
          else if (step.type === 'in') resolve(null);
          else resolve({ message: step.message, final: true });
        }
      });
      socket.write(startupFrame(login));
    });
  } finally {
    socket.destroy();
  }
}

/**
 * The environment of the command: that of this process, the address of Cassandra, and with --drop-token no variable that
 * holds the token, under whatever name. That keeps the token out of logs and reports of the command and of what it starts;
 * it hides nothing from a process of the same user, which can read this process's own environment.
 */
export function commandEnv(
  { dropToken, tokenEnv }: Pick<SidecarOptions, 'dropToken' | 'tokenEnv'>,
  { host, port }: Endpoint,
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const own = { CASSANDRA_HOST: host, CASSANDRA_PORT: String(port) };
  if (dropToken !== true) return { ...env, ...own };
  const token = env[tokenEnv]?.trim() ?? '';
  const kept = Object.entries(env).filter(
    ([name, value]) => name !== tokenEnv && (token === '' || value?.includes(token) !== true),
  );
  return { ...Object.fromEntries(kept), ...own };
}

/**
 * Runs a command to its end, and passes signals on to it. Resolves with its exit code, as a shell has it. Once the parent
 * is gone, the command is told to end but not waited for: the sidecar's port closes all the same.
 */
async function run(
  [name, ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  gone: AbortSignal,
): Promise<number> {
  const child = spawn(name!, args, { stdio: 'inherit', env });
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new ConfigFault([`${name}: ${error.message}`])));
    child.once('exit', (code, signal) => resolve(code ?? codeOf(signal)));
    whenAborted(gone, () => {
      child.kill('SIGTERM');
      child.unref();
      resolve(codeOf('SIGTERM'));
    });
  });
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

function codeOf(signal: NodeJS.Signals | null): number {
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}

/** Resolves at a signal, or when the parent is gone. */
async function endedBy(gone: AbortSignal): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of SIGNALS) process.once(signal, () => resolve(0));
    whenAborted(gone, () => resolve(0));
  });
}

function whenAborted(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true });
}

/** Aborted when the process that started this one has ended: the system then gives this one another parent. */
function parentGone(): AbortSignal {
  const parent = process.ppid;
  const gone = new AbortController();
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone.abort();
  }, SIDECAR.pollMs);
  timer.unref();
  return gone.signal;
}
