// The ledger on disk: order, durability, rotation, a disk that refuses, crashes, and one writer.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Ledger, type LedgerFile, type LedgerOptions } from '../../src/audit/ledger.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { LEDGER } from '../../src/limits/audit.ts';
import { limit } from '../support/limits.ts';

const entry = (reason: string): AuditEntry => ({ kind: 'config', session: null, reason });

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-ledger-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function text(): Promise<string> {
  const files = (await readdir(dir)).filter((name) => name.endsWith('.jsonl')).sort();
  return (await Promise.all(files.map((name) => readFile(path.join(dir, name), 'utf8')))).join('');
}

async function reasons(): Promise<string[]> {
  return (await text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { reason: string }).reason);
}

const openLedger = async (options: Partial<LedgerOptions> = {}) => Ledger.open({ dir, ...options });

describe('a ledger', () => {
  it('keeps the order of appends and goes on after it was closed', async () => {
    const first = await openLedger();
    first.append(entry('one'));
    await first.appendDurably(entry('two'));
    await first.close();
    const second = await openLedger();
    second.append(entry('three'));
    await second.close();
    expect(await reasons()).toEqual(['log begun', 'one', 'two', 'three']);
    expect(await verifyLedger(dir)).toMatchObject({ result: 'intact', records: 4 });
  });

  it('has a record on disk when appendDurably resolves', async () => {
    const ledger = await openLedger();
    const id = await ledger.appendDurably(entry('durable'));
    expect(await text()).toContain(id);
    await ledger.close();
  });

  it('syncs many waiting records in few groups', async () => {
    const ledger = await openLedger();
    await Promise.all(
      Array.from({ length: 2_000 }, async (_unused, i) => ledger.appendDurably(entry(`r${i}`))),
    );
    expect(ledger.stats.records).toBeGreaterThanOrEqual(2_000);
    expect(ledger.stats.groups).toBeLessThan(50);
    await ledger.close();
    expect(await verifyLedger(dir)).toMatchObject({ result: 'intact', records: 2_001 });
  });

  it('rotates by size under concurrent appends, each file linked to the one before', async () => {
    const ledger = await openLedger({ rotateBytes: 4_096 });
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 20 }, async (_unused, i) =>
          ledger.appendDurably(entry(`${round}.${i}`)),
        ),
      );
    }
    await ledger.close();
    const report = await verifyLedger(dir);
    expect(report).toMatchObject({ result: 'intact', findings: [] });
    expect(report.files).toBeGreaterThan(3);
    expect((await reasons()).filter((reason) => /^\d+\.\d+$/.test(reason))).toHaveLength(400);
  });

  it('keeps characters that other line readers cut at', async () => {
    const ledger = await openLedger();
    await ledger.appendDurably(entry('a\u2028b\nc'));
    await ledger.close();
    expect(await verifyLedger(dir)).toMatchObject({ result: 'intact', records: 2 });
  });

  it('refuses, keeps and later writes everything while the disk does not take it', async () => {
    let broken = false;
    const openFile = async (file: string): Promise<LedgerFile> => {
      const handle = await open(file, 'a', 0o600);
      return {
        appendFile: async (data) => {
          if (!broken) return handle.appendFile(data);
          // Half of it reaches the disk before the disk is full.
          await handle.appendFile((data as Buffer).subarray(0, 30));
          throw new Error('ENOSPC');
        },
        datasync: async () => handle.datasync(),
        truncate: async (length) => handle.truncate(length),
        stat: (async () => handle.stat()) as LedgerFile['stat'],
        close: async () => handle.close(),
      };
    };
    const errors: string[] = [];
    const ledger = await openLedger({ openFile, onError: (error) => errors.push(error.message) });
    await ledger.appendDurably(entry('before'));
    broken = true;
    await expect(ledger.appendDurably(entry('refused'))).rejects.toThrow('ENOSPC');
    expect(ledger.writable).toBe(false);
    await expect(ledger.appendDurably(entry('refused at once'))).rejects.toThrow('ENOSPC');
    ledger.append(entry('waits'));
    broken = false;
    await expect.poll(() => ledger.writable, { timeout: 5_000 }).toBe(true);
    await ledger.appendDurably(entry('after'));
    await ledger.close();
    expect(errors).not.toHaveLength(0);
    // What was refused stays in the chain: nobody was told that it is there, and no gap is made.
    expect(await reasons()).toEqual(['log begun', 'before', 'refused', 'waits', 'after']);
    expect(await verifyLedger(dir)).toMatchObject({ result: 'intact' });
  });

  it('takes no more than its queue holds', async () => {
    const ledger = await openLedger({ maxQueueBytes: 2_000 });
    const ids = Array.from({ length: 50 }, () => ledger.append(entry('x'.repeat(100))));
    expect(ids.at(0)).not.toBeNull();
    expect(ids.at(-1)).toBeNull();
    expect(ledger.writable).toBe(false);
    await ledger.flush();
    expect(ledger.writable).toBe(true);
    await ledger.close();
    expect(await verifyLedger(dir)).toMatchObject({ result: 'intact' });
  });

  it('keeps more than its queue holds up to a factor, and loses and tells what is past that', async () => {
    limit(LEDGER, { heldFactor: 3 });
    const lost: boolean[] = [];
    const ledger = await openLedger({
      maxQueueBytes: 10_000,
      onLost: (isFirst) => lost.push(isFirst),
    });
    let most = 0;
    for (let i = 0; i < 500 && lost.length < 2; i++) {
      most = Math.max(most, ledger.queuedBytes);
      ledger.append(entry('x'.repeat(100)));
    }
    expect(lost).toEqual([true, false]);
    expect(most).toBeGreaterThanOrEqual(LEDGER.heldFactor * 10_000);
    expect(most).toBeLessThan(LEDGER.heldFactor * 10_000 + 1_000);
    await ledger.close();
    expect((await reasons()).at(-1)).toContain('records were lost');
  });

  it('has the usual bounds of its queue and of its files where none are given', async () => {
    limit(LEDGER, { queueBytes: 3_000, rotateBytes: 2_000 });
    const ledger = await openLedger();
    while (ledger.writable) ledger.append(entry('x'.repeat(100)));
    expect(ledger.queuedBytes).toBeGreaterThanOrEqual(LEDGER.queueBytes);
    expect(ledger.queuedBytes).toBeLessThan(LEDGER.queueBytes + 600);
    await ledger.flush();
    await ledger.close();
    const sizes = await Promise.all(
      (await readdir(dir)).sort().map(async (name) => (await stat(path.join(dir, name))).size),
    );
    expect(sizes.length).toBeGreaterThan(1);
    expect(sizes[0]).toBeGreaterThanOrEqual(LEDGER.rotateBytes);
  });

  it('writes records that nobody waits for when their time is over', async () => {
    const ledger = await openLedger();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      ledger.append(entry('waits'));
      vi.advanceTimersByTime(LEDGER.groupMs - 1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(ledger.queuedBytes).toBeGreaterThan(0);
      vi.advanceTimersByTime(1);
      await vi.waitFor(() => expect(ledger.queuedBytes).toBe(0));
    } finally {
      vi.useRealTimers();
    }
    await ledger.close();
  });

  it('writes and syncs a part of a long queue at once', async () => {
    limit(LEDGER, { groupBytes: 5_000 });
    const groups: number[] = [];
    const openFile = async (file: string): Promise<LedgerFile> => {
      const handle = await open(file, 'a', 0o600);
      const append = handle.appendFile.bind(handle);
      const appendFile: LedgerFile['appendFile'] = async (data) => {
        groups.push((data as Buffer).length);
        return append(data);
      };
      return Object.assign(handle, { appendFile });
    };
    const ledger = await openLedger({ openFile });
    for (let i = 0; i < 100; i++) ledger.append(entry('x'.repeat(100)));
    groups.length = 0;
    await ledger.flush();
    await ledger.close();
    expect(groups.length).toBeGreaterThan(3);
    for (const bytes of groups.slice(0, -1)) {
      expect(bytes).toBeGreaterThanOrEqual(LEDGER.groupBytes);
      expect(bytes).toBeLessThan(LEDGER.groupBytes + 600);
    }
  });

  it('tries a disk again that refused, when the pause is over', async () => {
    let tries = 0;
    const openFile = async (file: string): Promise<LedgerFile> => {
      const handle = await open(file, 'a', 0o600);
      const append = handle.appendFile.bind(handle);
      const appendFile: LedgerFile['appendFile'] = async (data) => {
        if (++tries > 1 && tries < 4) throw new Error('ENOSPC');
        return append(data);
      };
      return Object.assign(handle, { appendFile });
    };
    const ledger = await openLedger({ openFile });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      ledger.append(entry('waits'));
      vi.advanceTimersByTime(LEDGER.groupMs);
      await vi.waitFor(() => expect(ledger.writable).toBe(false));
      for (const expected of [3, 4]) {
        vi.advanceTimersByTime(LEDGER.retryMs - 1);
        await new Promise((resolve) => setImmediate(resolve));
        expect(tries).toBe(expected - 1);
        vi.advanceTimersByTime(1);
        await vi.waitFor(() => expect(tries).toBe(expected));
        await vi.waitFor(() => expect(ledger.writable).toBe(expected === 4));
      }
    } finally {
      vi.useRealTimers();
    }
    await ledger.close();
    expect(await reasons()).toEqual(['log begun', 'waits']);
  });

  it('cuts off a torn last line and says so', async () => {
    const ledger = await openLedger();
    await ledger.appendDurably(entry('whole'));
    await ledger.close();
    const [file] = (await readdir(dir)).filter((name) => name.endsWith('.jsonl'));
    await appendFile(path.join(dir, file!), '{"v":1,"seq":3,"pre');
    expect(await verifyLedger(dir)).toMatchObject({ result: 'incomplete', findings: [] });
    const again = await openLedger();
    await again.close();
    expect((await reasons()).at(-1)).toContain('torn last line');
    expect(await verifyLedger(dir)).toMatchObject({ result: 'intact' });
    const torn = (await readdir(dir)).find((name) => name.endsWith('.torn'));
    expect(await readFile(path.join(dir, torn!), 'utf8')).toBe('{"v":1,"seq":3,"pre');
  });

  it('is written by one only', async () => {
    const ledger = await openLedger();
    await expect(openLedger()).rejects.toThrow('is the ledger of another running cqlgate');
    await ledger.close();
    await (await openLedger()).close();
  });
});

describe('a ledger whose process is killed', () => {
  const WRITER = `
    import { Ledger } from ${JSON.stringify(path.resolve('src/audit/ledger.ts'))};
    const ledger = await Ledger.open({ dir: process.argv[1], rotateBytes: 20_000 });
    let n = 0;
    const write = async () => {
      for (;;) {
        const id = await ledger.appendDurably({ kind: 'config', session: null, reason: 'n' + n++ });
        process.stdout.write(id + '\\n');
      }
    };
    for (let i = 0; i < 8; i++) void write();
  `;

  it('holds every record that was acknowledged, round after round', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '-e', WRITER, dir],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      const lines = createInterface({ input: child.stdout });
      let count = 0;
      lines.on('line', (id) => {
        acknowledged.push(id);
        if (++count === 300) child.kill('SIGKILL');
      });
      await once(child, 'close');
      expect(count).toBeGreaterThanOrEqual(300);
    }
    // The lock went with the process, and the chain goes on.
    const ledger = await openLedger();
    await ledger.close();
    const written = await text();
    for (const id of acknowledged) expect(written.includes(id)).toBe(true);
    expect(await verifyLedger(dir)).toMatchObject({ result: 'intact', findings: [] });
  });
});
