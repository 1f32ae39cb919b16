// The end and the beginning of a ledger's file, whatever stands there.
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GENESIS, link } from '../../src/audit/chain.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { headerLog, keptAtEnd, logOf, readTail } from '../../src/audit/tail.ts';
import { LEDGER } from '../../src/limits/audit.ts';
import { limit } from '../support/limits.ts';

let dir: string;
let file: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-'));
  file = path.join(dir, 'ledger');
});
afterEach(async () => rm(dir, { recursive: true }));

const record = (seq: number, entry: Partial<AuditEntry> = {}): string => {
  const fields = { seq, prev: GENESIS, time: '2026-01-02T03:04:05.678Z', id: 'id' };
  return `${link(fields, { kind: 'config', session: null, ...entry }).line}\n`;
};
const header = (log: string, more = ''): string =>
  record(1, { kind: 'checkpoint', detail: { log, more } });
const read = async (...parts: readonly string[]) => {
  await writeFile(file, parts.join(''));
  return readTail(file);
};

describe('the last record', () => {
  it('is the last whole one, and what stands behind it is not whole', async () => {
    const [one, two] = [record(1), record(2)];
    expect(await read(one, two)).toMatchObject({
      last: { seq: 2 },
      wholeBytes: one.length + two.length,
    });
    const torn = await read(one, two.slice(0, -1));
    expect(torn).toMatchObject({ last: { seq: 1 }, wholeBytes: one.length });
    expect(torn.size).toBe(one.length + two.length - 1);
    expect(await read(one, 'noise\n', '\n')).toMatchObject({
      last: { seq: 1 },
      wholeBytes: one.length,
    });
    expect(await read('noise')).toMatchObject({ last: null, wholeBytes: 0, size: 5 });
    expect(await read('')).toEqual({ size: 0, last: null, wholeBytes: 0 });
  });

  it('is found behind more than one read, and across the edge of two', async () => {
    const long = record(1, { reason: 'x'.repeat(3_000_000) });
    expect(await read(long)).toMatchObject({ last: { seq: 1 }, wholeBytes: long.length });
    for (const bytes of [1_048_575, 1_048_576, 1_048_577]) {
      expect(await read(long, `${'y'.repeat(bytes - 1)}\n`)).toMatchObject({
        wholeBytes: long.length,
      });
    }
  });

  it('is no line that is longer than any record', async () => {
    const [one, two] = [record(1), record(2, { reason: 'x'.repeat(500) })];
    limit(LEDGER, { lineBytes: two.length - 1 });
    expect(await read(one, two)).toMatchObject({ last: { seq: 2 } });
    limit(LEDGER, { lineBytes: two.length - 2 });
    expect(await read(one, two)).toMatchObject({ last: { seq: 1 } });
  });
});

describe('the log of a file', () => {
  it('is named by its first line, as far as a header reaches', async () => {
    const log = async (text: string) => {
      await writeFile(file, text);
      return headerLog(file);
    };
    expect(await log(header('abc') + record(2))).toBe('abc');
    expect(await log(record(1) + header('abc'))).toBeNull();
    expect(await log(header('abc').slice(0, -1))).toBeNull();
    const room = LEDGER.headerBytes - header('abc').length;
    expect(await log(header('abc', 'x'.repeat(room)))).toBe('abc');
    expect(await log(header('abc', 'x'.repeat(room + 1)))).toBeNull();
  });

  it.each([
    [{ kind: 'checkpoint', detail: { log: 'a' } }, 'a'],
    [{ kind: 'checkpoint', detail: { log: 5 } }, null],
    [{ kind: 'checkpoint', detail: null }, null],
    [{ kind: 'config', detail: { log: 'a' } }, null],
    [{}, null],
  ])('%j: %s', (found, log) => {
    expect(logOf(found)).toBe(log);
  });
});

it('what the records at the very end say that torn bytes are kept in', async () => {
  const kept = (name: string) => record(9, { detail: { kept_in: name } });
  await writeFile(file, kept('early') + record(2) + kept('a.torn') + kept('b.torn'));
  expect(await keptAtEnd(file)).toEqual(new Set(['b.torn', 'a.torn']));
  await appendFile(file, record(3));
  expect(await keptAtEnd(file)).toEqual(new Set());
});
