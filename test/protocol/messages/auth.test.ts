// The SASL exchange on the wire.
import { describe, expect, it } from 'vitest';
import {
  decodeAuthenticate,
  decodeAuthResponse,
  encodeAuthenticate,
  encodeToken,
} from '../../../src/protocol/messages/auth.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { expectOnlyWhole, frameOf } from './frames.ts';

describe('a SASL token', () => {
  it('is a view on its frame, or none at all', () => {
    const frame = frameOf(4, Opcode.AUTH_RESPONSE, encodeToken(Buffer.from('secret')));
    const token = decodeAuthResponse(frame);
    expect(token?.toString()).toBe('secret');
    expect(token?.buffer).toBe(frame.buffer.buffer);
    expect(decodeAuthResponse(frameOf(4, Opcode.AUTH_RESPONSE, encodeToken(null)))).toBeNull();
  });

  it('is refused when cut anywhere, or with bytes behind it', () => {
    const body = encodeToken(Buffer.from('token'));
    expectOnlyWhole({ version: 4, opcode: Opcode.AUTH_RESPONSE, body }, decodeAuthResponse);
  });
});

it('AUTHENTICATE names the class that drivers look for', () => {
  const name = 'org.apache.cassandra.auth.PasswordAuthenticator';
  expect(decodeAuthenticate(frameOf(4, Opcode.AUTHENTICATE, encodeAuthenticate(name)))).toBe(name);
});
