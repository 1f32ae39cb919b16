// Statements about roles that are superusers: Cassandra keeps them from other logins, and the gate, whose
// login here is a superuser, from roles without the capability.
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { decodePrepared } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const SETUP = [
  'CREATE ROLE st_super WITH SUPERUSER = true',
  'CREATE ROLE st_between',
  'CREATE ROLE st_heir',
  'CREATE ROLE st_plain',
  'CREATE ROLE st_other',
  'GRANT st_super TO st_between',
  'GRANT st_between TO st_heir',
  "ADD IDENTITY 'st super identity' TO ROLE 'st_super'",
  "ADD IDENTITY 'st heir identity' TO ROLE 'st_heir'",
  // The gate's own login.
  "ADD IDENTITY 'st own identity' TO ROLE 'cassandra'",
];
const DROPPED = ['st_super', 'st_between', 'st_heir', 'st_plain', 'st_other'];

/** Each changes nothing where it is refused. */
const OF_SUPERUSERS = [
  'DROP ROLE st_super',
  'DROP ROLE IF EXISTS st_super',
  "DROP ROLE 'st_super'",
  'DROP ROLE "st_super"',
  'DROP USER st_super',
  "DROP USER IF EXISTS 'st_super'",
  'DROP ROLE st_between',
  'DROP ROLE st_heir',
  "ALTER ROLE st_super WITH PASSWORD = 'x'",
  'ALTER ROLE st_heir WITH LOGIN = true',
  "ALTER USER st_super WITH PASSWORD 'x'",
  'GRANT st_super TO st_plain',
  'GRANT st_heir TO st_plain',
  'REVOKE st_super FROM st_between',
  'REVOKE st_between FROM st_heir',
  "ADD IDENTITY 'st new' TO ROLE 'st_super'",
  "ADD IDENTITY IF NOT EXISTS 'st new' TO ROLE 'st_heir'",
  "DROP IDENTITY 'st super identity'",
  "DROP IDENTITY IF EXISTS 'st heir identity'",
];

const OF_OTHERS = [
  "ALTER ROLE st_plain WITH PASSWORD = 'x'",
  'GRANT st_plain TO st_other',
  'REVOKE st_plain FROM st_other',
  'GRANT st_plain TO st_super',
  "ADD IDENTITY 'st plain identity' TO ROLE 'st_plain'",
  "DROP IDENTITY 'st plain identity'",
  'DROP ROLE IF EXISTS st_nobody',
  "DROP IDENTITY IF EXISTS 'st nobody'",
  'CREATE ROLE st_made',
  'DROP ROLE st_made',
];

describe.skipIf(noNode)('a role that is a superuser', () => {
  let gate: TestGate;
  let superuser: Client;
  let keeper: RawClient;

  const isSuper = async (role: string): Promise<boolean | undefined> => {
    const { rows } = await superuser.execute('LIST ROLES');
    return rows.find((row) => row['role'] === role)?.['super'] as boolean | undefined;
  };

  beforeAll(async () => {
    superuser = await direct();
    for (const text of SETUP) await superuser.execute(text);
    const grants = ['ALL ON ALL ROLES', 'AUTHORIZE ON ALL ROLES'];
    gate = await TestGate.start({
      contactPoint,
      roles: {
        keeper: { grants, capabilities: ['identities'] },
        mighty: { grants, capabilities: ['identities', 'superuser'] },
      },
    });
    keeper = await RawClient.login(gate.port, 'keeper', gate.issuer.mint());
  });

  afterAll(async () => {
    for (const role of DROPPED) await superuser?.execute(`DROP ROLE IF EXISTS ${role}`);
    for (const one of ['super', 'heir', 'own']) {
      await superuser?.execute(`DROP IDENTITY IF EXISTS 'st ${one} identity'`);
    }
    await superuser?.shutdown();
    keeper?.close();
    await gate?.close();
  });

  it.each(OF_SUPERUSERS)('is kept from a role without the capability: %s', async (text) => {
    const error = errorOf(await keeper.query(text));
    expect(error?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    expect(error?.message).toContain("needs the capability 'superuser'");
    await gate.record(
      ({ kind, decision }) => kind === 'decision' && decision.reason === 'capability_missing',
    );
  });

  it('is still there, and still one', async () => {
    expect(await isSuper('st_super')).toBe(true);
    expect(await isSuper('st_heir')).toBe(false);
    const { rows } = await superuser.execute('LIST ROLES OF st_heir');
    expect(rows.map((row) => String(row['role'])).sort()).toEqual([
      'st_between',
      'st_heir',
      'st_super',
    ]);
  });

  it('is kept when the statement was prepared before', async () => {
    const answer = await keeper.prepare('DROP ROLE st_super');
    const { id } = decodePrepared(answer!, 4);
    expect(errorOf(await keeper.execute(id))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    expect(await isSuper('st_super')).toBe(true);
  });

  it.each(OF_OTHERS)('does not keep others from %s', async (text) => {
    expect(errorOf(await keeper.query(text))).toBeNull();
  });

  it('is asked for each time: who was none a moment ago may be one now', async () => {
    const change = 'ALTER ROLE st_plain WITH LOGIN = true';
    expect(errorOf(await keeper.query(change))).toBeNull();
    await superuser.execute('ALTER ROLE st_plain WITH SUPERUSER = true');
    // Cassandra itself remembers for two seconds who is what.
    await expect
      .poll(async () => errorOf(await keeper.query(change))?.code, { timeout: 10_000 })
      .toBe(CqlErrorCode.UNAUTHORIZED);
  });

  it("is not parted from an identity where it is the gate's own login", async () => {
    const mighty = await RawClient.login(gate.port, 'mighty', gate.issuer.mint());
    for (const who of [keeper, mighty]) {
      const error = errorOf(await who.query("DROP IDENTITY 'st own identity'"));
      expect(error?.code).toBe(CqlErrorCode.UNAUTHORIZED);
      expect(error?.message).toContain('the gate itself logs in');
    }
    mighty.close();
  });

  it('is dropped by a role with the capability', async () => {
    const mighty = await RawClient.login(gate.port, 'mighty', gate.issuer.mint());
    expect((await mighty.query('DROP ROLE st_super'))?.opcode).toBe(Opcode.RESULT);
    expect(await isSuper('st_super')).toBeUndefined();
    mighty.close();
  });
});
