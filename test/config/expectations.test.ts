// The file of `cqlgate policy test`.
import { describe, expect, it } from 'vitest';
import { loadExpectations } from '../../src/config/expectations.ts';
import { Files } from './files.ts';

async function load(content: string) {
  const files = await Files.create();
  try {
    await files.write('expect.yaml', content);
    return await loadExpectations(`${files.dir}/expect.yaml`);
  } finally {
    await files.remove();
  }
}

const HEAD = 'version: 1\ntokens: {job: {issuer: pipelines}}\ntests:\n';

describe('expectations', () => {
  it('are of the one role that is bound, and of a login that succeeds, where they do not say otherwise', async () => {
    const { tests, tokens, schema } = await load(
      `${HEAD}  - {name: t, token: job, permit: [SELECT 1]}\n`,
    );
    expect(tests[0]).toMatchObject({
      role: 'oidc',
      login: 'permit',
      permit: ['SELECT 1'],
      deny: [],
    });
    expect(tokens['job']).toEqual({ issuer: 'pipelines', claims: {}, pipelineTarget: null });
    expect(schema).toEqual({ views: {}, indexes: {} });
  });

  it.each([
    ['  - {name: t, token: jab}', /t: no token is called jab; there are job/],
    ['  - {name: t, token: constructor}', /no token is called constructor/],
    ['  - {name: t, token: job, login: deny, permit: [SELECT 1]}', /sends no statements/],
    ['  - {name: t, token: job, allow: [SELECT 1]}', /allow is not known/],
    ['  []', /tests/],
    ['  - {name: t, token: job, deny: [{statement: x}]}', /because|deny/],
  ])('with %s are refused', async (tests, problem) => {
    await expect(load(`${HEAD}${tests}\n`)).rejects.toThrow(problem);
  });

  it('name views and indexes with their keyspace', async () => {
    const views = async (name: string, base: string) =>
      load(`${HEAD}  - {name: t, token: job}\nschema: {views: {${name}: ${base}}}\n`);
    expect((await views('ks.v', 'ks.t')).schema.views).toEqual({ 'ks.v': 'ks.t' });
    await expect(views('ks.v', 't')).rejects.toThrow(/keyspace\.name/);
    await expect(views('v', 'ks.t')).rejects.toThrow(/schema\.views\.v/);
  });
});
