// Bad input of every kind: each gets its answer, and the process survives all of it.
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { encodeSegments } from '../../src/protocol/segment-encoder.ts';
import { encodeStartup } from '../../src/protocol/messages/startup.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const STARTUP = encodeStartup(new Map([['CQL_VERSION', '3.0.0']]));
const seconds = () => Math.floor(Date.now() / 1000);
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe.skipIf(noNode)('bad input', () => {
  let gate: TestGate;

  beforeAll(async () => {
    gate = await TestGate.start({
      contactPoint,
      roles: {
        reader: { grants: ['SELECT ON KEYSPACE orders'] },
        writer: { grants: ['MODIFY ON KEYSPACE orders'] },
      },
      config: { limits: { handshakeTimeoutMs: 3_000, maxFrameBytes: 2 * 1024 * 1024 } },
    });
  });

  afterAll(async () => {
    const alive = await RawClient.login(gate.port, 'reader', gate.issuer.mint());
    expect(errorOf(await alive.query('SELECT key FROM system.local'))).toBeNull();
    alive.close();
    await gate?.close();
  });

  const tokens: Record<string, [(g: TestGate) => string, string, string?]> = {
    expired: [(g) => g.issuer.mint({ exp: seconds() - 600 }), 'expired 10 min ago'],
    'not yet valid': [(g) => g.issuer.mint({ nbf: seconds() + 600 }), 'not valid yet'],
    'of another issuer': [
      (g) => g.issuer.mint({ iss: 'https://evil.example.com' }),
      'not one that',
    ],
    'for another audience': [(g) => g.issuer.mint({ aud: 'other' }), 'audience must contain'],
    'without algorithm': [(g) => g.issuer.mint({}, { alg: 'none' }), 'must be signed'],
    'with an unknown key': [(g) => g.issuer.mint({}, { kid: 'nobody' }), 'does not publish'],
    'with a key in its header': [(g) => g.issuer.mint({}, { jwk: { kty: 'RSA' } }), 'own key'],
    'with an unknown crit': [(g) => g.issuer.mint({}, { crit: ['x'], x: 1 }), 'crit'],
    'without expiry': [(g) => g.issuer.mint({ exp: null }), 'no expiry'],
    tampered: [(g) => tampered(g.issuer.mint()), 'signature'],
    'signed with the public key as a secret': [(g) => confused(g), 'must be signed'],
    empty: [() => '', 'password is empty'],
    'of nobody known': [
      (g) => g.issuer.mint({ repositoryUuid: '{00000000-0000-0000-0000-000000000000}' }),
      'No role is bound',
    ],
    'for a role it may not take': [(g) => g.issuer.mint(), 'may not take the role', 'admin'],
    'for one of several roles': [(g) => g.issuer.mint(), 'Several roles', 'oidc'],
    'of 100 KiB': [() => 'x'.repeat(100 * 1024), 'Send the token alone'],
  };

  it.each(Object.entries(tokens))('refuses a token %s', async (_name, [make, text, role]) => {
    const raw = await RawClient.connect(gate.port);
    const token = make(gate);
    const error = errorOf(await raw.logIn(role ?? 'reader', token));
    expect(error).toEqual({
      code: CqlErrorCode.AUTH_ERROR,
      message: expect.stringContaining(text) as string,
    });
    if (token !== '') expect(error?.message).not.toContain(token.slice(0, 30));
    expect(await raw.next()).toBeNull();
  });

  function tampered(token: string): string {
    const [header, , signature] = token.split('.');
    const claims = encoded({ iss: gate.issuer.issuer, sub: 'me', exp: seconds() + 600 });
    return `${header}.${claims}.${signature}`;
  }

  function confused({ issuer }: TestGate): string {
    const signed = `${encoded({ alg: 'HS256', kid: 'any' })}.${encoded({ iss: issuer.issuer, sub: 'me' })}`;
    const mac = createHmac('sha256', issuer.publicKeyPem).update(signed).digest('base64url');
    return `${signed}.${mac}`;
  }

  it('answers QUERY before STARTUP and closes', async () => {
    const raw = await RawClient.connect(gate.port);
    const error = errorOf(await raw.query('SELECT key FROM system.local'));
    expect(error).toEqual({
      code: CqlErrorCode.PROTOCOL_ERROR,
      message: 'Unexpected message QUERY, expecting STARTUP or OPTIONS',
    });
    expect(await raw.next()).toBeNull();
  });

  it('answers a second AUTH_RESPONSE and closes', async () => {
    const raw = await RawClient.login(gate.port, 'reader', gate.issuer.mint());
    const error = errorOf(await raw.authenticate(Buffer.from('\0reader\0again')));
    expect(error?.code).toBe(CqlErrorCode.PROTOCOL_ERROR);
    expect(await raw.next()).toBeNull();
  });

  it('ends a silent handshake with the reason', async () => {
    const raw = await RawClient.connect(gate.port);
    expect(errorOf(await raw.next())).toEqual({
      code: CqlErrorCode.AUTH_ERROR,
      message: expect.stringContaining('took too long') as string,
    });
    expect(await raw.next()).toBeNull();
  });

  it('takes a handshake byte by byte', async () => {
    const raw = await RawClient.connect(gate.port);
    const frame = encodeFrame({ version: 4, opcode: Opcode.STARTUP, streamId: 1, body: STARTUP });
    for (const byte of frame) {
      raw.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await raw.next())?.opcode).toBe(Opcode.AUTHENTICATE);
    raw.close();
  });

  it.each([0x42, 0x41, 1, 2, 3, 6, 7])(
    'tells a driver of version 0x%s which it speaks',
    async (first) => {
      const raw = await RawClient.connect(gate.port);
      raw.socket.removeAllListeners('data');
      const reply = new Promise<Buffer>((resolve) => raw.socket.once('data', resolve));
      raw.write(Buffer.from([first, 0, 0, 5, 1, 0, 0, 0, 0, 0]));
      const bytes = await reply;
      expect(bytes[0]).toBe(first <= 3 ? first | 0x80 : 0x85);
      expect(bytes.toString('latin1')).toContain(
        `Invalid or unsupported protocol version (${first}); supported versions are (4/v4, 5/v5)`,
      );
    },
  );

  const header = (fields: Partial<Record<'version' | 'opcode' | 'length', number>>) => {
    const bytes = Buffer.alloc(9);
    bytes[0] = fields.version ?? 4;
    bytes.writeInt16BE(7, 2);
    bytes[4] = fields.opcode ?? Opcode.QUERY;
    bytes.writeInt32BE(fields.length ?? 0, 5);
    return bytes;
  };

  it.each([
    ['a negative length', () => header({ length: -1 }), 'negative'],
    ['an unknown opcode', () => header({ opcode: 0x55 }), 'Unknown opcode 85'],
    ['the response bit', () => header({ version: 0x84 }), 'request was expected'],
    ['another version', () => header({ version: 5 }), 'Invalid message version'],
    ['a body that ends early', () => header({}), 'ends within query'],
  ])('answers a v4 frame with %s, and closes', async (_name, bytes, text) => {
    const raw = await RawClient.login(gate.port, 'reader', gate.issuer.mint());
    raw.write(bytes());
    expect(errorOf(await raw.next())).toEqual({
      code: CqlErrorCode.PROTOCOL_ERROR,
      message: expect.stringContaining(text) as string,
    });
    expect(await raw.next()).toBeNull();
  });

  it('refuses a frame over the limit and keeps the connection', async () => {
    const raw = await RawClient.login(gate.port, 'reader', gate.issuer.mint());
    const big = Buffer.alloc(3 * 1024 * 1024);
    expect(errorOf(await raw.request(Opcode.QUERY, big))).toEqual({
      code: CqlErrorCode.INVALID,
      message: expect.stringContaining('Request is too big') as string,
    });
    expect(errorOf(await raw.query('SELECT key FROM system.local'))).toBeNull();
    raw.close();
  });

  it.each([
    ['header', 4, 'frame header'],
    ['body', 12, 'frame body'],
  ])(
    'answers a v5 segment with a wrong checksum of its %s, and closes',
    async (_name, at, text) => {
      const raw = await RawClient.login(gate.port, 'reader', gate.issuer.mint(), 5);
      const frame = encodeFrame({ version: 5, opcode: Opcode.OPTIONS, streamId: 1, body: null });
      const segment = Buffer.concat(encodeSegments([frame]));
      segment[at]! ^= 0xff;
      raw.write(segment);
      expect(errorOf(await raw.next())).toEqual({
        code: CqlErrorCode.PROTOCOL_ERROR,
        message: expect.stringContaining(text) as string,
      });
      expect(await raw.next()).toBeNull();
    },
  );

  it.each([131_071, 2 * 131_071, 262_143, 262_151])(
    'takes v5 requests of about %i bytes over several segments',
    async (bytes) => {
      const raw = await RawClient.login(gate.port, 'reader', gate.issuer.mint(), 5);
      for (let extra = -9; extra <= 9; extra += 3) {
        // Answered by the gate: a node itself never answers a request of 131,063 bytes.
        const text = `SELECT key FROM closed.tbl /*${'x'.repeat(bytes + extra - 60)}*/`;
        expect(errorOf(await raw.query(text))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
      }
      raw.close();
    },
  );

  it.each([
    ['empty', '', CqlErrorCode.SYNTAX_ERROR],
    [
      'two at once',
      'SELECT key FROM system.local; SELECT key FROM system.local',
      CqlErrorCode.SYNTAX_ERROR,
    ],
    ['of an unknown keyword', 'EXPLODE orders', CqlErrorCode.SYNTAX_ERROR],
    ['unqualified without a keyspace', 'SELECT * FROM t', CqlErrorCode.INVALID],
    [
      'with a function over system.local that there is not',
      'SELECT no_function(key) FROM system.local',
      CqlErrorCode.INVALID,
    ],
    [
      'about a table that this release lacks',
      'SELECT * FROM system_schema.nothing',
      CqlErrorCode.INVALID,
    ],
    [
      'longer than the limit',
      `SELECT key FROM system.local /*${'x'.repeat(1_100_000)}*/`,
      CqlErrorCode.INVALID,
    ],
  ])('answers a statement %s and keeps the connection', async (_name, text, code) => {
    const raw = await RawClient.login(gate.port, 'reader', gate.issuer.mint());
    expect(errorOf(await raw.query(text))?.code).toBe(code);
    expect(errorOf(await raw.query('SELECT key FROM system.local'))).toBeNull();
    raw.close();
  });

  it('refuses text that is no UTF-8', async () => {
    const raw = await RawClient.login(gate.port, 'reader', gate.issuer.mint());
    const body = new Writer()
      .writeInt(2)
      .writeRaw(Buffer.from([0xc3, 0x28]))
      .writeShort(1)
      .writeByte(0);
    expect(errorOf(await raw.request(Opcode.QUERY, body.toBuffer()))).toEqual({
      code: CqlErrorCode.PROTOCOL_ERROR,
      message: expect.stringContaining('Cannot decode string as UTF8') as string,
    });
  });

  it('ends a session at the expiry of its token', async () => {
    const raw = await RawClient.login(
      gate.port,
      'reader',
      gate.issuer.mint({ exp: seconds() + 2 }),
    );
    expect(errorOf(await raw.query('SELECT key FROM system.local'))).toBeNull();
    expect(await raw.next()).toBeNull();
  });
});
