// What the thread does with the texts that it is sent; here it runs in the thread of the test.
import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { isStatement } from '../../src/cql/analyse.ts';
import { CQL } from '../../src/limits/cql.ts';
import type { AnalysisJob, AnalysisResult } from '../../src/session/analyst.ts';

const { port, sent, setPriority } = vi.hoisted(() => ({
  port: { current: null as EventEmitter | null },
  sent: [] as AnalysisResult[],
  setPriority: vi.fn(),
}));

vi.mock('node:worker_threads', async (original) => ({
  ...(await original<object>()),
  get parentPort() {
    return port.current;
  },
}));
vi.mock('node:os', async (original) => {
  const os = { ...(await original<object>()), setPriority };
  return { ...os, default: os };
});

/** Starts the thread's script anew. */
async function start(): Promise<void> {
  vi.resetModules();
  sent.length = 0;
  port.current = Object.assign(new EventEmitter(), {
    postMessage: (result: AnalysisResult) => sent.push(result),
  });
  await import('../../src/session/analysis-worker.ts');
}

function analysed(job: AnalysisJob): AnalysisResult['found'] {
  port.current!.emit('message', job);
  expect(sent).toHaveLength(1);
  return sent.pop()!.found;
}

beforeEach(() => {
  setPriority.mockReset();
});

describe('the thread', () => {
  it('answers each request once, its texts in order', async () => {
    await start();
    const texts = ['SELECT k FROM t', 'USE shop', 'SELECT k FROM shop.t'];
    const found = analysed({ texts, keyspace: 'cur' });
    const seen = found.map(({ result }) =>
      isStatement(result) ? `${result.kind} ${result.keyspace}` : result.rule,
    );
    expect(seen).toEqual(['SELECT cur', 'USE shop', 'SELECT shop']);
  });

  it('resolves names by the keyspace of the request, and by none where there is none', async () => {
    await start();
    const [{ result }] = analysed({ texts: ['SELECT k FROM t'], keyspace: null }) as [
      AnalysisResult['found'][number],
    ];
    expect(isStatement(result) ? null : result.rule).toBe('no_keyspace');
  });

  it('sends what records may have of a text along, and nothing of one that does not lex', async () => {
    await start();
    const found = analysed({
      texts: ["INSERT INTO t (k) VALUES ('secret')", 'SELECT nothing known', "SELECT 'secret"],
      keyspace: 'cur',
    });
    const [insert, unknown, torn] = found.map(({ redacted }) => redacted);
    expect(insert?.text).not.toContain('secret');
    expect(insert?.text).toContain('INSERT');
    expect(unknown).not.toBeNull();
    expect(torn).toBeNull();
  });

  it('has its result survive the way between threads', async () => {
    await start();
    const found = analysed({ texts: ["SELECT k FROM t WHERE v = 'x'"], keyspace: 'cur' });
    expect(structuredClone(found)).toEqual(found);
  });

  it.runIf(process.platform === 'linux')('steps back behind the gate', async () => {
    await start();
    expect(setPriority.mock.calls).toEqual([[CQL.workerNiceness]]);
  });

  it('works where a sandbox forbids that', async () => {
    setPriority.mockImplementation(() => {
      throw new Error('EPERM');
    });
    await start();
    expect(analysed({ texts: ['USE shop'], keyspace: null })).toHaveLength(1);
  });

  it('leaves the priority alone where that would be of the whole gate', async () => {
    vi.stubGlobal('process', { ...process, platform: 'darwin' });
    await start();
    vi.unstubAllGlobals();
    expect(setPriority).not.toHaveBeenCalled();
  });
});
