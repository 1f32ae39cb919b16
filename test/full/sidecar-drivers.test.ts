// Applications in the language of each driver, written for a Cassandra without authentication, as commands of a
// sidecar: they read and write, and the ledger names the pipeline behind them.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MATRIX } from '../support/driver-matrix.ts';
import { TestGate } from '../support/gate.ts';
import { PIPELINE_UUID } from '../support/issuer.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { isSkipped } from '../support/tools.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');
const COMMIT = '0123456789abcdef0123456789abcdef01234567';

/** Each release once: which version of the protocol it speaks is its own choice here. */
const DRIVERS = new Map(MATRIX.map((driver) => [`${driver.name} ${driver.release}`, driver]));

describe.skipIf(noNode)('a hello world as the command of a sidecar', () => {
  let gate: TestGate;
  let superuser: Client;

  beforeAll(async () => {
    superuser = await direct();
    await superuser.execute('DROP KEYSPACE IF EXISTS hello');
    await superuser.execute(
      "CREATE KEYSPACE hello WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.execute('CREATE TABLE hello.greetings (name text PRIMARY KEY, text text)');
    gate = await TestGate.start({
      contactPoint,
      roles: { app: { grants: ['SELECT, MODIFY ON TABLE hello.greetings'] } },
      config: { audit: { dir: 'audit', dml: 'all' } },
    });
  });

  afterAll(async () => {
    await gate?.close();
    await superuser?.execute('DROP KEYSPACE IF EXISTS hello');
    await superuser?.shutdown();
  });

  /** What it prints. */
  async function run(command: readonly string[], stepUuid: string): Promise<string> {
    const listen = ['--listen', '127.0.0.1:0', '--gate', `127.0.0.1:${gate.port}`, '--plaintext'];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [MAIN, 'sidecar', ...listen, '--role', 'app', '--', ...command],
      {
        env: {
          ...process.env,
          BITBUCKET_STEP_OIDC_TOKEN: gate.issuer.mint({ stepUuid }),
          BITBUCKET_COMMIT: COMMIT,
          BITBUCKET_BRANCH: 'main',
          BITBUCKET_BUILD_NUMBER: '42',
        },
        timeout: 90_000,
      },
    );
    return stdout;
  }

  for (const [name, driver] of DRIVERS) {
    it.skipIf(isSkipped(name, driver.needs))(
      `${name} writes and reads without a login, and its pipeline is on record`,
      async () => {
        const stepUuid = `{${randomUUID()}}`;
        const text = `hello ${randomUUID()}`;
        expect(await run([...(await driver.hello()), name, text], stepUuid)).toContain(text);
        const { rows } = await superuser.execute(
          'SELECT text FROM hello.greetings WHERE name = ?',
          [name],
        );
        expect(rows[0]?.['text']).toBe(text);

        const ofStep = async (): Promise<any[]> =>
          (await gate.records()).filter(({ principal }) => principal?.step_uuid === stepUuid);
        const kinds = async () =>
          (await ofStep())
            .map(({ kind, statement }) => String(statement?.kind ?? kind))
            .filter((kind) => ['INSERT', 'SELECT', 'session_start', 'session_end'].includes(kind));
        await expect
          .poll(kinds)
          .toEqual(expect.arrayContaining(['session_start', 'INSERT', 'SELECT', 'session_end']));
        for (const record of await ofStep()) {
          expect(record).toMatchObject({
            role: 'app',
            principal: { pipeline_uuid: PIPELINE_UUID, branch: 'main' },
            vcs: {
              commit: COMMIT,
              source: 'hint',
              verified: false,
              hint: { branch: 'main', build_number: 42 },
            },
          });
        }
      },
    );
  }
});
