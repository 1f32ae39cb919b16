// The programs of docs/QUICKSTART.md that are compiled, by the lines that stand there: over TLS, through a
// gate, to the real node.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { cached } from '../support/cache.ts';
import { quickStart, type RunOptions } from '../support/quick-start.ts';
import { noNode } from '../support/nodes.ts';

const TOOLS = {
  java: [
    ['javac', '-version'],
    ['mvn', '-version'],
  ],
  go: [['go', 'version']],
  cargo: [['cargo', '--version']],
} as const;

describe.skipIf(noNode)('the quick start', () => {
  const { sections, run, isFooledBy } = quickStart();

  for (const [needs, tools] of Object.entries(TOOLS)) {
    const missing = tools.find(([command, argument]) => {
      return spawnSync(command, [argument], { stdio: 'ignore' }).status !== 0;
    });
    if (missing !== undefined) console.warn(`documents: no ${missing[0]}, ${needs} is skipped`);
    for (const section of sections.filter((one) => one.needs === needs)) {
      const options = async (): Promise<RunOptions> => {
        const dir = await cached(`quickstart-${needs}`, async () => Promise.resolve());
        return { env: { CARGO_TARGET_DIR: path.join(dir, 'target') } };
      };
      it.skipIf(missing !== undefined)(section.heading, async () => run(section, await options()));
      for (const impostor of ['a foreign CA', 'another name'] as const) {
        it.skipIf(missing !== undefined)(
          `${section.heading}, before a certificate of ${impostor}`,
          async () => {
            expect(await isFooledBy(impostor, section, await options())).toBe(false);
          },
        );
      }
    }
  }
});
