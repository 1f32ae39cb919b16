// The recipes of docs/POLICY.md: each is loaded by the gate's own loader and meets its expectations, and
// nothing stands in it that no expectation needs.
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { testPolicy } from '../../src/commands/policy-test.ts';
import { loadExpectations, type Expectations } from '../../src/config/expectations.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadPolicy, policyContext, type PolicyContext } from '../../src/config/load-policy.ts';
import { Files } from '../config/files.ts';
import { documentOf } from './documents.ts';

const { blocks } = documentOf('docs/POLICY.md');

function filesOf(name: string): Map<string, string> {
  return new Map(
    blocks
      .filter(({ remark }) => remark?.key === 'file' && remark.value === name)
      .map(({ heading, text }) => [heading, text]),
  );
}

const policies = filesOf('policy.yaml');
const expectations = filesOf('expectations.yaml');
const [configuration = ''] = filesOf('cqlgate.yaml').values();

interface PolicyYaml {
  readonly roles: Record<
    string,
    { grants: string[]; deny?: string[]; asCassandra?: string[]; session?: unknown }
  >;
  readonly bindings: { where: Readonly<Record<string, unknown>> }[];
}

describe('the policy cookbook', () => {
  let files: Files;
  let context: PolicyContext;
  beforeAll(async () => {
    files = await Files.create(configuration);
    context = policyContext(await loadConfig(files.config));
  });
  afterAll(async () => files.remove());

  const failures = async (policy: string, wanted: Expectations): Promise<string[]> => {
    await files.write('policy.yaml', policy);
    const loaded = await loadPolicy(files.policy, context);
    return testPolicy(loaded.policy, wanted).flatMap(({ test, name, failure }) =>
      failure === null ? [] : [`${test}: ${name}: ${failure}`],
    );
  };
  const wantedOf = async (recipe: string): Promise<Expectations> => {
    await files.write('expectations.yaml', expectations.get(recipe)!);
    return loadExpectations(path.join(files.dir, 'expectations.yaml'));
  };

  it('has expectations for each recipe', () => {
    expect(policies.size).toBeGreaterThanOrEqual(9);
    expect([...expectations.keys()]).toEqual([...policies.keys()]);
  });

  it.each([...policies])('%s: is as expected', async (recipe, policy) => {
    const wanted = await wantedOf(recipe);
    expect(await failures(policy, wanted)).toEqual([]);
    expect((await loadPolicy(files.policy, context)).warnings).toEqual([]);
    const permits = wanted.tests.flatMap(({ permit }) => permit);
    const denies = wanted.tests.flatMap(({ deny }) => deny);
    expect(permits.length).toBeGreaterThan(0);
    expect(denies.length).toBeGreaterThan(0);
  });

  it.each([...policies])('%s: holds nothing that no expectation needs', async (recipe, policy) => {
    const wanted = await wantedOf(recipe);
    const unneeded: string[] = [];
    const without = async (what: string, change: (yaml: PolicyYaml) => void): Promise<void> => {
      const yaml = parse(policy) as PolicyYaml;
      change(yaml);
      if ((await failures(stringify(yaml), wanted)).length === 0) unneeded.push(what);
    };
    const { roles, bindings } = parse(policy) as PolicyYaml;
    for (const [index, { where }] of bindings.entries()) {
      await without(`binding ${index}`, (yaml) => yaml.bindings.splice(index, 1));
      for (const key of Object.keys(where)) {
        // Without these the loader takes no binding at all.
        if (key === 'repositoryUuid' || key === 'sub' || Object.keys(where).length === 1) continue;
        await without(`where ${key}`, (yaml) => {
          const kept = Object.entries(where).filter(([other]) => other !== key);
          yaml.bindings[index]!.where = Object.fromEntries(kept);
        });
      }
    }
    for (const [name, { grants, deny = [], asCassandra = [] }] of Object.entries(roles)) {
      for (const [index, grant] of grants.entries()) {
        await without(grant, (yaml) => yaml.roles[name]!.grants.splice(index, 1));
        const [permissions = '', on = ''] = grant.split(' ON ');
        const each = permissions.split(', ');
        if (each.length === 1) continue;
        for (const one of each) {
          const rest = each.filter((other) => other !== one).join(', ');
          await without(`${one} ON ${on}`, (yaml) => {
            yaml.roles[name]!.grants[index] = `${rest} ON ${on}`;
          });
        }
      }
      for (const [index, kind] of deny.entries()) {
        await without(`deny ${kind}`, (yaml) => yaml.roles[name]!.deny!.splice(index, 1));
      }
      for (const [index, one] of asCassandra.entries()) {
        await without(one, (yaml) => yaml.roles[name]!.asCassandra!.splice(index, 1));
      }
    }
    expect(unneeded).toEqual([]);
  });
});
