// The policy that a configuration names.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { configuredPolicy } from '../../src/commands/configured-policy.ts';
import { ConfigFault } from '../../src/errors.ts';
import { Files, POLICY } from '../config/files.ts';

let files: Files;
beforeEach(async () => {
  files = await Files.create();
});
afterEach(async () => files.remove());

it('comes with the roles it is made of, and the issuers of the configuration', async () => {
  const { policy, roles, issuers } = await configuredPolicy(files.config);
  expect(policy.roleNames).toEqual(['migrator']);
  expect(roles.map(({ name }) => name)).toEqual(['migrator']);
  expect(issuers.map(({ name }) => name)).toEqual(['pipelines']);
});

it('is refused with its problems', async () => {
  await files.write('policy.yaml', POLICY.replace('issuer: pipelines', 'issuer: nobody'));
  await expect(configuredPolicy(files.config)).rejects.toThrow(ConfigFault);
});
