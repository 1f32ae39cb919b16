// A thread of its own for long texts: a megabyte takes tens of milliseconds to analyse and to redact,
// and others wait meanwhile on the event loop of the gate.
import { parentPort } from 'node:worker_threads';
import { redact } from '../audit/redact.ts';
import { analyse, isStatement } from '../cql/analyse.ts';
import type { AnalysisJob, AnalysisResult } from './analyst.ts';

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
