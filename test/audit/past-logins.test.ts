// What a restarted gate remembers of its logins.
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { wallAt } from '../../src/clock.ts';
import { fileName } from '../../src/audit/ledger-files.ts';
import { pastLogins } from '../../src/audit/past-logins.ts';
import { LEDGER } from '../../src/limits/audit.ts';
import { limit } from '../support/limits.ts';

const NOW_MS = Date.parse('2026-01-02T00:00:00Z');
const login = (hash: unknown, expires: unknown, kind = 'session_start') =>
  `${JSON.stringify({ v: 1, kind, principal: { token_sha256: hash, expires } })}\n`;

it('is the tokens of sessions that ended not long ago, out of files that are not too old', async () => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-past-'));
  const put = async (index: number, content: string, changedMs: number) => {
    const file = path.join(dir, fileName(wallAt(NOW_MS), index));
    await writeFile(file, content);
    await utimes(file, new Date(changedMs), new Date(changedMs));
  };
  const [recent, old] = ['2026-01-01T23:30:00Z', '2026-01-01T20:00:00Z'];
  await put(1, login('of an old file', recent), NOW_MS - 2 * 3_600_000);
  await put(
    2,
    [
      login('good', recent),
      login('long over', old),
      login('a refusal', recent, 'auth'),
      login(7, recent),
      login('no time', null),
      '{"kind":"session_start" broken\n',
      '{"kind":"session_start","principal":null}\n',
      `{"kind":"decision","statement":{"text":"\\"kind\\":\\"session_start\\""}}\n`,
      login('torn', recent).slice(0, -1),
    ].join(''),
    NOW_MS,
  );
  expect(await pastLogins(dir, wallAt(NOW_MS - 3_600_000))).toEqual(new Set(['good']));
  // Of a ledger that is too large to be read at a start it is what stands last.
  await put(3, login('last', recent), NOW_MS);
  expect(await pastLogins(dir, wallAt(NOW_MS - 3_600_000))).toEqual(new Set(['good', 'last']));
  expect(await pastLogins(dir, wallAt(NOW_MS - 3_600_000), 200)).toEqual(new Set(['last']));
  const lastBytes = login('last', recent).length;
  limit(LEDGER, { pastLoginBytes: lastBytes });
  expect(await pastLogins(dir, wallAt(NOW_MS - 3_600_000))).toEqual(new Set(['last']));
  limit(LEDGER, { pastLoginBytes: lastBytes - 1 });
  expect(await pastLogins(dir, wallAt(NOW_MS - 3_600_000))).toEqual(new Set());
  await rm(dir, { recursive: true });
});
