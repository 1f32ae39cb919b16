// The commit behind a schema change, from Bitbucket's (double of its) API into the ledger; and what a
// change gets without one, while everything else goes on.
import type { Client } from 'cassandra-driver';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { decodeError } from '../../src/protocol/messages/error.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import {
  API_TOKEN,
  COMMIT,
  pipelineDocument,
  startBitbucket,
  TARGETS,
  type BitbucketFault,
  type LocalBitbucket,
} from '../support/bitbucket.ts';
import { TestGate } from '../support/gate.ts';
import { PIPELINE_UUID, WORKSPACE_UUID } from '../support/issuer.ts';
import { contactPoint, direct, failure, noNode, through } from '../support/nodes.ts';
import { RawClient } from '../support/raw-client.ts';

const GRANTS = ['SELECT, MODIFY, CREATE, DROP ON KEYSPACE committed'];

const ROLES = {
  migrator: { grants: GRANTS },
  lenient: { grants: GRANTS, commit: 'best-effort' },
  free: { grants: GRANTS, commit: 'off' },
  release: { grants: GRANTS, where: { branchName: 'main', pipelineTarget: 'branch' } },
  tagged: { grants: GRANTS, where: { pipelineTarget: 'tag' } },
  byHand: { grants: GRANTS, where: { pipelineTarget: 'custom' } },
};

const VERIFIED = {
  commit: COMMIT,
  source: 'rest',
  verified: true,
  url: `https://bitbucket.org/acme/shop-schema/commits/${COMMIT}`,
  build_url: 'https://bitbucket.org/acme/shop-schema/pipelines/results/42',
  author: 'Alice',
  pull_request: null,
};

