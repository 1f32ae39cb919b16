// Jars that tests run, with all that they need, fetched by Maven and a pom that names fixed versions.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Each as `group:artifact:version`. */
export function pomOf(name: string, artifacts: readonly string[]): string {
  const dependencies = artifacts.map((coordinates) => {
    const [group, artifact, version] = coordinates.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>cqlgate.test</groupId><artifactId>${name}</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>`;
}

/** Puts them into `lib` of a directory, beside their pom. */
export async function fetchJars(
  dir: string,
  name: string,
  artifacts: readonly string[],
): Promise<void> {
  await writeFile(path.join(dir, 'pom.xml'), pomOf(name, artifacts));
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime'];
  await run('mvn', ['-q', '-B', ...goal, `-DoutputDirectory=${path.join(dir, 'lib')}`], {
    cwd: dir,
  });
}
