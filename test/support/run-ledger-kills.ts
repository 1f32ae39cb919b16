// Many rounds of kill -9 (ledger-kills.ts), outside CI, which has three: `npm run build && node --import tsx
// test/support/run-ledger-kills.ts [rounds, 100] [seed]`.
import { killLedgers } from './ledger-kills.ts';

const rounds = Number(process.argv[2] ?? 100);
const report = await killLedgers(rounds, Number(process.argv[3] ?? 1));
const { acknowledged, undecided, withoutOutcome, torn, changed, findings, files } = report;
for (const finding of findings) process.stdout.write(`${finding}\n`);
process.stdout.write(
  `${rounds} rounds: ${acknowledged} changes acknowledged, ${undecided} without a decision, ` +
    `${withoutOutcome} without an outcome; ${torn} torn ends, ${changed} files changed before them, ` +
    `${findings.length} ledgers that verify finds fault with; ${files} files\n`,
);
process.exitCode = undecided + withoutOutcome + changed + findings.length > 0 ? 1 : 0;