describe.skipIf(noNode)('the commit of a schema change', () => {
  let bitbucket: LocalBitbucket;
  let gate: TestGate;
  let runs = 0;
  const open: Client[] = [];

  /** Claims of a run that nobody asked for before. */
  const fresh = () => ({
    pipelineRunUuid: `{00000000-0000-4000-8000-${String(++runs).padStart(12, '0')}}`,
  });

  async function job(role: string, claims: Record<string, unknown> = fresh()): Promise<Client> {
    const client = await through(gate, role, { claims });
    open.push(client);
    return client;
  }

  const recordsOf = async (table: string) => {
    const has = (one: any) => one.statement?.text?.includes(`committed.${table} `) === true;
    await gate.record(
      (one) => has(one) && (one.kind === 'outcome' || one.decision?.result === 'deny'),
    );
    return (await gate.records()).filter(has);
  };

  beforeAll(async () => {
    const superuser = await direct();
    await superuser.execute(
      "CREATE KEYSPACE IF NOT EXISTS committed WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.execute('CREATE TABLE IF NOT EXISTS committed.rows (k int PRIMARY KEY)');
    await superuser.shutdown();
    bitbucket = await startBitbucket();
    gate = await TestGate.start({
      contactPoint,
      roles: ROLES,
      env: { BITBUCKET_API_TOKEN: API_TOKEN },
      config: {
        bitbucket: { apiUrl: bitbucket.apiUrl, token: { env: 'BITBUCKET_API_TOKEN' } },
        audit: { dir: 'audit', dml: 'all' },
      },
    });
  });

  afterEach(async () => {
    bitbucket.fault = 'none';
    bitbucket.pipeline = pipelineDocument();
    for (const client of open.splice(0)) await client.shutdown();
  });

  afterAll(async () => {
    await gate?.close();
    await bitbucket?.close();
  });

  it('is in the records of the change and of all that follows, and asked for when first needed', async () => {
    const before = bitbucket.paths.length;
    const migration = await job('migrator');
    await migration.execute('SELECT * FROM committed.rows');
    expect(bitbucket.paths).toHaveLength(before);
    await migration.execute('CREATE TABLE committed.first (k int PRIMARY KEY)');
    await migration.execute('INSERT INTO committed.first (k) VALUES (1)');
    await migration.execute('TRUNCATE committed.first ');
    expect(bitbucket.paths).toHaveLength(before + 1);

    const [decision, outcome] = await recordsOf('first');
    expect(decision).toMatchObject({
      kind: 'decision',
      vcs: VERIFIED,
      principal: { pipeline_uuid: PIPELINE_UUID },
      decision: { result: 'permit' },
    });
    expect(outcome).toMatchObject({ kind: 'outcome', of: decision.id, vcs: VERIFIED });
    const insert = await gate.record((one) => one.statement?.kind === 'INSERT');
    expect(insert.vcs).toEqual(VERIFIED);
    await migration.shutdown();
    const end = await gate.record(
      (one) => one.kind === 'session_end' && one.session === decision.session,
    );
    expect(end.vcs).toEqual(VERIFIED);
    const start = (await gate.records()).find(
      (one) => one.kind === 'session_start' && one.session === decision.session,
    );
    expect(start.vcs).toMatchObject({ source: 'none', verified: false });
    expect(await gate.ledgerText()).not.toContain(API_TOKEN);
    expect(gate.output.join('\n')).not.toContain(API_TOKEN);
  });

  it('needs no look-up where the token itself names it', async () => {
    const before = bitbucket.paths.length;
    bitbucket.fault = 'error';
    const migration = await job('migrator', { ...fresh(), commitSha: COMMIT });
    await migration.execute('CREATE TABLE committed.signed (k int PRIMARY KEY)');
    const [decision] = await recordsOf('signed');
    expect(decision.vcs).toMatchObject({ commit: COMMIT, source: 'token', verified: true });
    expect(bitbucket.paths).toHaveLength(before);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['repository', { repository: { uuid: WORKSPACE_UUID } }, 'another repository'],
    ['pipeline', { state: { name: 'COMPLETED' } }, 'Bitbucket says COMPLETED'],
    ['branch', { target: { ...TARGETS.branch, ref_name: 'x' } }, 'another branch or tag'],
  ])(
    'is not verified by a wrong %s: the change is refused, rows go on',
    async (what, over, text) => {
      bitbucket.pipeline = pipelineDocument(over);
      const migration = await job('migrator');
      const refused = await failure(
        migration.execute(`CREATE TABLE committed.wrong_${what} (k int PRIMARY KEY)`),
      );
      expect(refused.code).toBe(CqlErrorCode.UNAUTHORIZED);
      expect(refused.message).toContain(text);
      await migration.execute('INSERT INTO committed.rows (k) VALUES (1)');
      await migration.execute('SELECT * FROM committed.rows');
      expect((await failure(migration.execute('TRUNCATE committed.rows'))).message).toContain(text);
      const [denial, ...others] = await recordsOf(`wrong_${what}`);
      expect(denial).toMatchObject({
        kind: 'decision',
        decision: { result: 'deny', reason: 'commit_unverified' },
        vcs: { commit: null, source: 'none', verified: false },
      });
      expect(others).toEqual([]);
      expect(await tablesOf(migration)).not.toContain(`wrong_${what}`);
    },
  );

  it.each<[BitbucketFault, RegExp]>([
    ['error', /answers 500|takes long/],
    ['slow', /takes long/],
    ['garbage', /no pipeline|takes long/],
    ['rate limit', /limit of requests|takes long/],
  ])(
    'cannot be had while Bitbucket has %s: the change is refused, rows go on',
    async (fault, text) => {
      bitbucket.fault = fault;
      const table = `out_${fault.replaceAll(' ', '_')}`;
      const migration = await job('migrator');
      const change = failure(
        migration.execute(`CREATE TABLE committed.${table} (k int PRIMARY KEY)`),
      );
      // While it waits for the look-up.
      await migration.execute('INSERT INTO committed.rows (k) VALUES (2)');
      await migration.execute('SELECT * FROM committed.rows');
      const refused = await change;
      expect(refused.code).toBe(CqlErrorCode.UNAUTHORIZED);
      expect(refused.message).toMatch(text);
      expect(refused.message).toContain('try again later');
      const [denial] = await recordsOf(table);
      expect(denial.decision).toMatchObject({ result: 'deny', reason: 'commit_unavailable' });
      expect(await tablesOf(migration)).not.toContain(table);
      // By a role that does not need it, at the same time.
      const lenient = await job('lenient');
      await lenient.execute(`CREATE TABLE committed.${table}_all_the_same (k int PRIMARY KEY)`);
      const [made] = await recordsOf(`${table}_all_the_same`);
      expect(made.vcs).toMatchObject({ commit: null, source: 'none', verified: false });
    },
  );

  it('is found again when Bitbucket is back', async () => {
    const deadline = Date.now() + 60_000;
    const again = await job('migrator');
    for (let made = false; !made && Date.now() < deadline;) {
      made = await again.execute('CREATE TABLE committed.back (k int PRIMARY KEY)').then(
        () => true,
        () => false,
      );
      if (!made) await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(await tablesOf(again)).toContain('back');
  });

  it('is kept as a hint where only the client names it, and changes nothing', async () => {
    bitbucket.fault = 'error';
    const hints = { CQLGATE_COMMIT: COMMIT, CQLGATE_BUILD_NUMBER: '42', CQLGATE_BRANCH: 'main' };
    const options = { CQL_VERSION: '3.0.0', ...hints };
    const strict = await RawClient.login(
      gate.port,
      'migrator',
      gate.issuer.mint(fresh()),
      4,
      options,
    );
    const refused = await strict.query('CREATE TABLE committed.hinted (k int PRIMARY KEY)');
    expect(refused?.opcode).toBe(Opcode.ERROR);
    expect(decodeError(refused!).message).toContain('cannot be looked up now');
    strict.close();
    const free = await RawClient.login(gate.port, 'free', gate.issuer.mint(fresh()), 4, options);
    expect((await free.query('CREATE TABLE committed.hinted (k int PRIMARY KEY)'))?.opcode).toBe(
      Opcode.RESULT,
    );
    free.close();
    const records = await recordsOf('hinted');
    await gate.record((one) => one.kind === 'outcome' && one.statement.text.includes('hinted'));
    expect(records.map(({ decision }) => decision?.result).filter(Boolean)).toEqual([
      'deny',
      'permit',
    ]);
    for (const { vcs } of records) {
      expect(vcs).toMatchObject({
        commit: COMMIT,
        source: 'hint',
        verified: false,
        url: null,
        hint: { branch: 'main', build_number: 42 },
      });
    }
    bitbucket.fault = 'none';
  });

  describe('and what its pipeline runs for', () => {
    const RUNS_FOR: [keyof typeof TARGETS, string | null][] = [
      ['branch', 'release'],
      ['tag', 'tagged'],
      ['customOnMain', 'byHand'],
      ['pullRequestFromMain', null],
      ['pullRequestFromFork', null],
      ['commit', null],
    ];

    // What failed before may still pause look-ups.
    beforeAll(async () => {
      const deadline = Date.now() + 60_000;
      bitbucket.fault = 'none';
      for (let back = false; !back && Date.now() < deadline;) {
        back = await job('release').then(
          () => true,
          () => false,
        );
      }
    });

    it.each(RUNS_FOR)('of %s lets in %s only', async (target, allowed) => {
      bitbucket.pipeline = pipelineDocument({ target: TARGETS[target] });
      for (const role of ['release', 'tagged', 'byHand']) {
        // Whatever the token says of it.
        const token = gate.issuer.mint({ ...fresh(), pipelineTarget: 'branch' });
        const client = await RawClient.connect(gate.port);
        const answer = await client.logIn(role, token);
        if (role === allowed) expect(answer?.opcode).toBe(Opcode.AUTH_SUCCESS);
        else expect(decodeError(answer!).message).toContain(`may not take the role "${role}"`);
        client.close();
      }
    });

    it('outlives a new policy, and ends the session where the new one asks for another', async () => {
      const release = await job('release');
      await release.execute('SELECT * FROM committed.rows');
      const before = bitbucket.paths.length;
      const taken = () => gate.output.filter((line) => line.includes('policy taken')).length;
      const count = taken();
      await gate.writePolicy({ ...ROLES, more: { grants: [] } });
      const until = async (done: () => boolean) => {
        for (const end = Date.now() + 10_000; !done() && Date.now() < end;) {
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      await until(() => taken() > count);
      await release.execute('SELECT * FROM committed.rows');
      await release.execute('CREATE TABLE committed.released (k int PRIMARY KEY)');
      expect(bitbucket.paths).toHaveLength(before);
      const [decision] = await recordsOf('released');
      expect(decision).toMatchObject({ role: 'release', vcs: VERIFIED });
      await gate.writePolicy({ ...ROLES, release: { ...ROLES.tagged } });
      await until(() => taken() > count + 1);
      const ended = await failure(release.execute('SELECT * FROM committed.rows'));
      expect(ended.message).toMatch(/policy changed|NoHostAvailable|All host/);
      await gate.writePolicy(ROLES);
      await until(() => taken() > count + 2);
    });
  });
});

async function tablesOf(client: Client): Promise<string[]> {
  const { rows } = await client.execute(
    "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'committed'",
  );
  return rows.map((row) => String(row['table_name']));
}
