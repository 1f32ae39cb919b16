// A thread of its own for long texts: a megabyte takes tens of milliseconds to analyse and to redact,
// and others wait meanwhile on the event loop of the gate.
import os from 'node:os';
import { parentPort } from 'node:worker_threads';
import { redact } from '../audit/redact.ts';
import { analyse, isStatement } from '../cql/analyse.ts';
import { CQL } from '../limits/cql.ts';
import type { AnalysisJob, AnalysisResult } from './analyst.ts';

stepBack();

/** Only on Linux is this of the calling thread alone; elsewhere it would slow the whole gate down. */
function stepBack(): void {
  if (process.platform !== 'linux') return;
  try {
    os.setPriority(CQL.workerNiceness);
  } catch {
    // A sandbox may forbid it; the analysis is the same without.
  }
}

parentPort?.on('message', ({ texts, keyspace }: AnalysisJob) => {
  const found = texts.map((text) => {
    const result = analyse(text, keyspace);
    const redacted =
      isStatement(result) || result.lexes
        ? redact(text, isStatement(result) ? result : null)
        : null;
    return { result, redacted };
  });
  parentPort?.postMessage({ found } satisfies AnalysisResult);
});
