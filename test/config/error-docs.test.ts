// docs/ERRORS.md is what the tables say: committed as it would be generated, and with a place for each code.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLUSTER, LOGINS, PROTOCOL, REFUSALS, STATEMENTS } from '../../src/refusals.ts';
import { renderErrorDocs } from '../../src/config/error-docs.ts';

const committed = readFileSync(path.resolve(import.meta.dirname, '../../docs/ERRORS.md'), 'utf8');

describe('docs/ERRORS.md', () => {
  it('is as `npm run docs` writes it', () => {
    expect(committed, 'run `npm run docs`').toBe(renderErrorDocs());
  });

  it('has one row for each code', () => {
    const codes = [...committed.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
    expect(codes).toEqual(Object.keys(REFUSALS));
  });
});

describe('the table of refusals', () => {
  it('gives each code to one of its parts alone', () => {
    const codes = [LOGINS, STATEMENTS, CLUSTER, PROTOCOL].flatMap((part) => Object.keys(part));
    expect(codes).toEqual(Object.keys(REFUSALS));
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('ends a connection without a login, and no connection whose statement the policy denies', () => {
    for (const row of Object.values(LOGINS)) {
      expect(row).toMatchObject({ error: 'AUTH_ERROR', closes: true });
    }
    for (const row of Object.values(STATEMENTS)) {
      if ('by' in row) expect(row).not.toHaveProperty('closes');
    }
  });
});
