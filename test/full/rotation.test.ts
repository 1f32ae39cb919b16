// Ten rotations of the upstream login, in the real Cassandra and in the file, before 64 sessions at
// work: no request fails, and after each no connection of the login before is left.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import {
  changePassword,
  createUser,
  portsOf,
  prepareRotation,
  Workers,
} from '../support/rotation.ts';

const ROTATIONS = 10;
const SESSIONS = 64;
const LOGIN = 'often_rotating_login';
/** Whether the file or the database changes first, and how long the other is behind, in ms. */
const LAGS = [0, 300, -300, 1_500, -1_500];

describe.skipIf(noNode)('rotation under load', () => {
  let gate: TestGate;
  let superuser: Client;
  let file = '';

  beforeAll(async () => {
    superuser = await direct();
    await prepareRotation(superuser, 'often_rotated');
    await createUser(superuser, LOGIN, 'often_rotated', 'password-0');
    gate = await TestGate.start({
      contactPoint,
      roles: { worker: { grants: ['SELECT, MODIFY ON KEYSPACE often_rotated'] } },
      prepare: async (dir) => {
        file = path.join(dir, 'password');
        await writeFile(file, 'password-0');
      },
      config: { cassandraRoles: { ci: { username: LOGIN, password: { file: 'password' } } } },
    });
  });

  afterAll(async () => {
    await superuser?.shutdown();
    await gate?.close();
  });

  it(`loses no request of ${SESSIONS} sessions in ${ROTATIONS} rotations`, async () => {
    const workers = await Workers.start(gate, 'often_rotated', SESSIONS);
    for (let i = 1; i <= ROTATIONS; i++) {
      const before = await portsOf(superuser, LOGIN);
      expect(before.length).toBeGreaterThan(0);
      const lagMs = LAGS[i % LAGS.length]!;
      const steps = [
        async () => changePassword(superuser, LOGIN, `password-${i}`),
        async () => writeFile(file, `password-${i}`),
      ];
      if (lagMs < 0) steps.reverse();
      await steps[0]!();
      await new Promise((resolve) => setTimeout(resolve, Math.abs(lagMs)));
      await steps[1]!();
      await expect
        .poll(
          async () => (await portsOf(superuser, LOGIN)).filter((port) => before.includes(port)),
          { timeout: 30_000 },
        )
        .toEqual([]);
      expect(workers.failures).toEqual([]);
    }
    await workers.stop();
    expect(workers.failures).toEqual([]);
    expect(workers.requests).toBeGreaterThan(ROTATIONS * SESSIONS * 10);
    expect(gate.output.join('')).not.toContain('password-');
  });
});
