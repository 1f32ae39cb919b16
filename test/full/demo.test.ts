// The demo as a newcomer meets it: the pipeline, its audit trail, and the lines it prints, pasted.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shell } from '../support/cqlsh.ts';
import { noNode } from '../support/nodes.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

describe.skipIf(noNode)('the demo', () => {
  let demo: ChildProcess;
  const output: string[] = [];
  const pasted = (client: string): string => {
    const at = output.findIndex((line) => line.startsWith(client));
    return output[at + 1]!.trim();
  };

  beforeAll(async () => {
    demo = spawn(process.execPath, ['--import', 'tsx', 'examples/demo/run.ts'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: demo.stdout! });
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        output.push(line);
        if (line.startsWith('The gate stays up')) resolve();
      });
      demo.once('exit', (code) => reject(new Error(`${code}:\n${output.join('\n')}`)));
    });
  });

  afterAll(async () => {
    if (demo?.exitCode !== null) return;
    demo.kill('SIGTERM');
    await once(demo, 'exit');
  });

  it('migrates, seeds and validates, is denied the DROP, and shows who did what', () => {
    const text = output.join('\n');
    expect(text).toMatch(/✓ migrate .* 3 schema changes/);
    expect(text).toMatch(/✓ seed .* 500 rows/);
    expect(text).toMatch(/✓ validate .* 500 rows are there/);
    expect(text).toMatch(/✗ clean up .* has no DROP ON TABLE cqlgate_demo.items/);
    expect(text).toMatch(/orders-migrator +5f2c1d7 +CREATE TABLE IF NOT EXISTS .* ok /);
    expect(text).toMatch(/orders-reader +5f2c1d7 +DROP TABLE cqlgate_demo.items +DENIED +no DROP/);
    expect(text).toMatch(/^intact: /m);
  });

  it('prints a line for cqlsh that works as it stands', async () => {
    const { stdout, stderr } = await shell(pasted('cqlsh'), {
      cwd: ROOT,
      input: 'SELECT name FROM items WHERE id = 7;\n',
    });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/item 7\n/);
  });

  it('prints a line for Node that works as it stands', async () => {
    const { stdout, stderr } = await shell(pasted('Node'), { cwd: ROOT });
    expect(stderr).toBe('');
    expect(stdout.match(/name: 'item \d+'/g)).toHaveLength(3);
  });

  it('prints a line for Python that works as it stands', async () => {
    const { stdout } = await shell(pasted('Python'), { cwd: ROOT });
    expect(stdout.match(/Row\(name='item \d+'\)/g)).toHaveLength(3);
  });

  it('ends on a signal, with exit code 0', async () => {
    demo.kill('SIGTERM');
    const [code] = (await once(demo, 'exit')) as [number];
    expect(code).toBe(0);
  });
});
