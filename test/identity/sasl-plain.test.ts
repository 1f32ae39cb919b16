// SASL PLAIN as Cassandra reads it, and what is refused of it.
import { describe, expect, it } from 'vitest';
import { AuthFault } from '../../src/errors.ts';
import { decodePlain } from '../../src/identity/sasl-plain.ts';

describe('SASL PLAIN', () => {
  const refused = (text: string): string => {
    try {
      decodePlain(Buffer.from(text));
    } catch (error) {
      if (error instanceof AuthFault) return error.reason;
    }
    return 'taken';
  };

  it('takes user and password, with or without the same authorization id', () => {
    expect(decodePlain(Buffer.from('\0role\0token'))).toEqual({
      username: 'role',
      password: 'token',
    });
    expect(decodePlain(Buffer.from('role\0role\0token')).username).toBe('role');
  });

  it.each([
    ['', 'sasl_malformed'],
    ['role', 'sasl_malformed'],
    ['role\0token', 'sasl_malformed'],
    ['\0\0token', 'sasl_malformed'],
    ['\0role\0', 'token_missing'],
    ['\0role\0to\0ken', 'sasl_malformed'],
    ['other\0role\0token', 'authzid'],
  ])('refuses %j', (text, reason) => {
    expect(refused(text)).toBe(reason);
  });

  it('refuses what is no UTF-8', () => {
    expect(() => decodePlain(Buffer.from([0, 0xff, 0, 0x61]))).toThrow(AuthFault);
  });
});
