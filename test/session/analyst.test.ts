// The line before the thread that analyses long texts: how long somebody waits in it and is worked for, and what
// happens to those in it at its end. What floods do to it is test/attack/fair-queues.test.ts.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isStatement } from '../../src/cql/analyse.ts';
import { QueueFault, type Turn } from '../../src/fair-queue.ts';
import { reportFaultsTo } from '../../src/guard.ts';
import { CQL } from '../../src/limits/cql.ts';
import { Analyst, type AnalystOptions } from '../../src/session/analyst.ts';

const DOUBLE = pathToFileURL(path.resolve(import.meta.dirname, '../support/analysis-double.js'));
const ME: Turn = { key: 'job', owner: 1 };
const NEVER_MS = 1_000_000;

let analyst: Analyst | null = null;
const start = (options: AnalystOptions = {}): void => {
  analyst = new Analyst({ script: DOUBLE, ...options });
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(async () => {
  vi.useRealTimers();
  await analyst?.close();
});

/** What became of a request with these texts: what was said of each, `full` or `late`. */
async function analysed(...texts: readonly string[]): Promise<readonly string[] | string> {
  try {
    const found = await analyst!.analyse(texts, null, ME);
    return [...found].map(([text, result]) =>
      isStatement(result) ? `${text}: a statement` : `${text}: ${result.reason}`,
    );
  } catch (error) {
    if (error instanceof QueueFault) return error.why;
    throw error;
  }
}

describe('the texts of a request', () => {
  it('are each given what was found of it', async () => {
    start();
    expect(await analysed('one', 'two', 'three')).toEqual([
      ...['one: saw one', 'two: saw two', 'three: saw three'],
    ]);
  });

  it('are all refused where one of them brings the thread down, and the next get another thread', async () => {
    start();
    const [lost, next] = await Promise.all([analysed('one', 'dies'), analysed('text')]);
    expect(lost).toHaveLength(2);
    for (const text of lost) expect(text).toContain('could not be analysed');
    expect(next).toEqual(['text: saw text']);
  });

  it('are given up after the time that they may take, and not before', async () => {
    start();
    const loops = analysed('loops');
    await vi.advanceTimersByTimeAsync(CQL.analysisMs - 1);
    // The end of a thread takes a moment: what tells is that its time still runs.
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(vi.getTimerCount()).toBe(0);
    expect((await loops)[0]).toContain('could not be analysed');
  });
});

describe('where no thread can be had', () => {
  it('each request is refused, and the next one asks for a thread again', async () => {
    const faults: string[] = [];
    reportFaultsTo((place) => faults.push(place));
    start({ script: new URL('http://nowhere/') });
    expect(await Promise.all([analysed('one'), analysed('two')])).toEqual(['late', 'late']);
    expect(await analysed('three')).toBe('late');
    expect(faults).toEqual(['analyst', 'analyst', 'analyst']);
  });
});

describe('who waits', () => {
  it('is told after the longest wait, and not before, and takes no place any more', async () => {
    start({ jobMs: NEVER_MS, waiting: 1 });
    void analysed('loops');
    let why: unknown = null;
    void analysed('text').then((end) => (why = end));
    await vi.advanceTimersByTimeAsync(CQL.analysisWaitMs - 1);
    expect(why).toBeNull();
    expect(await analysed('no room')).toBe('full');
    await vi.advanceTimersByTimeAsync(1);
    expect(why).toBe('late');
    let isRefused = false;
    void analysed('room again').then(() => (isRefused = true));
    await vi.advanceTimersByTimeAsync(0);
    expect(isRefused).toBe(false);
  });

  it('is not told that once its texts are looked at', async () => {
    start({ jobMs: CQL.analysisWaitMs + 10 });
    const loops = analysed('loops');
    await vi.advanceTimersByTimeAsync(CQL.analysisWaitMs + 9);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await loops).toHaveLength(1);
  });

  it('is told at the end of the gate, and who comes after it is refused at once', async () => {
    start({ jobMs: NEVER_MS });
    const [, ...waiting] = [analysed('loops'), analysed('one'), analysed('two')];
    await analyst!.close();
    expect(await Promise.all(waiting)).toEqual(['late', 'late']);
    expect(await analysed('three')).toBe('full');
  });

  it('leaves no timer behind', async () => {
    start();
    await Promise.all([analysed('one'), analysed('two'), analysed('dies')]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
