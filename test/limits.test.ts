// Each limit has a test that drives it to its value and past it. test/limits.json says which one: for each file the
// tests by name, and the limits that each of them drives. Those that have none yet stand in it by themselves; a new
// limit is not added to them, and one that gets its test leaves them.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Table {
  readonly drivenBy: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  readonly notDriven: readonly string[];
}

/** Limits without a test of their own when the table was made: it only becomes shorter. */
const NOT_DRIVEN_MOST = 74;

const TEST = import.meta.dirname;
const LIMITS = path.resolve(TEST, '../src/limits');
const table = JSON.parse(readFileSync(path.join(TEST, 'limits.json'), 'utf8')) as Table;

/** `GROUP.name` of all constants, and of what operators may set. */
async function limitNames(): Promise<string[]> {
  const names: string[] = [];
  for (const file of readdirSync(LIMITS)) {
    const url = pathToFileURL(path.join(LIMITS, file)).href;
    const groups = (await import(url)) as Record<string, unknown>;
    for (const [group, values] of Object.entries(groups)) {
      if (typeof values !== 'object' || values === null) continue;
      for (const name of Object.keys(values)) names.push(`${group}.${name}`);
    }
  }
  return names;
}

const rows = Object.entries(table.drivenBy).flatMap(([file, tests]) =>
  Object.entries(tests).map(([test, limits]) => ({ file, test, limits })),
);

describe('limits', () => {
  it('are each driven over their edge by one test, or known not to be', async () => {
    const names = await limitNames();
    const told = [...rows.flatMap(({ limits }) => limits), ...table.notDriven];
    expect(new Set(told).size).toBe(told.length);
    expect(names.filter((name) => !told.includes(name))).toEqual([]);
    expect(told.filter((name) => !names.includes(name))).toEqual([]);
  });

  it('without a test become fewer', () => {
    expect(table.notDriven.length).toBeLessThanOrEqual(NOT_DRIVEN_MOST);
  });

  it.each(Object.keys(table.drivenBy))('are read in %s by the tests that are named', (file) => {
    const text = readFileSync(path.join(TEST, file), 'utf8');
    const isTest = (name: string): boolean =>
      ["'", '"', '`'].some((quote) =>
        text.includes(quote + name.replaceAll(quote, `\\${quote}`) + quote),
      );
    const reads = (word: string): boolean => new RegExp(`\\b${word}\\b`).test(text);
    for (const { test, limits } of rows.filter((row) => row.file === file)) {
      expect([test, isTest(test)]).toEqual([test, true]);
      for (const limit of limits) {
        const [group, name] = limit.split('.') as [string, string];
        // What operators may set is given to what is tested by its name alone.
        const isRead = reads(name) && (group === 'LIMITS' || reads(group));
        expect([limit, isRead]).toEqual([limit, true]);
      }
    }
  });
});
