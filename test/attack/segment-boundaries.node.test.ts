// A request that fills one v5 segment exactly, on the connection that others share: a real node answers the large ones
// that come after it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS } from '../../src/protocol/segment.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, noNode } from '../support/nodes.ts';
import { RawClient } from '../support/raw-client.ts';

const TEXT = 'SELECT key FROM system.local';
let gate: TestGate;

beforeAll(async () => {
  if (noNode) return;
  gate = await TestGate.start({
    contactPoint,
    roles: { job: { grants: ['SELECT ON KEYSPACE system'] } },
    config: { cluster: { contactPoints: [contactPoint], connectionsPerPool: 1 } },
  });
}, 60_000);

afterAll(async () => gate?.close());

const bodyOf = (spaces: number): Buffer =>
  encodeQuery({ query: TEXT + ' '.repeat(spaces), consistency: 1, version: 5 });

/** A body whose frame has so many bytes. */
const bodyFor = (frameBytes: number): Buffer => {
  const least = encodeFrame({ version: 5, opcode: Opcode.QUERY, streamId: 1, body: bodyOf(0) });
  return bodyOf(frameBytes - least.length);
};

describe.skipIf(noNode)('a request that fills a segment', () => {
  it.each([PLAIN_SEGMENTS.fullPayloadBytes, LZ4_SEGMENTS.fullPayloadBytes])(
    'of %i bytes leaves its connection as it was',
    async (full) => {
      const login = async (): Promise<RawClient> =>
        RawClient.login(gate.port, 'job', gate.issuer.mint(), 5);
      const [attacker, other] = [await login(), await login()];
      for (const size of [full - 1, full, full + 1]) {
        expect((await attacker.request(Opcode.QUERY, bodyFor(size)))?.opcode).toBe(Opcode.RESULT);
        const large = await other.request(Opcode.QUERY, bodyFor(300_000));
        expect(large?.opcode).toBe(Opcode.RESULT);
      }
      attacker.close();
      other.close();
    },
  );
});
