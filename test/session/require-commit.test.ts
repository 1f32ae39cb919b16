// Whether a change may leave as far as its commit goes.
import { describe, expect, it } from 'vitest';
import type { VcsFacts, LookUp } from '../../src/vcs/facts.ts';
import { requireCommit, type CommitServices } from '../../src/session/require-commit.ts';
import { authorityOf, exchangeOf, requestFor, sessionOf } from '../support/exchanges.ts';
import { denyServices } from '../support/request-services.ts';

const CHANGE = 'CREATE TABLE ks.t (k int PRIMARY KEY)';
const FACTS: VcsFacts = {
  target: 'branch',
  commit: 'a'.repeat(40),
  ref: null,
  url: 'https://bitbucket.org/acme/shop/commits/aaaa',
  buildUrl: null,
  author: null,
  pullRequest: null,
};
const authority = authorityOf({ grants: ['CREATE ON KEYSPACE ks'] });

type Mode = ReturnType<CommitServices['commits']['modeFor']>;

function asked(mode: Mode, found: LookUp, known: VcsFacts | null = null) {
  const learned: VcsFacts[] = [];
  const session = sessionOf({ learned: (facts) => void learned.push(facts) });
  const exchange = exchangeOf(requestFor(CHANGE), session);
  const commits: CommitServices['commits'] = {
    modeFor: () => mode,
    known: () => known,
    lookUp: async () => Promise.resolve(found),
  };
  const services = { ...denyServices(), commits };
  return { ask: () => requireCommit(exchange, services, authority), learned };
}

const PROBLEM: LookUp = { problem: { kind: 'unverified', reason: 'it is not' } };

describe('a change that needs its commit', () => {
  it('is let through where none is asked for, or it is known already', () => {
    expect(asked('off', PROBLEM).ask()).toBeNull();
    const { ask, learned } = asked('required', PROBLEM, FACTS);
    expect(ask()).toBeNull();
    expect(learned).toEqual([FACTS]);
  });

  it('waits for the look-up, and is let through by what it found', async () => {
    const { ask, learned } = asked('required', { facts: FACTS });
    const outcome = ask();
    if (outcome?.type !== 'wait') throw new Error('a wait was expected');
    expect(await outcome.outcome).toEqual({ type: 'go on' });
    expect(learned).toEqual([FACTS]);
    expect(ask()).toBeNull();
  });

  it.each([
    ['unverified', 'commit_unverified'],
    ['unavailable', 'commit_unavailable'],
  ] as const)('is denied where it is %s and required', async (kind, reason) => {
    const { ask } = asked('required', { problem: { kind, reason: 'so it is' } });
    const first = ask();
    if (first?.type !== 'wait') throw new Error('a wait was expected');
    await first.outcome;
    expect(ask()).toMatchObject({ type: 'reply', ending: { type: 'denied', denial: { reason } } });
  });

  it('is let through all the same where the look-up is best-effort', async () => {
    const { ask } = asked('best-effort', PROBLEM);
    const first = ask();
    if (first?.type !== 'wait') throw new Error('a wait was expected');
    await first.outcome;
    expect(ask()).toBeNull();
  });
});
