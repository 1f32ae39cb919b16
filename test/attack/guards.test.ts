// An error of the gate's own in whatever the event loop calls ends what it belongs to, and nothing else.
import { EventEmitter } from 'node:events';
import { ESLint } from 'eslint';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { guarded, guardedEach, reportFaultsTo, unattended } from '../../src/guard.ts';
import { flushAfterTurn } from '../../src/turn.ts';

const told: string[] = [];
const ends: unknown[] = [];

beforeEach(() => {
  told.length = 0;
  ends.length = 0;
  reportFaultsTo((place, error) => told.push(`${place}: ${String(error)}`));
});

afterEach(() => vi.useRealTimers());

const fail = (): never => {
  throw new Error('ours');
};

describe('a guard', () => {
  it('ends what the handler belongs to, with what it was called with', () => {
    const socket = new EventEmitter();
    const read = (chunk: string): void => {
      throw new Error(chunk === 'bytes' ? 'ours' : 'another');
    };
    socket.on(
      'data',
      guarded('session', read, (chunk) => ends.push(chunk)),
    );
    socket.emit('data', 'bytes');
    expect(told).toEqual(['session: Error: ours']);
    expect(ends).toEqual(['bytes']);
  });

  it('lets a timer go on with its next round', () => {
    vi.useFakeTimers();
    let rounds = 0;
    const timer = setInterval(
      guarded('cluster', () => {
        rounds++;
        fail();
      }),
      10,
    );
    vi.advanceTimersByTime(35);
    clearInterval(timer);
    expect(rounds).toBe(3);
    expect(told).toHaveLength(3);
  });

  it('reports what goes wrong in the end too, and does not throw', () => {
    guarded('session', fail, fail)();
    expect(told).toHaveLength(2);
  });

  it('gives each of many its turn', () => {
    const served: number[] = [];
    const serve = (one: number): void => {
      if (one === 2) fail();
      served.push(one);
    };
    guardedEach('session', [1, 2, 3], serve, (one) => ends.push(one));
    expect(served).toEqual([1, 3]);
    expect(ends).toEqual([2]);
  });

  it('takes a promise that nobody waits for', async () => {
    unattended('lane', Promise.reject(new Error('ours')), () => ends.push('ended'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['lane: Error: ours']);
    expect(ends).toEqual(['ended']);
  });
});

describe('the writes of a turn', () => {
  it('reach every destination but the one that fails', async () => {
    const flushed: string[] = [];
    const destination = (name: string, flush: () => void) => ({
      flush,
      flushFailed: () => ends.push(name),
    });
    flushAfterTurn(destination('a', () => flushed.push('a')));
    flushAfterTurn(destination('b', fail));
    flushAfterTurn(destination('c', () => flushed.push('c')));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(flushed).toEqual(['a', 'c']);
    expect(ends).toEqual(['b']);
    expect(told).toEqual(['flush: Error: ours']);
  });
});

describe('a handler without a guard', () => {
  const found = async (code: string): Promise<number> => {
    const eslint = new ESLint({ cwd: process.cwd() });
    const [result] = await eslint.lintText(code, { filePath: 'src/turn.ts' });
    return result!.messages.filter(({ ruleId }) => ruleId === 'cqlgate/guarded-entries').length;
  };

  it('is found, of each kind', async () => {
    const bad = [
      `socket.on('data', (chunk) => read(chunk));`,
      `socket.once('close', this.closed);`,
      `setTimeout(() => act(), 1);`,
      `setInterval(act, 1);`,
      `setImmediate(() => act());`,
      `queueMicrotask(act);`,
      `process.nextTick(() => act());`,
      `net.createServer((socket) => accept(socket));`,
      `server.listen(1, () => act());`,
      `process.on('SIGTERM', act);`,
      `void promised();`,
      `promised().then(act);`,
      `promised().catch(act);`,
    ];
    const good = [
      `socket.on('data', guarded('session', act));`,
      `socket.on('error', () => undefined);`,
      `const later = guarded('session', act); setImmediate(later);`,
      `unattended('lane', promised());`,
      `promised().catch(() => undefined);`,
      `void act();`,
    ];
    const around = (lines: string[]) =>
      `import net from 'node:net';
       import { guarded, unattended } from './guard.ts';
       declare const socket: net.Socket, server: net.Server;
       declare function act(...of: unknown[]): void;
       declare function read(...of: unknown[]): void;
       declare function accept(...of: unknown[]): void;
       declare function promised(): Promise<void>;
       export function all() { ${lines.join('\n')} }`;
    expect(await found(around(bad))).toBe(bad.length);
    expect(await found(around(good))).toBe(0);
  }, 60_000);
});
