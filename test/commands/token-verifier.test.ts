// The token verifier of a gate: what is logged and counted of an issuer whose keys fail or are withdrawn.
import { beforeEach, expect, it, vi } from 'vitest';
import { tokenVerifier } from '../../src/commands/token-verifier.ts';
import type { VerifierOptions } from '../../src/identity/verifier.ts';
import { JWKS } from '../../src/limits/identity.ts';
import type { MemoryBudget } from '../../src/memory/budget.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { LogLines } from '../support/log-lines.ts';

/** What the verifier was made of. */
let options: VerifierOptions;
vi.mock('../../src/identity/verifier.ts', () => ({
  TokenVerifier: vi.fn(function (given: VerifierOptions) {
    options = given;
  }),
}));

let metrics: Metrics;
let log: LogLines;
const verified: string[] = [];

beforeEach(() => {
  metrics = new Metrics();
  log = new LogLines();
  verified.length = 0;
  const memory = { heapKind: (kind: string) => ({ kind }) } as unknown as MemoryBudget;
  tokenVerifier({ issuers: [] }, (sha256) => verified.push(sha256), { memory, metrics, log });
});

it('is charged for its tokens, and tells of those that it had not seen', () => {
  expect(options).toMatchObject({ account: { kind: 'tokens' }, issuers: [] });
  options.onVerified!('hash');
  expect(verified).toEqual(['hash']);
});

it('logs withdrawn keys by ids that are bounded in number and length', () => {
  const ids = Array.from({ length: JWKS.idsLogged + 3 }, () => 'k'.repeat(JWKS.idLength + 9));
  options.onKeysWithdrawn!('people', ids);
  expect(metrics.counter('issuer_keys_withdrawn_total', 'people').value).toBe(ids.length);
  const [{ level, fields }] = log.lines as [(typeof log.lines)[number]];
  expect(level).toBe('warn');
  expect(fields).toMatchObject({ issuer: 'people', keys: ids.length });
  const named = fields['key_ids'] as string[];
  expect(named).toHaveLength(JWKS.idsLogged);
  expect(new Set(named)).toEqual(new Set(['k'.repeat(JWKS.idLength)]));
});

it('logs keys that could not be fetched, with the reason', () => {
  options.onKeysFailed!('people', new Error('timed out'));
  expect(metrics.counter('issuer_key_failures_total', 'people').value).toBe(1);
  expect(log.lines).toEqual([
    {
      level: 'warn',
      fields: { issuer: 'people', reason: 'timed out' },
      message: 'the keys of an issuer could not be fetched',
    },
  ]);
});
