// What the documents say is run, as far as it needs no cluster; the rest is in test/node and test/full.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/audit/ledger.ts';
import { putCertificate } from './certificate.ts';
import { documents, parse, ROOT } from './documents.ts';
import { NEEDS, runSection, sectionsOf } from './run-blocks.ts';

const sections = documents().flatMap((one) => sectionsOf(one).map((section) => section));

const hasJq = spawnSync('jq', ['--version']).status === 0;

/** A ledger in ./audit, as a gate left it. */
async function withLedger(dir: string): Promise<void> {
  const ledger = await Ledger.open({ dir: path.join(dir, 'audit') });
  const principal = {
    issuer: 'https://issuer.example',
    subject: 'a job',
    repository_uuid: '{8864cd24-449d-4441-8862-cf4fe8ad6caa}',
    pipeline_uuid: '{77aa0000-449d-4441-8862-cf4fe8ad6caa}',
    step_uuid: null,
    environment_uuid: null,
    branch: 'main',
    token_sha256: 'ab'.repeat(32),
    expires: new Date().toISOString(),
  };
  const base = { session: 's1', principal, role: 'everyone', binding: 'orders, production' };
  const statement = (kind: string, text: string, needs: string[]) => ({
    kind,
    keyspace: 'orders',
    resources: ['orders.items'],
    needs,
    text,
    sha256: '',
    fingerprint: '',
    prepared_id: null,
    consistency: 'QUORUM',
    lwt: false,
  });
  const decision = { result: 'permit', policy_version: 'p', grant: 'g', reason: null, missing: [] };
  const id = await ledger.appendDurably({
    kind: 'decision',
    ...base,
    statement: statement('ALTER TABLE', 'ALTER TABLE orders.items ADD note text', [
      'ALTER ON TABLE orders.items',
    ]),
    decision,
  } as never);
  ledger.append({
    kind: 'outcome',
    ...base,
    of: id,
    statement: statement('ALTER TABLE', 'ALTER TABLE orders.items ADD note text', []),
    outcome: {
      status: 'ok',
      error_code: null,
      rows: null,
      latency_us: 1,
      schema_version_before: '00000000-0000-0000-0000-000000000001',
      schema_version_after: '00000000-0000-0000-0000-000000000002',
    },
  } as never);
  ledger.append({
    kind: 'activity',
    ...base,
    statement: statement('SELECT', 'SELECT * FROM orders.items', ['SELECT ON TABLE orders.items']),
    decision,
    count: 12,
    errors: 0,
    since: new Date().toISOString(),
  } as never);
  await ledger.close();
}

describe('lines that documents say are run', () => {
  it('are found, wherever the remark stands', () => {
    for (const { name, blocks } of documents()) {
      const marked = readFileSync(path.join(ROOT, name), 'utf8').match(/(?<!`)<!-- run\b/g) ?? [];
      expect(
        blocks.filter(({ remark }) => remark?.key === 'run'),
        name,
      ).toHaveLength(marked.length);
    }
  });

  it('are marked with what they need', () => {
    expect(sections.filter(({ needs }) => !NEEDS.includes(needs))).toEqual([]);
    for (const needs of NEEDS) expect(sections.some((one) => one.needs === needs)).toBe(true);
  });

  const here = sections.filter(
    ({ needs }) => needs === '' || needs === 'certificate' || (needs === 'jq' && hasJq),
  );

  it.each(here.map((one) => [one.place, one] as const))('%s', async (_place, section) => {
    const { stdout } = await runSection(
      section,
      {},
      section.needs === 'certificate' ? putCertificate : withLedger,
    );
    // What asks the ledger finds something there.
    if (section.needs === 'jq')
      expect(stdout).toMatch(/ALTER TABLE|00000000-0000-0000-0000-000000000002/);
  });

  it('fail where one of them fails, and not where none does', async () => {
    const of = (line: string) =>
      sectionsOf(
        parse(
          'x.md',
          `# A\n<!-- file: a -->\n\`\`\`\nb\n\`\`\`\n<!-- run -->\n\`\`\`sh\n${line}\n\`\`\`\n`,
        ),
      );
    await expect(runSection(of('cqlgate --nonsense\ntrue')[0]!)).rejects.toThrow('nonsense');
    const { stdout } = await runSection(of('npx cqlgate --version; cat a')[0]!);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\nb\n$/);
  });
});
