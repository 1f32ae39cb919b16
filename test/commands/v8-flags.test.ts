// V8 is told once, and in flags that it knows.
import { execFileSync } from 'node:child_process';
import * as v8 from 'node:v8';
import { expect, it, vi } from 'vitest';
import { setV8Flags } from '../../src/commands/v8-flags.ts';

vi.mock('node:v8', async (original) => ({
  ...(await original<typeof v8>()),
  setFlagsFromString: vi.fn(),
}));

const calls = (): string[] => vi.mocked(v8.setFlagsFromString).mock.calls.map(([flag]) => flag);

it('the heap may grow by twice what is in use, and small functions are inlined', () => {
  setV8Flags();
  expect(calls()).toEqual([
    '--heap-growing-percent=200',
    '--max-inlined-bytecode-size-cumulative=3000',
  ]);
});

it('V8 knows each of them', () => {
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  for (const flag of calls()) expect(known).toContain(`${flag.split('=')[0]!} (`);
});
