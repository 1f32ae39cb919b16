// `npm run --silent sbom > cqlgate.cdx.json`: what an installation holds, as the lock file says it.
import { execFileSync } from 'node:child_process';
import path from 'node:path';

const COMMAND =
  'sbom --sbom-format cyclonedx --sbom-type application --package-lock-only --omit dev';

export interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

export interface Sbom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
}

/** A CycloneDX document for the project in `root`. */
export function sbom(root: string): Sbom {
  const text = execFileSync('npm', COMMAND.split(' '), { cwd: root, encoding: 'utf8' });
  const document = JSON.parse(text) as Sbom;
  const { component } = document.metadata;
  // npm calls the project by the name of the checkout's folder; its purl is right.
  const name = /^pkg:npm\/([^@]+)@/.exec(component.purl)![1]!;
  return { ...document, metadata: { ...document.metadata, component: { ...component, name } } };
}

if (process.argv[1] === import.meta.filename) {
  const document = sbom(path.resolve(import.meta.dirname, '../..'));
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
