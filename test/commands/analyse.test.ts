// `cqlgate analyse --lines`: one answer for each line, whatever stands in it.
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { command } from '../../src/commands/analyse.ts';
import { runCommand } from '../support/terminal.ts';

const answers = (output: string): unknown[] =>
  output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('cqlgate analyse', () => {
  it('answers each line that is not empty, in order', async () => {
    const input = [JSON.stringify('SELECT * FROM t'), '', 'no JSON', '17', JSON.stringify('SELEC')];
    const { exitCode, output } = await runCommand(
      command,
      { keyspace: 'cur' },
      undefined as never,
      input.join('\n'),
    );
    expect(exitCode).toBe(0);
    expect(answers(output)).toEqual([
      {
        ok: true,
        kind: 'SELECT',
        lwt: false,
        needs: ['SELECT ON TABLE cur.t'],
        tables: ['cur.t'],
        functions: [],
        types: [],
      },
      { ok: false, reason: expect.stringContaining('no JSON string') },
      { ok: false, reason: expect.stringContaining('no JSON string') },
      { ok: false, reason: expect.any(String) },
    ]);
  });

  it('waits for a reader that is slow', async () => {
    const output = new PassThrough({ highWaterMark: 1 });
    const line = `${JSON.stringify('SELECT * FROM ks.t')}\n`;
    const running = command.run(
      {},
      { input: Readable.from([Buffer.from(line.repeat(3))]), output, messages: new PassThrough() },
      undefined as never,
    );
    await new Promise((resolve) => setImmediate(resolve));
    // Its first answer fills the stream: no other is made before that is read.
    expect(output.writableLength + output.readableLength).toBeLessThan(2 * 200);
    let text = '';
    output.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await running;
    expect(answers(text)).toHaveLength(3);
  });
});
