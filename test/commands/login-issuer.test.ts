// The issuer that a person signs in with: from the command line, or from one row of the configuration.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loginIssuer } from '../../src/commands/login-issuer.ts';
import { ConfigFault } from '../../src/errors.ts';
import { CONFIG, Files } from '../config/files.ts';

let files: Files;
beforeEach(async () => {
  files = await Files.create();
});
afterEach(async () => files.remove());

const PEOPLE = (name: string): string =>
  `  - {name: ${name}, type: okta, issuer: "https://${name}.okta.com/oauth2/default", audience: "api://gate", clientId: id-${name}}\n`;

async function configured(...names: string[]): Promise<string> {
  await files.write(
    'cqlgate.yaml',
    CONFIG.replace('policy:', `${names.map(PEOPLE).join('')}policy:`),
  );
  return files.config;
}

it('is what the command line names, both issuer and client', async () => {
  expect(await loginIssuer({ issuerUrl: 'https://a', clientId: 'b' })).toEqual({
    issuer: 'https://a',
    clientId: 'b',
    ca: undefined,
  });
  await expect(loginIssuer({ issuerUrl: 'https://a' })).rejects.toThrow(ConfigFault);
});

it('is the only row with a client, or the one that is named', async () => {
  const config = await configured('people');
  expect(await loginIssuer({ config })).toMatchObject({ clientId: 'id-people' });
  const two = await configured('people', 'others');
  await expect(loginIssuer({ config: two })).rejects.toThrow('several issuers have a clientId');
  expect(await loginIssuer({ config: two, issuer: 'others' })).toMatchObject({
    clientId: 'id-others',
  });
  await expect(loginIssuer({ config: two, issuer: 'nobody' })).rejects.toThrow(
    'no issuer of the configuration called nobody',
  );
});

it('is none where no row has a client', async () => {
  await expect(loginIssuer({ config: files.config })).rejects.toThrow(
    'no issuer of the configuration has a clientId',
  );
});
