// `cqlgate serve` as one process: which signal stops it, how long that takes, and what a second one does.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { command } from '../../src/commands/serve.ts';
import { startGate, type RunningGate } from '../../src/commands/start-gate.ts';
import { Files } from '../config/files.ts';
import { runCommand } from '../support/terminal.ts';

vi.mock('../../src/commands/start-gate.ts');
vi.mock('../../src/commands/v8-flags.ts');
// Its lines would be among those of the tests.
vi.mock('pino', () => {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return { pino: Object.assign(() => log, { stdTimeFunctions: { isoTime: () => '' } }) };
});

const SIGNALS = ['SIGTERM', 'SIGINT', 'uncaughtException'] as const;
let files: Files;
let done: string[];
let drained: () => void;

beforeEach(async () => {
  files = await Files.create();
  done = [];
  const gate: RunningGate = {
    port: 9042,
    drainTimeoutMs: 30_000,
    drain: async (timeoutMs) => {
      done.push(`drain ${timeoutMs}`);
      return new Promise<void>((resolve) => (drained = resolve));
    },
    close: async () => Promise.resolve(void done.push('close')),
    seal: async () => Promise.resolve(),
  };
  vi.mocked(startGate).mockResolvedValue(gate);
  // The process would be ended some time after the command.
  vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never);
  vi.useFakeTimers({ toFake: ['setTimeout'] });
});
afterEach(async () => {
  for (const name of SIGNALS) process.removeAllListeners(name);
  vi.useRealTimers();
  vi.restoreAllMocks();
  await files.remove();
});

const signal = (name: 'SIGTERM' | 'SIGINT'): void => void process.emit(name);

/** `started` resolves once it waits for signals. */
function run() {
  const before = process.listenerCount('SIGTERM');
  const ended = runCommand(command, { config: files.config }, undefined as never);
  const started = async () => vi.waitUntil(() => process.listenerCount('SIGTERM') > before);
  return { ended, started };
}

describe('cqlgate serve', () => {
  it.each([
    ['SIGTERM', 'drain 30000'],
    ['SIGINT', 'drain 0'],
  ] as const)('at %s does %s and then ends with 0', async (name, drain) => {
    const running = run();
    await running.started();
    signal(name);
    await vi.waitUntil(() => done.length > 0);
    expect(done).toEqual([drain]);
    drained();
    expect((await running.ended).exitCode).toBe(0);
    expect(done).toEqual([drain, 'close']);
  });

  it('does not wait for the drain after a second signal', async () => {
    const running = run();
    await running.started();
    signal('SIGTERM');
    await vi.waitUntil(() => done.length > 0);
    signal('SIGTERM');
    expect((await running.ended).exitCode).toBe(0);
    expect(done).toEqual(['drain 30000', 'close']);
  });

  it('rejects with what keeps the gate from starting', async () => {
    vi.mocked(startGate).mockRejectedValue(new Error('no node is reached'));
    await expect(run().ended).rejects.toThrow('no node is reached');
  });
});
