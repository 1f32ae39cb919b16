// Objects of Kubernetes held against its own JSON schemas, which know no key that it does not (a package of PyPI ships
// them), and against the resource definitions of the Prometheus operator (its Go module has them).
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { AnySchema, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { cached } from './cache.ts';
import { GO, type Manifest } from './helm.ts';
import { missingForPython } from './python.ts';

const run = promisify(execFile);

const SCHEMAS = 'kubernetes-validate==1.37.0';
const OPERATOR = 'github.com/prometheus-operator/prometheus-operator@v0.85.0';
const CRDS = ['servicemonitors', 'prometheusrules'];

/** The oldest that the chart takes, the first with `preStop.sleep`, and the newest. */
export const KUBERNETES = ['1.29.0', '1.30.0', '1.37.0'] as const;

/** Null where the schemas can be had; otherwise what is missing. */
export const missingForSchemas = missingForPython;

async function schemaFolder(): Promise<string> {
  return cached(`kubernetes-schemas-${SCHEMAS.split('==')[1]!}`, async (target) => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-schemas-'));
    try {
      const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', SCHEMAS, '-d', dir];
      await run('python3', pip);
      const wheel = (await readdir(dir)).find((name) => name.endsWith('.whl'))!;
      await run('python3', ['-m', 'zipfile', '-e', path.join(dir, wheel), dir]);
      const all = path.join(dir, 'kubernetes_validate/kubernetes-json-schema');
      for (const version of KUBERNETES) {
        await cp(path.join(all, `v${version}-local-strict`), path.join(target, version), {
          recursive: true,
        });
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });
}

async function crdFolder(): Promise<string> {
  return cached(`prometheus-operator-${OPERATOR.split('@')[1]!}`, async (target) => {
    const { stdout } = await run(GO!, ['mod', 'download', '-json', OPERATOR]);
    const { Dir } = JSON.parse(stdout) as { Dir: string };
    await mkdir(target, { recursive: true });
    for (const name of CRDS) {
      const file = path.join(
        Dir,
        `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`,
      );
      await copyFile(file, path.join(target, `${name}.yaml`));
    }
  });
}

/** What is wrong with an object, in words; empty where nothing is. */
export type Validate = (manifest: Manifest) => Promise<string[]>;

export async function validator(version: (typeof KUBERNETES)[number]): Promise<Validate> {
  const folder = path.join(await schemaFolder(), version);
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const definitions = JSON.parse(
    await readFile(path.join(folder, '_definitions.json'), 'utf8'),
  ) as AnySchema;
  ajv.addSchema(definitions, '_definitions.json');
  const known = new Map<string, Promise<ValidateFunction>>();
  return async (manifest) => {
    const { apiVersion, kind } = manifest as { apiVersion: string; kind: string };
    const name = `${apiVersion}/${kind}`;
    const compiled =
      known.get(name) ?? schemaOf(folder, apiVersion, kind).then((schema) => ajv.compile(schema));
    known.set(name, compiled);
    const validate = await compiled;
    if (validate(manifest)) return [];
    return validate.errors!.map(
      ({ instancePath, message, params }) =>
        `${name}${instancePath}: ${message!} ${JSON.stringify(params)}`,
    );
  };
}

async function schemaOf(folder: string, apiVersion: string, kind: string): Promise<AnySchema> {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  if (group === 'monitoring.coreos.com') return definitionOf(kind, version!);
  // As `networkpolicy-networking-v1.json`, of networking.k8s.io/v1.
  const parts = [kind.toLowerCase(), group!.split('.')[0]!, version!].filter((one) => one !== '');
  return JSON.parse(
    await readFile(path.join(folder, `${parts.join('-')}.json`), 'utf8'),
  ) as AnySchema;
}

async function definitionOf(kind: string, version: string): Promise<AnySchema> {
  for (const name of CRDS) {
    const crd = parse(await readFile(path.join(await crdFolder(), `${name}.yaml`), 'utf8'));
    const found = crd.spec.versions.find((one: any) => one.name === version);
    if (crd.spec.names.kind === kind && found !== undefined) {
      return closed(found.schema.openAPIV3Schema, true) as AnySchema;
    }
  }
  throw new Error(`no definition of ${kind}`);
}

/** Keys that a definition does not name are dropped by the API server without a word: errors here. */
function closed(schema: unknown, isTop = false): unknown {
  if (Array.isArray(schema)) return schema.map((one) => closed(one));
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(
    Object.entries(schema)
      // Go's flags within a pattern.
      .filter(([key, value]) => key !== 'pattern' || !String(value).includes('(?i)'))
      .map(([key, value]) => [key, closed(value)]),
  ) as any;
  if (isTop) delete inner.properties.metadata;
  const isOpen =
    isTop || 'additionalProperties' in inner || 'x-kubernetes-preserve-unknown-fields' in inner;
  return typeof inner.properties !== 'object' || isOpen || inner.type !== 'object'
    ? inner
    : { ...inner, additionalProperties: false };
}
