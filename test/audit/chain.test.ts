// The hash chain: what is hashed, and what of a line would show.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { GENESIS, link, parseLine } from '../../src/audit/chain.ts';

const FIELDS = { seq: 7, prev: GENESIS, time: '2026-01-02T03:04:05.678Z', id: 'id' };
const { line, hash } = link(FIELDS, { kind: 'config', session: null, reason: 'é\u2028"' });

describe('a line', () => {
  it('ends with the hash of all that stands before it, closed', () => {
    const cut = line.indexOf(',"hash":"');
    expect(line.slice(cut)).toBe(`,"hash":"${hash}"}`);
    expect(
      createHash('sha256')
        .update(`${line.slice(0, cut)}}`)
        .digest('hex'),
    ).toBe(hash);
  });

  it('is read back as it was written', () => {
    expect(parseLine(line)).toMatchObject({
      ...FIELDS,
      kind: 'config',
      hash,
      computed: hash,
      isAsWritten: true,
    });
  });

  it('that was changed has another hash, or is none', () => {
    for (let at = 0; at < line.length - 75; at++) {
      const other = line[at] === 'x' ? 'y' : 'x';
      const changed = parseLine(line.slice(0, at) + other + line.slice(at + 1));
      if (changed !== null) expect(changed.computed).not.toBe(changed.hash);
    }
  });

  it('that reads the same but is written otherwise shows that', () => {
    const spaced = parseLine(line.replace('"v":1', '"v": 1'));
    const twice = parseLine(line.replace('"v":1', '"v":0,"v":1'));
    const replaced = parseLine(line.replace('é', '\ufffd'));
    expect([spaced, twice, replaced].map((one) => one?.isAsWritten)).toEqual([false, false, false]);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', `{"v":1,${line.slice(7)}x`],
    ['no object', `[1,"hash":"${'0'.repeat(64)}"}`],
    ['no hash', '{"v":1,"seq":1}'],
    ['a hash that is none', line.replace(hash, 'z'.repeat(64))],
    ['a hash in capitals', line.replace(hash, 'A'.repeat(64))],
    ['number 0', line.replace('"seq":7', '"seq":0')],
    ['no number', line.replace('"seq":7', '"seq":"7"')],
    ['a number that is not whole', line.replace('"seq":7', '"seq":7.5')],
    ['a time of another form', line.replace('678Z', '678+00:00')],
    ['no id', line.replace('"id":"id"', '"id":5')],
    ['no kind', line.replace('"kind":"config"', '"kind":null')],
    ['a hash before that is none', line.replace(GENESIS, '0')],
  ])('with %s is no record', (_what, text) => {
    expect(parseLine(text)).toBeNull();
  });
});
