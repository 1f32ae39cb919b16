// A handler of the event loop that is registered without a guard is found by lint.
import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

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
