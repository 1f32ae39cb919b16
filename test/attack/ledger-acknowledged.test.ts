// A change is acknowledged once what came of it is on disk: a gate that is killed right after the answer leaves
// no change behind that its client knows of and its ledger does not.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { responsePrefix } from '../../src/protocol/body-prefix.ts';
import { decodePrepared } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { LedgerDisk } from '../support/ledger-disk.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const ROLES = {
  one: { grants: ['ALTER, MODIFY ON KEYSPACE orders', 'AUTHORIZE, SELECT ON KEYSPACE orders'] },
};
const ID = Buffer.alloc(16, 1);
const PREPARED = new Writer()
  .writeInt(4)
  .writeShortBytes(ID)
  .writeInt(0)
  .writeInt(0)
  .writeInt(0)
  .writeInt(4)
  .writeInt(0)
  .toBuffer();
const VOID = new Writer().writeInt(1).toBuffer();
const CHANGED = new Writer()
  .writeInt(5)
  .writeString('UPDATED')
  .writeString('TABLE')
  .writeString('orders')
  .writeString('t')
  .toBuffer();
const REFUSED = new Writer().writeInt(CqlErrorCode.INVALID).writeString('no').toBuffer();

const ALTER = 'ALTER TABLE orders.t ADD c int';
/** What the node answers to each. */
const CHANGES: Record<string, readonly [number, Buffer]> = {
  [ALTER]: [Opcode.RESULT, CHANGED],
  'ALTER TABLE orders.t DROP c': [Opcode.ERROR, REFUSED],
  'TRUNCATE orders.t': [Opcode.RESULT, VOID],
  'GRANT SELECT ON orders.t TO somebody': [Opcode.RESULT, VOID],
};

let gate: ScriptedGate;
let disk: LedgerDisk;
let client: RawClient;
let other: RawClient | null = null;

/** The disk goes away just before the node answers. */
async function start(auditWaitMs: number): Promise<void> {
  disk = new LedgerDisk();
  disk.attach();
  const cluster = await ScriptedCluster.start(['dc1']);
  cluster.script = ({ opcode, text, answer }) => {
    if (opcode === Opcode.PREPARE) {
      answer(Opcode.RESULT, PREPARED);
      return true;
    }
    const change = opcode === Opcode.EXECUTE ? CHANGES[ALTER] : CHANGES[text];
    if (change === undefined) return false;
    disk.state = 'stuck';
    answer(...change);
    return true;
  };
  gate = await ScriptedGate.start(
    ROLES,
    { admin: { host: '127.0.0.1', port: 0 }, limits: { auditWaitMs } },
    cluster,
  );
  client = await gate.login('one');
}

afterEach(async () => {
  disk.recover();
  client.close();
  other?.close();
  await gate.close();
  vi.restoreAllMocks();
});

const SENDS: Record<string, () => Promise<Frame | null>> = {
  ...Object.fromEntries(Object.keys(CHANGES).map((text) => [text, () => client.query(text)])),
  'EXECUTE of a change': async () =>
    client.execute(decodePrepared((await client.prepare(ALTER))!, 4).id),
};

const outcomes = async (): Promise<any[]> =>
  (await gate.files.records()).filter(({ kind }: any) => kind === 'outcome');

describe('a change whose outcome is not on disk yet', () => {
  it.each(Object.keys(SENDS))('is not answered: %s', async (name) => {
    await start(15_000);
    let isAnswered = false;
    const answer = SENDS[name]!().then((frame) => {
      isAnswered = true;
      return frame;
    });
    // The outcome is in the queue, and the disk has it not.
    await expect.poll(() => disk.state).toBe('stuck');
    await expect.poll(() => disk.ledger!.queuedBytes).toBeGreaterThan(0);
    // It answers others meanwhile.
    other = await gate.login('one');
    expect(isAnswered).toBe(false);
    disk.recover();
    const frame = (await answer)!;
    expect(await outcomes()).toHaveLength(1);
    expect(errorOf(frame)?.code ?? null).toBe(name.includes('DROP') ? CqlErrorCode.INVALID : null);
    expect(responsePrefix(frame).warnings).toBeNull();
    expect(await gate.metric('audit_late_outcomes_total')).toBe(0);
  });

  it.each(Object.keys(SENDS))('is answered with a warning after a while: %s', async (name) => {
    await start(300);
    const frame = (await SENDS[name]!())!;
    expect(await outcomes()).toHaveLength(0);
    expect(errorOf(frame)?.code ?? null).toBe(name.includes('DROP') ? CqlErrorCode.INVALID : null);
    expect(responsePrefix(frame).warnings?.join()).toMatch(/did not take the record .* in time/);
    await gate.logged(/answered before the record of its outcome was on disk/);
    expect(await gate.metric('audit_late_outcomes_total')).toBe(1);
    disk.recover();
    await expect.poll(outcomes, { timeout: 5_000 }).toHaveLength(1);
  });
});
