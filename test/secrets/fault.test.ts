// Why a secret could not be had.
import { expect, it } from 'vitest';
import { SecretFault } from '../../src/secrets/fault.ts';

it('a fault does not pass by waiting, and has no status of Vault, unless it says so', () => {
  expect(new SecretFault('gone')).toMatchObject({
    name: 'SecretFault',
    message: 'gone',
    mayPass: false,
    status: null,
  });
  expect(new SecretFault('sealed', { mayPass: true, status: 503 })).toMatchObject({
    mayPass: true,
    status: 503,
  });
});
