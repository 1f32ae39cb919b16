// How long a session lasts: token, grace, longest time, revocation; under load, and across gates.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from 'cassandra-driver';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { ownKeyspaceStatements } from '../../src/fleet/own-keyspace.ts';
import { TestGate, type GateOptions } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');
const GRANTS = ['SELECT, MODIFY ON KEYSPACE lives'];
const seconds = (ms: number) => Math.floor((Date.now() + ms) / 1000);

async function run(args: readonly string[], token: string) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, CQLGATE_TOKEN: token },
    stdio: 'pipe',
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}

describe.skipIf(noNode)('a session', () => {
  let superuser: Client;
  let gate: TestGate;

  beforeAll(async () => {
    superuser = await direct();
    await superuser.execute('DROP KEYSPACE IF EXISTS lives');
    await superuser.execute(
      "CREATE KEYSPACE lives WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.execute('CREATE TABLE lives.t (k int PRIMARY KEY, at bigint)');
    gate = await TestGate.start({
      contactPoint,
      roles: {
        plain: { grants: GRANTS },
        graced: { grants: GRANTS, session: { grace: '3s' } },
        brief: { grants: GRANTS, session: { max: '2s' } },
      },
    });
  });
  afterAll(async () => {
    await gate?.close();
    await superuser?.shutdown();
  });

  /** Writes without a pause until it is cut off; says when, why, and how much was acknowledged. */
  async function writeUntilCut(client: RawClient, first: number) {
    let k = first;
    for (;;) {
      const answer = await client.query(`INSERT INTO lives.t (k, at) VALUES (${k}, ${Date.now()})`);
      const error = errorOf(answer);
      if (answer === null || error !== null) {
        return { cutAtMs: Date.now(), acknowledged: k - first, error };
      }
      k++;
    }
  }

  it.each([
    ['plain', 0, 'expired'],
    ['graced', 3_000, 'expired'],
  ])(
    'of role %s works until its token and %i ms of grace are over, and not a statement more',
    async (role, graceMs, text) => {
      await superuser.execute('TRUNCATE lives.t');
      const exp = seconds(3_000);
      const token = gate.issuer.mint({ exp });
      const clients = await Promise.all(
        Array.from({ length: 8 }, async () => RawClient.login(gate.port, role, token)),
      );
      const idle = await RawClient.login(gate.port, role, token);
      const results = await Promise.all(
        clients.map(async (client, i) => writeUntilCut(client, i * 100_000)),
      );
      const endMs = exp * 1000 + graceMs;
      for (const { cutAtMs, error } of results) {
        expect(error).toMatchObject({
          code: CqlErrorCode.UNAUTHORIZED,
          message: expect.stringContaining(text) as string,
        });
        expect(cutAtMs).toBeGreaterThanOrEqual(endMs);
        expect(cutAtMs).toBeLessThan(endMs + 1_000);
      }
      // Closed after the answer, the idle one too.
      for (const client of [...clients, idle]) expect(await client.next()).toBeNull();
      expect(Date.now()).toBeLessThan(endMs + 1_500);
      const { rows } = await superuser.execute('SELECT count(*), max(at) FROM lives.t');
      const acknowledged = results.reduce((sum, one) => sum + one.acknowledged, 0);
      expect(Number(rows[0]!['count'])).toBe(acknowledged);
      expect(acknowledged).toBeGreaterThan(100);
      expect(Number(rows[0]!['system.max(at)'])).toBeLessThan(endMs + 100);
    },
  );

  it('may be begun again within the grace, by a token that was good here', async () => {
    const exp = seconds(1_500);
    const [known, strange] = [gate.issuer.mint({ exp }), gate.issuer.mint({ exp, jti: 'other' })];
    (await RawClient.login(gate.port, 'graced', known)).close();
    await new Promise((resolve) => setTimeout(resolve, exp * 1000 - Date.now() + 100));
    (await RawClient.login(gate.port, 'graced', known)).close();
    await expect(RawClient.login(gate.port, 'graced', strange)).rejects.toThrow(/expired/);
    await expect(RawClient.login(gate.port, 'plain', known)).rejects.toThrow(/expired/);
    await new Promise((resolve) => setTimeout(resolve, exp * 1000 + 3_100 - Date.now()));
    await expect(RawClient.login(gate.port, 'graced', known)).rejects.toThrow(/expired/);
  });

  it('may be begun again within the grace at a gate that was restarted', async () => {
    const exp = seconds(1_500);
    const [known, strange] = [gate.issuer.mint({ exp }), gate.issuer.mint({ exp, jti: 'other' })];
    (await RawClient.login(gate.port, 'graced', known)).close();
    await gate.record((one) => one.kind === 'session_end');
    await gate.stop();
    await new Promise((resolve) => setTimeout(resolve, exp * 1000 - Date.now() + 100));
    await gate.launch();
    (await RawClient.login(gate.port, 'graced', known)).close();
    await expect(RawClient.login(gate.port, 'graced', strange)).rejects.toThrow(/expired/);
    await expect(RawClient.login(gate.port, 'plain', known)).rejects.toThrow(/expired/);
  });

  it('lasts no longer than its role says', async () => {
    const client = await RawClient.login(gate.port, 'brief', gate.issuer.mint());
    const startMs = Date.now();
    const { error, cutAtMs } = await writeUntilCut(client, 900_000);
    expect(error?.message).toContain('as long as its role allows');
    expect(cutAtMs - startMs).toBeGreaterThan(1_500);
    expect(cutAtMs - startMs).toBeLessThan(3_000);
  });
});

describe.skipIf(noNode)('a revocation', () => {
  let superuser: Client;
  const gates: TestGate[] = [];
  const admins = [
    { level: 'operator', issuer: 'pipelines', where: { repositoryUuid: '*', branchName: 'ops' } },
  ];

  const start = async (shared: TestGate | null): Promise<TestGate> => {
    const options: GateOptions = {
      contactPoint,
      roles: { job: { grants: GRANTS } },
      admins,
      config: { admin: { port: 0 } },
      ...(shared === null ? {} : { issuer: shared.issuer }),
    };
    const gate = await TestGate.start(options);
    gates.push(gate);
    return gate;
  };

  beforeAll(async () => {
    superuser = await direct();
    await superuser.execute('DROP KEYSPACE IF EXISTS cqlgate');
    const replication = { class: 'SimpleStrategy', replication_factor: 1 };
    for (const statement of ownKeyspaceStatements({ name: 'cqlgate', replication })) {
      await superuser.execute(statement);
    }
  });
  afterAll(async () => {
    for (const gate of gates.reverse()) await gate.close();
    await superuser?.execute('DROP KEYSPACE IF EXISTS cqlgate');
    await superuser?.shutdown();
  });

  it('at one gate ends sessions at another within two seconds, and outlives a restart', async () => {
    const one = await start(null);
    const other = await start(one);
    const token = one.issuer.mint({ sub: 'leaked' });
    const operator = one.issuer.mint({ branchName: 'ops', sub: 'operator' });
    const [victim, idle] = [
      await RawClient.login(other.port, 'job', token),
      await RawClient.login(other.port, 'job', token),
    ];
    const bystander = await RawClient.login(other.port, 'job', one.issuer.mint({ sub: 'honest' }));
    const url = `http://127.0.0.1:${one.adminPort}`;
    const revoked = await run(
      ['revoke', '--subject', 'leaked', '--reason', 'seen in a log', '--url', url],
      operator,
    );
    expect(revoked).toMatchObject({
      code: 0,
      output: expect.stringContaining('"shared": true') as string,
    });
    const startMs = Date.now();
    let error: ReturnType<typeof errorOf> = null;
    while (error === null && Date.now() - startMs < 5_000) {
      const answer = await victim.query('SELECT k FROM lives.t');
      if (answer === null) break;
      error = errorOf(answer);
    }
    expect(Date.now() - startMs).toBeLessThan(2_000);
    if (error !== null) expect(error.message).toContain('revoked: seen in a log');
    expect(await idle.next()).toBeNull();
    expect(Date.now() - startMs).toBeLessThan(2_500);
    expect((await bystander.query('SELECT k FROM lives.t'))?.opcode).toBe(Opcode.RESULT);
    for (const gate of [one, other]) {
      await expect(RawClient.login(gate.port, 'job', token)).rejects.toThrow(/revoked/);
    }
    await other.stop();
    await other.launch();
    await expect(RawClient.login(other.port, 'job', token)).rejects.toThrow(/revoked/);
    const record = await one.record((record) => record.reason === 'tokens revoked');
    expect(record.detail).toMatchObject({ value: 'leaked', by: 'pipelines operator' });
    const list = await run(['revoke', '--list', '--url', url], operator);
    expect(list.output).toContain('seen in a log');
    const sessions = await fetch(`http://127.0.0.1:${other.adminPort}/api/v1/sessions`, {
      headers: { authorization: `Bearer ${operator}` },
    });
    expect(await sessions.json()).toEqual({ sessions: [] });
  });

  it('is refused to whom the policy does not name', async () => {
    const [gate] = gates;
    const url = `http://127.0.0.1:${gate!.adminPort}`;
    const args = ['revoke', '--subject', 'x', '--reason', 'y', '--url', url];
    const refused = await run(args, gate!.issuer.mint());
    expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('403') as string });
    expect((await run(args, 'no token')).code).toBe(1);
    expect((await run(['revoke', '--reason', 'y', '--url', url], 'x')).output).toContain(
      'name one of',
    );
  });

  it('holds at a gate without the keyspace too, and that is said', async () => {
    await superuser.execute('DROP KEYSPACE cqlgate');
    const gate = await start(gates[0]!);
    await gate.logged(/hold in this gate only/);
    const operator = gate.issuer.mint({ branchName: 'ops', sub: 'operator' });
    const token = gate.issuer.mint({ sub: 'other' });
    const file = path.join(gate.dir, 'operator');
    await writeFile(file, operator);
    const url = `http://127.0.0.1:${gate.adminPort}`;
    const { output } = await run(
      ['revoke', '--subject', 'other', '--reason', 'x', '--url', url, '--token-file', file],
      '',
    );
    expect(output).toContain('"shared": false');
    await expect(RawClient.login(gate.port, 'job', token)).rejects.toThrow(/revoked/);
  });
});
