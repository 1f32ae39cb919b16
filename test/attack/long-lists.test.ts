// Lists in messages whose counts the protocol bounds at 65,535 only: what is read of them is bounded, or is no more
// than what is needed.
import { describe, expect, it, vi } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import { decodeOAuthBearer } from '../../src/identity/oauthbearer.ts';
import { decodePlain } from '../../src/identity/sasl-plain.ts';
import { MESSAGES } from '../../src/limits/session.ts';
import { customPayload, payloadKeys } from '../../src/protocol/body-prefix.ts';
import { encodeFrame, Frame, FrameFlag } from '../../src/protocol/frame.ts';
import { boundValue, readParameters } from '../../src/protocol/messages/parameters.ts';
import { decodeRegister } from '../../src/protocol/messages/register.ts';
import { decodeStartup } from '../../src/protocol/messages/startup.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { Writer } from '../../src/protocol/writer.ts';

const MOST = 65_535;

function frameOf(opcode: number, writer: Writer, flags = 0): Frame {
  const bytes = encodeFrame({ version: 4, opcode, streamId: 1, flags, body: writer.toBuffer() });
  return new Frame(bytes, 0, bytes.length);
}

function strings(count: number, text: (n: number) => string): Writer {
  const writer = new Writer().writeShort(count);
  for (let n = 0; n < count; n++) writer.writeString(text(n));
  return writer;
}

/** How many texts are made of bytes in this. */
function textsMade(work: () => void): number {
  const spy = vi.spyOn(Buffer.prototype, 'toString');
  try {
    work();
    return spy.mock.calls.length;
  } finally {
    spy.mockRestore();
  }
}

describe('a list of 65,535 entries', () => {
  it('is refused in REGISTER before any name is read', () => {
    const frame = frameOf(
      Opcode.REGISTER,
      strings(MOST, () => 'SCHEMA_CHANGE'),
    );
    const made = textsMade(() => expect(() => decodeRegister(frame)).toThrow(ProtocolFault));
    expect(made).toBe(0);
    const twice = frameOf(
      Opcode.REGISTER,
      strings(MESSAGES.registerNames, () => 'schema_change'),
    );
    expect(new Set(decodeRegister(twice))).toEqual(new Set(['SCHEMA_CHANGE']));
  });

  it('is refused in STARTUP before any option is read', () => {
    const options = (count: number): Frame => {
      const writer = new Writer().writeShort(count);
      for (let n = 0; n < count; n++) writer.writeString(`K${n}`).writeString('');
      return frameOf(Opcode.STARTUP, writer);
    };
    const frame = options(MOST);
    const made = textsMade(() => expect(() => decodeStartup(frame)).toThrow(ProtocolFault));
    expect(made).toBe(0);
    expect(decodeStartup(options(MESSAGES.startupOptions)).size).toBe(MESSAGES.startupOptions);
  });

  it('is stepped over in a custom payload, but for what is asked for', () => {
    const writer = new Writer().writeShort(MOST);
    for (let n = 0; n < MOST; n++) {
      writer.writeString(n === MOST - 1 ? 'b3' : `x${n % 10}`).writeBytes(Buffer.from([n & 0xff]));
    }
    const frame = frameOf(Opcode.QUERY, writer, FrameFlag.CUSTOM_PAYLOAD);
    const keys = payloadKeys(['traceparent', 'b3']);
    let found: ReturnType<typeof customPayload> = null;
    expect(textsMade(() => (found = customPayload(frame, keys)))).toBe(0);
    expect(found).toEqual(new Map([['b3', Buffer.from([(MOST - 1) & 0xff])]]));
  });

  it('of named values is searched by bytes', () => {
    const writer = new Writer().writeShort(1).writeByte(0x41).writeShort(MOST);
    for (let n = 0; n < MOST; n++) {
      writer.writeString(n === MOST - 1 ? 'key' : `n${n % 90}`).writeBytes(Buffer.from([7]));
    }
    const bytes = writer.toBuffer();
    const parameters = readParameters(new Reader(bytes, 0, bytes.length), 4);
    const reader = new Reader(bytes, 0, bytes.length);
    const made = textsMade(() => {
      expect(boundValue(reader, parameters, { index: 0, name: 'key' })?.[0]).toBe(7);
      expect(boundValue(reader, parameters, { index: 0, name: 'none' })).toBeNull();
    });
    expect(made).toBe(0);
  });

  it('of names of values that are no UTF-8 is refused where it is walked', () => {
    const writer = new Writer().writeShort(1).writeByte(0x41).writeShort(1);
    const name = Buffer.from([0xc3, 0x28]);
    const bytes = writer.writeShort(2).writeRaw(name).writeBytes(null).toBuffer();
    expect(() => readParameters(new Reader(bytes, 0, bytes.length), 4)).toThrow(ProtocolFault);
  });
});

describe('a SASL message of very many parts', () => {
  it('is refused, whichever mechanism', () => {
    expect(() => decodePlain(Buffer.alloc(60_000))).toThrow('more than 3 parts');
    const bearer = Buffer.from(`n,,\u0001auth=Bearer abc${'\u0001'.repeat(60_000)}`);
    expect(() => decodeOAuthBearer(bearer)).toThrow(`more than ${MESSAGES.bearerPairs} pairs`);
    const pairs = 'k=v\u0001'.repeat(MESSAGES.bearerPairs - 1);
    const legal = Buffer.from(`n,,\u0001${pairs}auth=Bearer abc\u0001\u0001`);
    expect(decodeOAuthBearer(legal).token).toBe('abc');
  });
});
