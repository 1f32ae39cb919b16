// The configurations and policies that the documents show are valid, and the keys that they name exist.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { checkConfig } from '../../src/commands/check-config.ts';
import { loadExpectations } from '../../src/config/expectations.ts';
import { loadConfig } from '../../src/config/load.ts';
import { policySchema } from '../../src/config/policy-schema.ts';
import { configSchema } from '../../src/config/schema.ts';
import { LIMITS } from '../../src/limits/operator.ts';
import { Files } from '../config/files.ts';
import { putCertificate } from './certificate.ts';
import { documentOf, documents } from './documents.ts';

const all = documents();
const each = all.map((one) => [one.name, one] as const);

interface Shape {
  readonly properties?: Record<string, Shape>;
  readonly additionalProperties?: Shape | false;
  readonly items?: Shape;
  readonly oneOf?: readonly Shape[];
  readonly anyOf?: readonly Shape[];
  readonly const?: unknown;
}

const shapeOf = (schema: { toJSONSchema(options: object): unknown }): Shape =>
  schema.toJSONSchema({ io: 'input', unrepresentable: 'any' }) as Shape;
const CONFIG = shapeOf(configSchema);
const POLICY = shapeOf(policySchema);

/** The first key that none of the shapes has; null where all are known. */
function unknownKey(value: unknown, shapes: readonly Shape[], at = ''): string | null {
  const open = shapes.flatMap(variantsOf);
  if (Array.isArray(value)) {
    const items = open.flatMap(({ items: one }) => one ?? []);
    return firstOf(value.map((one) => unknownKey(one, items, at)));
  }
  if (typeof value !== 'object' || value === null) return null;
  return firstOf(
    Object.entries(value).map(([key, child]) => {
      const found = open.flatMap(({ properties, additionalProperties: others }) => {
        const own = properties?.[key];
        return own === undefined ? (typeof others === 'object' ? [others] : []) : [own];
      });
      if (found.length === 0) return `${at}.${key}`;
      return unknownKey(child, found, `${at}.${key}`);
    }),
  );
}

function variantsOf(shape: Shape): readonly Shape[] {
  const variants = shape.oneOf ?? shape.anyOf;
  return variants === undefined ? [shape] : variants.flatMap(variantsOf);
}

function firstOf(found: readonly (string | null)[]): string | null {
  return found.find((one) => one !== null) ?? null;
}

const SECTIONS = Object.keys(CONFIG.properties!);

describe('configuration that documents show', () => {
  const blocks = all
    .flatMap((one) => one.blocks)
    .filter(({ language }) => language === 'yaml')
    .map((one) => [one.place, one, parseYaml(one.text) as Record<string, unknown>] as const);

  it.each(blocks.filter(([, , yaml]) => 'cluster' in yaml && 'policy' in yaml))(
    '%s is a whole configuration, and valid',
    async (_place, { text }) => {
      const files = await Files.create(text);
      if (text.includes('gate.crt')) await putCertificate(files.dir);
      await expect(loadConfig(files.config)).resolves.toBeDefined();
      await files.remove();
    },
  );

  it.each(blocks.filter(([, , yaml]) => 'tests' in yaml))(
    '%s holds expectations, and is valid',
    async (_place, { text }) => {
      const files = await Files.create();
      await files.write('tests.yaml', text);
      await expect(loadExpectations(path.join(files.dir, 'tests.yaml'))).resolves.toBeDefined();
      await files.remove();
    },
  );

  it.each(blocks.filter(([, , yaml]) => isOurs(yaml)))(
    '%s has keys that there are',
    (_place, _block, yaml) => {
      expect(
        unknownKey(yaml, [
          'roles' in yaml || 'bindings' in yaml || 'admins' in yaml ? POLICY : CONFIG,
        ]),
      ).toBeNull();
    },
  );

  /** Files of others: pipelines, alerts, Kubernetes. */
  function isOurs(yaml: unknown): boolean {
    if (Array.isArray(yaml) || typeof yaml !== 'object' || yaml === null) return false;
    return !['apiVersion', 'groups', 'image', 'pipelines', 'tests', 'definitions'].some(
      (key) => key in yaml,
    );
  }

  it.each(each)('%s names keys that there are', (_name, { codes }) => {
    const paths = codes.flatMap((code) => {
      const found = /^([a-zA-Z]+)(?:\.[a-zA-Z<>[\]]+)+/.exec(code);
      const isFile = /\.(yaml|ts|json|md)$/.test(found?.[0] ?? '');
      return found !== null && !isFile && SECTIONS.includes(found[1]!) ? [found[0]] : [];
    });
    const unknown = paths.filter((one) => {
      const value = one
        .replaceAll('[]', '')
        .split('.')
        .reduceRight<unknown>((inner, key) => ({ [key]: inner }), null);
      return unknownKey(nest(value), [CONFIG]) !== null;
    });
    expect(unknown).toEqual([]);
  });

  /** Lists hold what stands behind their name. */
  function nest(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [
        key,
        key === 'issuers' ? [nest(child)] : nest(child),
      ]),
    );
  }

  it('names limits by their names', () => {
    const unknown = all.flatMap(({ codes }) =>
      codes.flatMap((code) => {
        const name = /^limits\.(\w+)$/.exec(code)?.[1];
        return name === undefined || name in LIMITS ? [] : [name];
      }),
    );
    expect(unknown).toEqual([]);
  });

  it('is missed where a key does not exist', () => {
    expect(unknownKey({ cluster: { keyspacee: {} } }, [CONFIG])).toBe('.cluster.keyspacee');
    expect(unknownKey({ issuers: [{ type: 'okta', workspaces: 'x' }] }, [CONFIG])).toBe(
      '.issuers.workspaces',
    );
    expect(unknownKey({ roles: { r: { grant: [] } } }, [POLICY])).toBe('.roles.r.grant');
  });
});

describe('the README', () => {
  it('begins with a configuration and a policy that are valid', async () => {
    const [config, policy] = documentOf('README.md')
      .blocks.filter(({ language }) => language === 'yaml')
      .map(({ text }) => text);
    const files = await Files.create(
      config!.replace('env: CI_ORDERS_PASSWORD', 'file: secret'),
      policy,
    );
    expect((await checkConfig(files.config)).problems).toEqual([]);
    await files.remove();
  });
});
