// A gate is killed at random moments, and its ledger has all that it told anybody; run-ledger-kills.ts does it more often.
import { expect, it } from 'vitest';
import { killLedgers } from '../support/ledger-kills.ts';

it('a gate that is killed loses nothing that it acknowledged, and verify accounts for its ledger', async () => {
  const report = await killLedgers(3, 7);
  expect(report.acknowledged).toBeGreaterThan(0);
  expect(report).toMatchObject({ undecided: 0, withoutOutcome: 0, changed: 0, findings: [] });
});
