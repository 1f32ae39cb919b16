// `npm run --silent sbom > cqlgate.cdx.json`: what an installation holds, as the lock file says it.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { npmEnvironment } from './npm-environment.ts';

const COMMAND = 'sbom --sbom-format cyclonedx --sbom-type application --package-lock-only';
const DEVELOPMENT = 'cdx:npm:package:development';

export interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly properties: readonly { readonly name: string; readonly value: string }[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

export interface Sbom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** A CycloneDX document for the project in `root`. */
export function sbom(root: string): Sbom {
  const text = execFileSync('npm', COMMAND.split(' '), {
    cwd: root,
    env: npmEnvironment(),
    encoding: 'utf8',
  });
  const all = JSON.parse(text) as Sbom;
  // Not by npm's `--omit dev`: that leaves out whatever a tool of development uses too.
  const components = all.components.filter(
    ({ properties }) => !properties.some(({ name }) => name === DEVELOPMENT),
  );
  const { component } = all.metadata;
  const kept = new Set([component, ...components].map((one) => one['bom-ref']));
  const dependencies = all.dependencies
    .filter(({ ref }) => kept.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => kept.has(one)) }));
  // npm calls the project by the name of the checkout's folder; its purl is right.
  const name = /^pkg:npm\/([^@]+)@/.exec(component.purl)![1]!;
  const metadata = { ...all.metadata, component: { ...component, name } };
  return { ...all, metadata, components, dependencies };
}

if (process.argv[1] === import.meta.filename) {
  const document = sbom(path.resolve(import.meta.dirname, '../..'));
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
