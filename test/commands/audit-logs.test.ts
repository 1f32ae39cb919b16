// The ledger of a gate and the logs that count: what is counted of records that are not written one by one.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AuditEntry } from '../../src/audit/record.ts';
import { openAuditLogs } from '../../src/commands/audit-logs.ts';
import { LIMITS, type Limits } from '../../src/limits/operator.ts';
import { REFUSALS } from '../../src/limits/audit.ts';
import { MemoryBudget } from '../../src/memory/budget.ts';
import { deriveBudget } from '../../src/memory/derive.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { LogLines } from '../support/log-lines.ts';

const limits = Object.fromEntries(
  Object.entries(LIMITS).map(([name, row]) => [name, row.default]),
) as unknown as Limits;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-audit-logs-'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

it('counts refusals past the bound, and writes what was counted before the ledger ends', async () => {
  const [metrics, log] = [new Metrics(), new LogLines()];
  const memory = new MemoryBudget({
    ...deriveBudget(limits, 1),
    requestBytes: limits.inFlightBytes,
    evicted: () => undefined,
    paused: () => undefined,
  });
  const logs = await openAuditLogs(dir, { limits, memory, metrics, log });
  const who = { share: logs.ledger.room.share('job'), issuer: 'i', subject: 's' };
  const entry: AuditEntry = { kind: 'decision', session: null, reason: 'denied' };
  const total = REFUSALS.singlyPerScope + 5;
  for (let i = 0; i < total; i++) logs.refusals.refused(who, () => entry);
  const [written] = [...metrics.counts('audit_counted_total')].filter(
    ({ labels }) => labels[0] === 'refusal',
  );
  expect(written!.series.value).toBeGreaterThan(0);
  await logs.close();
  const [name] = (await readdir(dir)).filter((one) => one.endsWith('.jsonl'));
  const records = (await readFile(path.join(dir, name!), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEntry)
    .filter(({ kind }) => kind === 'decision');
  expect(records.length).toBeLessThan(total);
  const counted = records.reduce((sum, { count }) => sum + (count ?? 1), 0);
  expect(counted).toBe(total);
  expect(log.lines).toEqual([]);
});
