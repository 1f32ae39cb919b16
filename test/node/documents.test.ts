// The programs that docs/QUICKSTART.md shows, as they stand there: over TLS, through a gate, to the real node.
// Those that must be compiled are in test/full.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../docs/documents.ts';
import { cqlshBin } from '../support/cqlsh.ts';
import { noNode } from '../support/nodes.ts';
import { missingForPython, pythonOf } from '../support/python.ts';
import { quickStart, type RunOptions } from '../support/quick-start.ts';

const noPython = missingForPython() !== null;

const PROGRAMS: readonly {
  readonly needs: string;
  readonly missing: boolean;
  readonly options: () => Promise<RunOptions>;
}[] = [
  {
    needs: 'node',
    missing: false,
    options: async () => Promise.resolve({ linked: path.join(ROOT, 'node_modules') }),
  },
  {
    needs: 'python',
    missing: noPython,
    options: async () => ({ bin: path.dirname(await pythonOf()) }),
  },
  { needs: 'cqlsh', missing: noPython, options: async () => ({ bin: await cqlshBin() }) },
];

describe.skipIf(noNode)('the quick start', () => {
  const { sections, run, isFooledBy } = quickStart();
  const rows = PROGRAMS.flatMap(({ needs, missing, options }) =>
    sections
      .filter((section) => section.needs === needs)
      .map((section) => [needs, section.heading, { section, missing, options }] as const),
  );

  it.each(rows)('with %s: %s', async (_needs, _heading, { section, missing, options }) => {
    if (!missing) await run(section, await options());
  });

  it.each(
    rows.flatMap((row) =>
      (['a foreign CA', 'another name'] as const).map((impostor) => [...row, impostor] as const),
    ),
  )(
    'with %s: %s, before a gate with a certificate of $3',
    async (_needs, _heading, { section, missing, options }, impostor) => {
      // cqlsh checks nothing, as the document says; where it does one day, the document is to be mended.
      const isFooled = section.needs === 'cqlsh';
      if (!missing) expect(await isFooledBy(impostor, section, await options())).toBe(isFooled);
    },
  );
});
