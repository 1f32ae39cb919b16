// Lines of a byte stream, at every cut and in constant memory.
import { describe, expect, it } from 'vitest';
import { linesOf, type Line } from '../src/lines.ts';

async function read(chunks: readonly (Buffer | string)[], maxBytes?: number): Promise<Line[]> {
  const lines: Line[] = [];
  async function* stream(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield await Promise.resolve(Buffer.from(chunk));
  }
  for await (const line of linesOf(stream(), maxBytes)) lines.push(line);
  return lines;
}

const ended = (line: string): Line => ({ line, ended: true });

describe('lines', () => {
  it('are the same at every cut, within characters too', async () => {
    const text = Buffer.from('a\n\né€\u2028x\r\nlast');
    const expected = [ended('a'), ended(''), ended('é€\u2028x\r'), { line: 'last', ended: false }];
    for (let at = 0; at <= text.length; at++) {
      expect(await read([text.subarray(0, at), text.subarray(at)])).toEqual(expected);
    }
  });

  it('end by a line feed, and nothing is left behind the last one', async () => {
    expect(await read([])).toEqual([]);
    expect(await read(['a\n'])).toEqual([ended('a')]);
    expect(await read(['', 'a', '', 'b\n'])).toEqual([ended('ab')]);
  });

  it('that are too long give their beginning only, and the next one is whole', async () => {
    expect(await read(['abc\nabcd\nefghijk', 'lmn\nxyz'], 3)).toEqual([
      ended('abc'),
      ended('abc'),
      ended('efg'),
      { line: 'xyz', ended: false },
    ]);
  });
});
