// Whether this machine can run a real Cassandra, and if not, what is missing.
import { spawnSync } from 'node:child_process';

/** Null when a JDK 17+ and Maven are there; otherwise a sentence saying what is missing. */
export function missingForCassandra(): string | null {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (java.error !== undefined) return 'no java on the PATH: install a JDK 17 or newer';
  const major = Number(/version "(\d+)/.exec(java.stderr)?.[1] ?? 0);
  if (major < 17) return `java ${major} is too old: install a JDK 17 or newer`;
  if (spawnSync('mvn', ['-v']).error !== undefined) return 'no mvn on the PATH: install Maven';
  return null;
}
