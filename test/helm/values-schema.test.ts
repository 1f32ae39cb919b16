// The chart's own files, without Helm: its schema is the gate's, its versions and alerts are the project's.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { LIMITS } from '../../src/limits/operator.ts';
import { documentOf, documents } from '../docs/documents.ts';
import { CHART } from '../support/helm.ts';
import { renderValuesSchema } from '../support/values-schema.ts';

const read = (file: string): string => readFileSync(path.join(CHART, file), 'utf8');
const values = parse(read('values.yaml')) as Record<string, any>;
const schema = JSON.parse(read('values.schema.json'));

describe('values.schema.json', () => {
  let validate: ValidateFunction;
  beforeAll(() => {
    validate = new Ajv({ strict: false }).compile(schema);
  });

  it('is what the schemas of the gate and the chart make', () => {
    expect(read('values.schema.json'), 'run `npm run docs`').toBe(renderValuesSchema());
  });

  it('takes values.yaml', () => {
    expect(validate(values), JSON.stringify(validate.errors)).toBe(true);
  });

  const blocks = documents()
    .flatMap((one) => one.blocks)
    .filter(({ language, text }) => language === 'yaml' && /^config:/m.test(text));

  it.each(blocks.map((one) => [one.place, one.text] as const))('takes %s', (_place, text) => {
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true);
  });

  it('knows the values that values.yaml has, and no other', () => {
    const known = (node: any, of: any, at: string): void => {
      const keys = Object.keys(node.properties).filter((key) => key !== 'global');
      expect(Object.keys(of).sort(), at).toEqual(keys.sort());
      for (const key of keys) {
        // What is within is the gate's or Kubernetes' own.
        const isOpen = ['config', 'policy'].includes(key) || !node.properties[key].properties;
        if (!isOpen) known(node.properties[key], of[key], `${at}.${key}`);
      }
    };
    known(schema, values, 'values');
  });

  it('has no pattern that looks around: Go has none of those', () => {
    expect(JSON.stringify(schema)).not.toMatch(/\(\?[=!<]/);
  });

  it.each([
    [{ config: { limits: { drainTimeoutMs: 1000 } } }, true],
    [{ config: { limits: { drainTimeout: 1000 } } }, false],
    [{ config: { listen: { port: 9042 } } }, false],
    [{ config: { policy: 'elsewhere.yaml' } }, false],
    [{ config: { audit: { dir: '/tmp' } } }, false],
    [{ config: { cassandraRoles: { ci: { username: 'ci', password: 'literal' } } } }, false],
    [{ policy: { version: 1, roles: { r: { cassandraRole: 'ci', grant: [] } } } }, false],
    [{ ledger: { accessMode: 'ReadWriteMany' } }, false],
    [{ autoscaling: { podMetrics: [{ name: 'sessions', averageValue: '1' }] } }, false],
    [{ global: { anything: 1 } }, true],
  ])('of %j says %s', (some, ok) => {
    expect(validate(some)).toBe(ok);
  });
});

describe('the chart', () => {
  it('is of the release of the package', () => {
    const chart = parse(read('Chart.yaml')) as { appVersion: string; version: string };
    const { version } = JSON.parse(
      readFileSync(path.join(CHART, '../../package.json'), 'utf8'),
    ) as { version: string };
    expect(chart.appVersion).toBe(version);
  });

  it('makes the grace period of the defaults of the gate', () => {
    for (const [name, value] of Object.entries(values['config'].limits)) {
      expect([name, value]).toEqual([name, LIMITS[name as keyof typeof LIMITS].default]);
    }
  });

  it('alerts by the rules of the guide for operators', () => {
    const block = documentOf('docs/OPERATIONS.md').blocks.find(
      ({ heading }) => heading === 'What to alert on',
    );
    expect(parse(read('files/alerts.yaml'))).toEqual(parse(block!.text));
  });
});
