// Schema changes that nodes do not come to agree on, or do not answer, through a real gate before scripted
// nodes: what its client is told, what is recorded, and when the next change is let in.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { responsePrefix } from '../../src/protocol/body-prefix.ts';
import { errorCodeOf } from '../../src/protocol/messages/error.ts';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { TestGate } from '../support/gate.ts';
import { RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

const AGREEMENT_MS = 4_000;
const UUID = { code: TypeCode.UUID, bytes: Buffer.from([0, TypeCode.UUID]) };

const CREATED = new Writer()
  .writeInt(5)
  .writeString('CREATED')
  .writeString('TABLE')
  .writeString('shop')
  .writeString('t')
  .toBuffer();

let scripted: ScriptedCluster;
let gate: TestGate;
let client: RawClient;
/** By node. */
let versions: number[];
/** The node whose connection ends when it is asked for a change. */
let dies: number | null;

beforeEach(async () => {
  versions = [1, 1];
  dies = null;
  scripted = await ScriptedCluster.start(['dc1', 'dc1']);
  scripted.script = ({ text, answer }, node) => {
    if (text.startsWith('SELECT schema_version')) {
      const columns = [{ keyspace: 'system', table: 'local', name: 'schema_version', type: UUID }];
      const rows = [[Buffer.alloc(16, versions[node])]];
      answer(Opcode.RESULT, encodeRows({ columns, rows }));
    } else if (text.startsWith('CREATE') && dies === node) void scripted.kill(node);
    else if (text.startsWith('CREATE')) answer(Opcode.RESULT, CREATED);
    else return false;
    return true;
  };
  const contactPoint = scripted.name(0);
  gate = await TestGate.start({
    contactPoint,
    roles: { job: { grants: ['CREATE ON KEYSPACE shop'] } },
    config: {
      cluster: { contactPoints: [contactPoint], allowUntested: true },
      limits: { schemaAgreementMs: AGREEMENT_MS },
    },
  });
  client = await RawClient.login(gate.port, 'job', gate.issuer.mint());
});

afterEach(async () => {
  client.socket.destroy();
  await gate.close();
  await scripted.close();
});

/** The answer to a change, and how long it took. */
async function change(table: string) {
  const startedAtMs = Date.now();
  const answer = (await client.query(`CREATE TABLE shop.${table} (k int PRIMARY KEY)`))!;
  return { answer, ms: Date.now() - startedAtMs };
}

describe('a schema change', () => {
  it('that not all nodes have in time is answered all the same, with a warning', async () => {
    versions = [2, 1];
    const { answer, ms } = await change('t');
    expect(answer.opcode).toBe(Opcode.RESULT);
    expect(ms).toBeGreaterThan(AGREEMENT_MS / 2);
    const { warnings, messageStart } = responsePrefix(answer);
    expect(warnings).toEqual([expect.stringMatching(/made, but not all nodes.*do not repeat it/)]);
    expect(answer.buffer.subarray(messageStart, answer.end)).toEqual(CREATED);
    const { outcome } = await gate.record(({ outcome: found }) => found?.schema_change);
    expect(outcome).toMatchObject({
      status: 'ok',
      schema_agreed: false,
      schema_version_after: null,
    });
    await gate.logged(/nodes do not agree on the schema/);
    // The next one is as any other.
    versions = [3, 3];
    const next = await change('u');
    expect(responsePrefix(next.answer).warnings).toBeNull();
    expect(next.ms).toBeLessThan(AGREEMENT_MS / 2);
  });

  it.each([true, false])(
    'without an answer holds up the next until its node is back (%s), or the time is over',
    async (isBack) => {
      dies = 0;
      const lost = await change('t');
      expect(errorCodeOf(lost.answer)).toBe(CqlErrorCode.WRITE_TIMEOUT);
      expect(lost.ms).toBeLessThan(AGREEMENT_MS / 2);
      dies = null;
      if (isBack) await scripted.again(0);
      const next = await change('u');
      expect(next.answer.opcode).toBe(Opcode.RESULT);
      if (isBack) expect(next.ms).toBeLessThan(AGREEMENT_MS / 2);
      else expect(next.ms).toBeGreaterThan(AGREEMENT_MS / 2);
      if (!isBack) await gate.logged(/got no answer.*the next change goes on/);
    },
  );
});
