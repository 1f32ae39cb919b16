// A YAML file checked by a schema: where each problem stands, what was expected, and what is never repeated of it.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { nearestOf, parseYaml, readText } from '../../src/config/yaml-file.ts';
import { ConfigFault } from '../../src/errors.ts';
import { FILES } from '../../src/limits/process.ts';

const schema = z.strictObject({
  name: z.string(),
  port: z.int().optional(),
  mode: z.enum(['a', 'b']).optional(),
  roles: z.record(z.string(), z.strictObject({ grants: z.array(z.string()) })).optional(),
});

function problemsOf(content: string): readonly string[] {
  try {
    parseYaml({ file: 'f', content }, schema, new Set(['later', 'roles.*.limits']));
    return [];
  } catch (error) {
    if (error instanceof ConfigFault) return error.problems;
    throw error;
  }
}

describe('a YAML file', () => {
  it('gives its value, its own text, and the place of each path', () => {
    const content = 'name: x\nroles:\n  r: {grants: [a, b]}\n';
    const file = parseYaml({ file: 'f', content }, schema, new Set());
    expect([file.value.name, file.content]).toEqual(['x', content]);
    expect(file.place(['roles', 'r', 'grants', 1])).toBe('f:3:19');
  });

  it.each([
    ['', ['f:1:1: the file is empty: a mapping of keys is expected']],
    [
      'nam: x',
      [
        'f:1:1: name: is missing: a text is expected',
        'f:1:6: nam is not known; did you mean name?',
      ],
    ],
    ['name: 5', ['f:1:7: name: a text is expected, not 5']],
    ['name: [secret]', ['f:1:7: name: a text is expected, not a list']],
    ['{name: x, port: secret}', ['f:1:17: port: a number is expected, not this text']],
    ['{name: x, mode: secret}', ['f:1:17: mode: a or b is expected, not this text']],
    ['{name: x, later: 1}', ['f:1:18: later is not enforced by this version; remove it']],
    [
      '{name: x, roles: {r: {grants: [], limits: {}}}}',
      ['f:1:43: roles.r.limits is not enforced by this version; remove it'],
    ],
    ['name: x\nname: y', [expect.stringContaining('f:2:1: Map keys must be unique')]],
    ['name: [', [expect.stringContaining('f:1:')]],
    [
      '{name: x, roles: {__proto__: {grants: []}}}',
      [expect.stringContaining('__proto__ can be no name here')],
    ],
  ])('%j is told as it stands', (content, problems) => {
    expect(problemsOf(content)).toEqual(problems);
  });

  it('is not blown up by aliases', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (const [name, from] of ['ba', 'cb', 'dc', 'ed', 'fe']) {
      bomb.push(
        `${name}: &${name} [*${from}, *${from}, *${from}, *${from}, *${from}, *${from}, *${from}, *${from}]`,
      );
    }
    expect(problemsOf(bomb.join('\n')).join()).toMatch(/alias/i);
  });
});

describe('a text file', () => {
  const sized = async (bytes: number) =>
    readText('f', async () => Promise.resolve(Buffer.alloc(bytes, 97)));

  it('is as large as a configuration may be, and no larger', async () => {
    expect((await sized(FILES.configBytes)).content).toHaveLength(FILES.configBytes);
    await expect(sized(FILES.configBytes + 1)).rejects.toThrow(
      `larger than ${FILES.configBytes} bytes`,
    );
  });

  it('that can not be read says why', async () => {
    await expect(readText('/nowhere')).rejects.toThrow('/nowhere: cannot be read (ENOENT)');
    await expect(readText('f', async () => Promise.reject(new Error('x')))).rejects.toThrow(
      '(unreadable)',
    );
  });
});

it('the nearest name is one that was probably meant', () => {
  expect(nearestOf('contactPoint', ['contactPoints', 'keyspace'])).toBe('contactPoints');
  expect(nearestOf('zzz', ['contactPoints', 'keyspace'])).toBeNull();
  expect(nearestOf('x', [])).toBeNull();
});
