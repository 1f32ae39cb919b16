// docs/CONFIG.md is made of the schemas and of the table of limits.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderConfigDocs } from '../../src/config/docs.ts';
import { LIMITS } from '../../src/limits/operator.ts';

describe('the configuration', () => {
  it('is documented as it is checked', async () => {
    const file = path.resolve(import.meta.dirname, '../../docs/CONFIG.md');
    expect(await readFile(file, 'utf8'), 'run `npm run docs`').toBe(renderConfigDocs());
  });

  it('has a row for each limit, with its default and its reason', () => {
    const rows = renderConfigDocs().split('\n');
    for (const [name, { reason }] of Object.entries(LIMITS)) {
      const row = rows.filter((one) => one.startsWith('|') && one.includes(`\`${name}\``));
      expect([name, row.length]).toEqual([name, 1]);
      expect(row[0]).toContain(reason.slice(0, 30));
    }
  });
});
