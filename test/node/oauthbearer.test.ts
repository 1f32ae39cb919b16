// Logins by OAUTHBEARER through the gate; a PLAIN client never sees a challenge.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { decodeAuthResponse } from '../../src/protocol/messages/auth.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const bearer = (token: string, role = ''): Buffer =>
  Buffer.from(`n,${role === '' ? '' : `a=${role}`},\u0001auth=Bearer ${token}\u0001\u0001`);

describe.skipIf(noNode).each([4, 5])('OAUTHBEARER in v%i', (version) => {
  let gate: TestGate;
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(gate.port, version);
    await client.startup();
    return client;
  };

  beforeAll(async () => {
    gate = await TestGate.start({
      contactPoint,
      roles: { reader: { grants: ['SELECT ON KEYSPACE system_traces'] } },
    });
  });
  afterAll(async () => gate?.close());

  it.each(['', 'reader'])('logs in with the role %j', async (role) => {
    const client = await connect();
    const answer = await client.authenticate(bearer(gate.issuer.mint(), role));
    expect(answer!.opcode).toBe(Opcode.AUTH_SUCCESS);
    const rows = await client.query('SELECT * FROM system_traces.sessions');
    expect(errorOf(rows)).toBeNull();
    client.close();
  });

  it('tells a failed client why in JSON, and after its last word as an error', async () => {
    const client = await connect();
    const token = gate.issuer.mint({ exp: 1_000 });
    const challenge = await client.authenticate(bearer(token));
    expect(challenge!.opcode).toBe(Opcode.AUTH_CHALLENGE);
    expect(JSON.parse(decodeAuthResponse(challenge!)!.toString())).toEqual({
      status: 'invalid_token',
      'openid-configuration': `${gate.issuer.issuer}/.well-known/openid-configuration`,
    });
    const error = errorOf(await client.authenticate(Buffer.from([1])));
    expect(error).toMatchObject({ code: CqlErrorCode.AUTH_ERROR });
    expect(error!.message).toMatch(/expired/);
    expect(await client.next()).toBeNull();
    expect(Buffer.concat(client.received).includes(token)).toBe(false);
  });

  it('gives a client that failed no second try on its connection', async () => {
    const client = await connect();
    await client.authenticate(bearer('no.such.token'));
    const error = errorOf(await client.authenticate(bearer(gate.issuer.mint())));
    expect(error).toMatchObject({ code: CqlErrorCode.AUTH_ERROR });
    expect(await client.next()).toBeNull();
  });

  it('never challenges a client of PLAIN', async () => {
    for (const sasl of ['\0reader\0no.such.token', '\0n,\0x', 'n,\0n,\0x']) {
      const client = await connect();
      expect(errorOf(await client.authenticate(Buffer.from(sasl)))).toMatchObject({
        code: CqlErrorCode.AUTH_ERROR,
      });
    }
  });
});
