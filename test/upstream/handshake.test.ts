// The login at a node, message by message: what each answer of the node leads to, and that the password goes to
// nobody else.
import { beforeEach, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { COMPRESSIONS } from '../../src/protocol/compression.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import {
  decodeAuthResponse,
  encodeAuthenticate,
  encodeToken,
} from '../../src/protocol/messages/auth.ts';
import { decodeStartup } from '../../src/protocol/messages/startup.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import type { Login } from '../../src/upstream/credentials.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { shakeHands, type Handshake } from '../../src/upstream/handshake.ts';
import { message, errorMessage } from '../support/own-answers.ts';

const PASSWORD = 'pass word';
const LOGIN: Login = { name: 'ci', open: false, username: 'ci_user', password: PASSWORD };
const CERTIFIED: Login = { ...LOGIN, certificate: { cert: 'c', key: 'k' } };
const OPEN: Login = { name: 'ci', open: true };

const READY = message(Opcode.READY, null);
const SUCCESS = message(Opcode.AUTH_SUCCESS, encodeToken(null));
const asks = (authenticator: string): Frame =>
  message(Opcode.AUTHENTICATE, encodeAuthenticate(authenticator));
const PASSWORDS = asks('org.apache.cassandra.auth.PasswordAuthenticator');
const CERTIFICATES = asks('org.apache.cassandra.auth.MutualTlsAuthenticator');
const EITHER = asks('org.apache.cassandra.auth.MutualTlsWithPasswordFallbackAuthenticator');

/** What was sent, and when the answer to STARTUP was agreed on. */
let said: { readonly opcode: number; readonly frame: Frame }[];
let order: string[];

beforeEach(() => {
  said = [];
  order = [];
});

/** Resolves with null, or the fault. */
async function handshake(
  answers: readonly Frame[],
  over: Partial<Handshake> = {},
): Promise<UpstreamFault | null> {
  const left = [...answers];
  const request = async (opcode: number, body: Buffer | null): Promise<Frame> => {
    const bytes = encodeFrame({ version: 4, opcode, streamId: 0, body });
    said.push({ opcode, frame: new Frame(bytes, 0, bytes.length) });
    order.push(opcode === Opcode.STARTUP ? 'STARTUP' : 'AUTH_RESPONSE');
    const answer = left.shift();
    if (answer === undefined) throw new Error('one message too many');
    return Promise.resolve(answer);
  };
  try {
    await shakeHands({
      node: '10.0.0.1:9042',
      login: LOGIN,
      request,
      compression: null,
      showedCertificate: false,
      agreed: () => order.push('agreed'),
      ...over,
    });
    return null;
  } catch (error) {
    if (!(error instanceof UpstreamFault)) throw error;
    expect(error.message).not.toContain(PASSWORD);
    return error;
  }
}

describe('STARTUP', () => {
  it('asks for errors instead of a node that stops reading, and for no compression by itself', async () => {
    await handshake([PASSWORDS, SUCCESS]);
    expect(decodeStartup(said[0]!.frame)).toEqual(
      new Map([
        ['CQL_VERSION', '3.0.0'],
        ['DRIVER_NAME', 'cqlgate'],
        ['THROW_ON_OVERLOAD', '1'],
      ]),
    );
  });

  it.each([...COMPRESSIONS.values()])('asks for $name where that is to be', async (compression) => {
    await handshake([PASSWORDS, SUCCESS], { compression });
    expect(decodeStartup(said[0]!.frame).get('COMPRESSION')).toBe(compression.name);
    await handshake([PASSWORDS, SUCCESS]);
    expect(decodeStartup(said[2]!.frame).has('COMPRESSION')).toBe(false);
  });

  it('that is refused agrees on nothing, and tells the node’s words', async () => {
    const fault = await handshake([errorMessage(CqlErrorCode.PROTOCOL_ERROR, 'bad version')]);
    expect(fault).toMatchObject({ code: 'protocol', message: 'bad version' });
    expect(order).toEqual(['STARTUP']);
  });

  it('that is answered holds from the very next message on', async () => {
    await handshake([PASSWORDS, SUCCESS]);
    expect(order).toEqual(['STARTUP', 'agreed', 'AUTH_RESPONSE']);
  });

  it.each([Opcode.SUPPORTED, Opcode.AUTH_SUCCESS, Opcode.RESULT])(
    'that is answered with opcode %i is no login',
    async (opcode) => {
      expect(await handshake([message(opcode, null)])).toMatchObject({ code: 'protocol' });
      expect(said).toHaveLength(1);
    },
  );
});

