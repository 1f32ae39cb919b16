// What a running gate does when its policy file changes: the policy in force, counts, records and readiness.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Readiness } from '../../src/admin/readiness.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { recordPolicy, watchPolicy } from '../../src/commands/policy-reload.ts';
import type { LoadedPolicy, PolicyContext } from '../../src/config/load-policy.ts';
import type { PolicyWatcherOptions } from '../../src/config/policy-watcher.ts';
import { ConfigFault } from '../../src/errors.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Gate } from '../../src/session/gate.ts';
import { LogLines } from '../support/log-lines.ts';

interface Watcher {
  readonly options: PolicyWatcherOptions;
  readonly content: string;
  problem: string | null;
}

/** Those that were made; they look at no file. */
const watchers: Watcher[] = [];
let watcher: Watcher;
vi.mock('../../src/config/policy-watcher.ts', () => ({
  PolicyWatcher: class {
    problem: string | null = null;
    options: PolicyWatcherOptions;
    content: string;
    constructor(options: PolicyWatcherOptions, content: string) {
      this.options = options;
      this.content = content;
      watchers.push(this);
    }
  },
}));

const log = new LogLines();
let gate: Gate;
let entries: AuditEntry[];
let readiness: Readiness;

beforeEach(() => {
  log.lines.length = 0;
  entries = [];
  readiness = new Readiness();
  gate = {
    log,
    metrics: new Metrics(),
    audit: { append: (entry: AuditEntry) => entries.push(entry) },
    policy: { version: 'old' },
  } as unknown as Gate;
  watchPolicy(gate, readiness, { file: 'f', content: 'text', context: {} as PolicyContext });
  watcher = watchers.at(-1)!;
});

const reloads = (result: string): number =>
  gate.metrics.counter('policy_reloads_total', result).value;

describe('a changed policy file', () => {
  it('is in force once it was taken, and on record', () => {
    expect(watcher.content).toBe('text');
    const policy = { version: 'new' };
    watcher.options.onPolicy({ policy, warnings: ['careful'] } as unknown as LoadedPolicy);
    expect(gate.policy).toBe(policy);
    expect(reloads('taken')).toBe(1);
    expect(entries).toEqual([
      {
        kind: 'config',
        session: null,
        reason: 'policy taken',
        detail: { policy_version: 'new' },
      },
    ]);
    expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'careful'],
      ['info', 'policy taken'],
    ]);
  });

  it.each(['invalid', 'unreadable'] as const)('that is %s leaves the policy as it was', (state) => {
    watcher.options.onProblem(new ConfigFault(['line 1: no']), state);
    expect(gate.policy.version).toBe('old');
    expect(reloads(state)).toBe(1);
    expect(entries).toEqual([]);
    expect(log.lines).toEqual([
      {
        level: 'error',
        fields: { problems: ['line 1: no'] },
        message: expect.stringMatching(/stays in force$/),
      },
    ]);
  });

  it('that is as before again is counted', () => {
    watcher.options.onRestored();
    expect(reloads('restored')).toBe(1);
  });

  it('is a warning of /readyz and a gauge while it cannot be used', () => {
    expect(readiness.warnings()).toEqual([]);
    expect(gate.metrics.values('policy_file_usable')).toEqual([[[], 1]]);
    watcher.problem = 'the policy file is not valid';
    expect(readiness.warnings()).toEqual(['the policy file is not valid']);
    expect(gate.metrics.values('policy_file_usable')).toEqual([[[], 0]]);
  });
});

it('the record of a policy names its version', () => {
  recordPolicy(gate.audit, 'gate started', 'v1');
  expect(entries).toMatchObject([{ reason: 'gate started', detail: { policy_version: 'v1' } }]);
});
