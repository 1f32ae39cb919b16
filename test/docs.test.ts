// The documents: their links lead somewhere, and the examples of the README are valid.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../src/commands/check-config.ts';
import { CqlErrorCode } from '../src/errors.ts';
import { Files } from './config/files.ts';

const root = path.resolve(import.meta.dirname, '..');
const documents = [
  'README.md',
  'CHANGELOG.md',
  'bench/README.md',
  ...readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`),
];
const read = (name: string): string => readFileSync(path.join(root, name), 'utf8');

describe('documents', () => {
  it.each(documents)('%s links to what exists', (name) => {
    for (const [, link] of read(name).matchAll(/\]\(([^)#\s]+)\)/g)) {
      if (/^https?:/.test(link!)) continue;
      expect(existsSync(path.join(root, path.dirname(name), link!)), link).toBe(true);
    }
  });

  it('name files that exist', () => {
    for (const name of documents) {
      for (const [, file] of read(name).matchAll(/`((?:src|test|bench)\/[\w./-]+\.\w+)`/g)) {
        expect(existsSync(path.join(root, file!)), file).toBe(true);
      }
    }
  });

  it('name tests that exist for each attack on login', () => {
    const table = /## Attacks on login\n([\s\S]*?)\n## /.exec(read('docs/SECURITY.md'))![1]!;
    const rows = [...table.matchAll(/^\| .* \| .* \| `(test\/[\w./-]+)`: (.+) \|$/gm)];
    expect(rows.length).toBeGreaterThanOrEqual(40);
    expect(rows).toHaveLength(table.match(/^\| (?!attack)/gm)!.length);
    for (const [, file, name] of rows) expect(read(file!), `${file!}: ${name!}`).toContain(name);
  });

  it('name the CQL codes as they are', () => {
    for (const [, name, code] of read('docs/ERRORS.md').matchAll(
      /([A-Z_]{6,}) (0x[0-9a-f]{4})/gi,
    )) {
      const known = CqlErrorCode[name as keyof typeof CqlErrorCode];
      expect([name, known]).toEqual([name, Number(code)]);
    }
  });

  it('begin with a configuration and a policy that are valid', async () => {
    const [config, policy] = [...read('README.md').matchAll(/```yaml\n(.*?)```/gs)].map(
      ([, text]) => text!,
    );
    const files = await Files.create(
      config!.replace('env: CI_ORDERS_PASSWORD', 'file: secret'),
      policy,
    );
    expect((await checkConfig(files.config)).problems).toEqual([]);
    await files.remove();
  });
});