describe('a login', () => {
  it('sends user and password once, where they are asked for', async () => {
    expect(await handshake([PASSWORDS, SUCCESS])).toBeNull();
    expect(decodeAuthResponse(said[1]!.frame)?.toString()).toBe(`\0ci_user\0${PASSWORD}`);
  });

  it('that is refused is one that the cluster refused: it is asked for anew', async () => {
    const fault = await handshake([PASSWORDS, errorMessage(CqlErrorCode.AUTH_ERROR, PASSWORD)]);
    expect(fault).toMatchObject({ code: 'login_refused' });
    expect(fault?.message).toContain('ci');
  });

  it.each<[string, Frame]>([
    ['another error', errorMessage(CqlErrorCode.OVERLOADED, 'later')],
    ['another round', message(Opcode.AUTH_CHALLENGE, encodeToken(Buffer.from('more')))],
    ['READY', READY],
  ])('that is answered with %s was not refused, nor is it done', async (_what, answer) => {
    expect(await handshake([PASSWORDS, answer])).toMatchObject({ code: 'unreachable' });
    expect(said).toHaveLength(2);
  });

  it('is believed only where it is asked for: a cluster that asks for none is refused', async () => {
    const fault = await handshake([READY]);
    expect(fault).toMatchObject({ code: 'login_refused' });
    expect(fault?.message).toContain('open: true');
  });
});

describe('a role that is configured as open', () => {
  it('is let in without a login', async () => {
    expect(await handshake([READY], { login: OPEN })).toBeNull();
    expect(order).toEqual(['STARTUP', 'agreed']);
  });

  it('is refused where a login is asked for', async () => {
    expect(await handshake([PASSWORDS], { login: OPEN, showedCertificate: true })).toMatchObject({
      code: 'login_refused',
      message: expect.stringContaining('configured as open'),
    });
    expect(said).toHaveLength(1);
  });
});

describe('a certificate that was shown', () => {
  const showedCertificate = true;

  it('that is of all roles must not decide the role: the password would be for nothing', async () => {
    for (const authenticator of [CERTIFICATES, EITHER]) {
      const fault = await handshake([authenticator, SUCCESS], { showedCertificate });
      expect(fault).toMatchObject({ code: 'login_refused' });
      expect(fault?.message).toContain('certificate of cluster.tls');
    }
    expect(said.every(({ opcode }) => opcode === Opcode.STARTUP)).toBe(true);
  });

  it('that is of the role itself is what it logs in with', async () => {
    for (const authenticator of [CERTIFICATES, EITHER]) {
      expect(
        await handshake([authenticator, SUCCESS], { login: CERTIFIED, showedCertificate }),
      ).toBeNull();
    }
  });

  it('that is of the role itself is for nothing where a password is asked for', async () => {
    const fault = await handshake([PASSWORDS, SUCCESS], { login: CERTIFIED, showedCertificate });
    expect(fault).toMatchObject({ code: 'login_refused' });
    expect(fault?.message).toContain('has a certificate');
  });

  it('and a password go together where the node asks for that alone', async () => {
    expect(await handshake([PASSWORDS, SUCCESS], { showedCertificate })).toBeNull();
  });

  it('decides nothing where none was shown', async () => {
    expect(await handshake([CERTIFICATES, SUCCESS])).toBeNull();
  });
});
