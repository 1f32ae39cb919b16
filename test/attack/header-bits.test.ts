// Bits of a request's header that nobody gave a meaning: refused for every message, before and behind the
// login, in v4 and within the segments of v5.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import { encodeFrame, type Frame } from '../../src/protocol/frame.ts';
import { FrameDecoder } from '../../src/protocol/frame-decoder.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { Opcode, opcodeName, opcodeRow } from '../../src/protocol/opcodes.ts';
import { SegmentDecoder } from '../../src/protocol/segment-decoder.ts';
import { PLAIN_SEGMENTS } from '../../src/protocol/segment.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { TestGate } from '../support/gate.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

const PROTOCOL_ERROR = 0x000a;
const REQUESTS = Object.values(Opcode).filter((code) => opcodeRow(code)?.direction === 'request');
const UNKNOWN = [0x20, 0x40, 0x80, 0xe0, 0x3f];
/** TRACING, WARNING and USE_BETA; what the others announce would have to be there. */
const KNOWN = [0x00, 0x02, 0x08, 0x10, 0x1a];

function decoderOf(version: number): FrameDecoder | SegmentDecoder {
  const options = { direction: 'request', version, maxFrameBytes: 1 << 20 } as const;
  return version === 4 ? new FrameDecoder(options) : new SegmentDecoder(options);
}

function decode(version: number, opcode: number, flags: number): Frame {
  const decoder = decoderOf(version);
  const views = new FrameViews();
  if (version === 5) views.segments = PLAIN_SEGMENTS;
  views.push(encodeFrame({ version, opcode, streamId: 9, flags, body: Buffer.alloc(4) }));
  decoder.push(Buffer.concat(views.take()));
  return decoder.next() as Frame;
}

describe('header bits', () => {
  for (const version of [4, 5]) {
    it.each(REQUESTS.map((code) => [opcodeName(code), code] as const))(
      `that are unknown end %s in v${version}`,
      (_name, opcode) => {
        for (const flags of UNKNOWN) {
          expect(() => decode(version, opcode, flags)).toThrow(ProtocolFault);
          expect(() => decode(version, opcode, flags)).toThrow(/header flags 0x/);
        }
        for (const flags of KNOWN) expect(decode(version, opcode, flags).flags).toBe(flags);
      },
    );
  }

  it('are looked at before a body that is too large is waited for', () => {
    const decoder = new FrameDecoder({ direction: 'request', version: 4, maxFrameBytes: 100 });
    const bytes = encodeFrame({
      version: 4,
      opcode: Opcode.QUERY,
      streamId: 1,
      flags: 0x20,
      body: Buffer.alloc(1_000),
    });
    decoder.push(bytes.subarray(0, 9));
    expect(() => decoder.next()).toThrow(ProtocolFault);
  });
});

describe('a gate that is sent unknown header bits', () => {
  let scripted: ScriptedCluster;
  let gate: TestGate;

  beforeAll(async () => {
    scripted = await ScriptedCluster.start(['dc1']);
    const contactPoint = scripted.name(0);
    gate = await TestGate.start({
      contactPoint,
      roles: { job: { grants: ['SELECT ON KEYSPACE shop'] } },
      config: { cluster: { contactPoints: [contactPoint], allowUntested: true } },
    });
  }, 30_000);

  afterAll(async () => {
    await gate?.close();
    await scripted?.close();
  });

  const select = new Writer().writeLongString('SELECT * FROM shop.t').writeShort(1).writeByte(0);

  it('answers PROTOCOL_ERROR and closes, before the login and behind it', async () => {
    for (const isLoggedIn of [false, true]) {
      for (const opcode of REQUESTS) {
        const client = isLoggedIn
          ? await RawClient.login(gate.port, 'job', gate.issuer.mint())
          : await RawClient.connect(gate.port);
        const before = scripted.counts(({ text }) => text.includes('shop.t'))[0];
        const answer = await client.request(opcode, select.toBuffer(), 0x40);
        expect(errorOf(answer)?.code, opcodeName(opcode)).toBe(PROTOCOL_ERROR);
        expect(errorOf(answer)?.message).toContain('header flags 0x40');
        expect(await client.next()).toBeNull();
        expect(scripted.counts(({ text }) => text.includes('shop.t'))[0]).toBe(before);
      }
    }
  });

  it('takes USE_BETA and WARNING for what they are in Cassandra: nothing', async () => {
    scripted.script = ({ text, answer }) => {
      if (!text.includes('shop.t')) return false;
      answer(Opcode.RESULT, new Writer().writeInt(1).toBuffer());
      return true;
    };
    const client = await RawClient.login(gate.port, 'job', gate.issuer.mint());
    for (const flags of [0x08, 0x10]) {
      const answer = await client.request(Opcode.QUERY, select.toBuffer(), flags);
      expect(answer?.opcode).toBe(Opcode.RESULT);
    }
    client.close();
  });
});
