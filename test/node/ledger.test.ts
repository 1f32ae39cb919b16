// What the ledger tells of a job: who changed the schema, before the node knew, and no values ever.
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyLedger } from '../../src/audit/verify.ts';
import path from 'node:path';
import { TestGate } from '../support/gate.ts';
import { PIPELINE_UUID, REPOSITORY_UUID, STEP_UUID } from '../support/issuer.ts';
import { contactPoint, failure, freeze, noNode, thaw, through } from '../support/nodes.ts';

const WHO = {
  repository_uuid: REPOSITORY_UUID,
  pipeline_uuid: PIPELINE_UUID,
  step_uuid: STEP_UUID,
};

describe.skipIf(noNode)('the ledger', () => {
  let gate: TestGate;
  let job: Client;

  beforeAll(async () => {
    gate = await TestGate.start({
      contactPoint,
      roles: {
        migrator: {
          grants: [
            'CREATE, ALTER, DROP, SELECT, MODIFY ON KEYSPACE audited*',
            'CREATE, ALTER, DROP ON ALL ROLES',
          ],
        },
      },
      config: { audit: { dir: 'audit', dml: 'all' } },
    });
    job = await through(gate, 'migrator');
    await job.execute(
      "CREATE KEYSPACE audited WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
  });

  afterAll(async () => {
    await job?.shutdown();
    await gate?.close();
  });

  it('ties a schema change to pipeline, repository and step, before and after', async () => {
    await job.execute("CREATE TABLE audited.t (k int PRIMARY KEY, v text) WITH comment = 'seen'");
    const outcome = await gate.record(
      (record) => record.kind === 'outcome' && record.statement.kind === 'CREATE TABLE',
    );
    const decision = (await gate.records()).find((record) => record.id === outcome.of);
    expect(decision).toMatchObject({
      kind: 'decision',
      role: 'migrator',
      principal: WHO,
      decision: { result: 'permit', missing: [] },
      statement: { keyspace: 'audited', resources: ['ALL TABLES IN KEYSPACE audited'] },
      upstream: { cassandra_role: 'ci' },
    });
    expect(decision.statement.text).toContain("comment = 'seen'");
    expect(decision.seq).toBeLessThan(outcome.seq);
    expect(outcome).toMatchObject({
      principal: WHO,
      outcome: {
        status: 'ok',
        schema_change: { change: 'CREATED', target: 'TABLE', keyspace: 'audited', name: 't' },
      },
    });
    expect(outcome.outcome.schema_version_before).not.toBe(outcome.outcome.schema_version_after);
  });

  it('has the decision on disk before the node can see the change', async () => {
    const text = 'CREATE TABLE audited.ahead (k int PRIMARY KEY)';
    await freeze();
    const change = job.execute(text);
    try {
      // The node can read nothing now; what is on disk was written without it.
      await gate.record((one) => one.kind === 'decision' && one.statement?.text === text);
      expect(
        (await gate.records()).some((one) => one.outcome?.schema_change?.name === 'ahead'),
      ).toBe(false);
    } finally {
      thaw();
    }
    await change;
    await gate.record((one) => one.outcome?.schema_change?.name === 'ahead');
  });

  it('records denials with what was missing', async () => {
    await failure(job.execute('DROP TABLE billing.invoices'));
    const denial = await gate.record((record) => record.decision?.result === 'deny');
    expect(denial).toMatchObject({
      principal: WHO,
      statement: { kind: 'DROP TABLE', keyspace: 'billing' },
      decision: { reason: 'permission_missing', missing: ['DROP ON TABLE billing.invoices'] },
    });
  });

  it('holds no literal of a row or role statement, no bound value and no token', async () => {
    const canary = 'c4nary';
    const token = gate.issuer.mint();
    await job.execute(`INSERT INTO audited.t (k, v) VALUES (1, '${canary}1') /* ${canary}2 */`);
    await job.execute('INSERT INTO audited.t (k, v) VALUES (?, ?)', [2, `${canary}3`], {
      prepare: true,
    });
    await job.batch([`UPDATE audited.t SET v = '${canary}4' WHERE k = 3`]);
    await failure(job.execute(`SELECT * FROM audited.t WHERE k = '${canary}5'`));
    await failure(job.execute(`SELEC '${canary}6'`));
    await failure(job.execute(`SELECT '${canary}7`));
    await job.execute(`CREATE ROLE audited_role WITH PASSWORD = '${canary}8' AND LOGIN = true`);
    await job.execute('DROP ROLE audited_role');
    await failure(through(gate, 'nobody', { claims: { branchName: 'x' } }));
    await gate.record(
      (record) => record.statement?.kind === 'DROP ROLE' && record.kind === 'outcome',
    );
    const text = await gate.ledgerText();
    expect(text).toContain('INSERT INTO audited.t (k, v) VALUES (?, ?)');
    expect(text).not.toContain(canary);
    expect(text).not.toContain(token.split('.')[2]);
    expect(gate.output.join('\n')).not.toContain(canary);
  });

  it('says why a login failed, and holds together', async () => {
    const failed = await gate.record((record) => record.kind === 'auth');
    expect(failed.reason).toBe('role_not_bound');
    const report = await verifyLedger(path.join(gate.dir, 'audit'));
    expect(report).toMatchObject({ result: 'intact', findings: [], firstSeq: 1 });
  });
});
