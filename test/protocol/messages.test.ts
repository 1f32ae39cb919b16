// Request messages: every parameter, every cut, and what Cassandra would overlook but the gate
// refuses. Responses as far as the gate reads or writes them.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import {
  customPayload,
  payloadKeys,
  requestReader,
  stripCustomPayload,
} from '../../src/protocol/body-prefix.ts';
import { encodeFrame, Frame, FrameFlag } from '../../src/protocol/frame.ts';
import { decodeAuthResponse, encodeToken } from '../../src/protocol/messages/auth.ts';
import { batchText, decodeBatch } from '../../src/protocol/messages/batch.ts';
import { decodeError, encodeError, errorCodeOf } from '../../src/protocol/messages/error.ts';
import { decodeEvent, encodeSchemaChangeEvent } from '../../src/protocol/messages/event.ts';
import { decodeExecute } from '../../src/protocol/messages/execute.ts';
import { boundValue } from '../../src/protocol/messages/parameters.ts';
import { decodePrepare } from '../../src/protocol/messages/prepare.ts';
import { decodeQuery } from '../../src/protocol/messages/query.ts';
import { decodeRegister, encodeRegister } from '../../src/protocol/messages/register.ts';
import { decodeRows, encodeRows } from '../../src/protocol/messages/result.ts';
import { decodeStartup } from '../../src/protocol/messages/startup.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { unsupportedVersionReply } from '../../src/protocol/versions.ts';
import { Writer } from '../../src/protocol/writer.ts';

function frameOf(version: number, opcode: number, body: Buffer, flags = 0): Frame {
  const bytes = encodeFrame({ version, opcode, streamId: 5, flags, body });
  return new Frame(bytes, 0, bytes.length);
}

const flagsOf = (version: number, flags: number, writer: Writer) =>
  version === 5 ? writer.writeInt(flags) : writer.writeByte(flags);

const long = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};

/** A QUERY with every parameter that its version has. */
function fullQuery(version: number): Buffer {
  const writer = new Writer().writeLongString('SELECT * FROM t').writeShort(6);
  flagsOf(version, version === 5 ? 0x1bf : 0xbf, writer);
  writer.writeShort(3).writeBytes(Buffer.from('a')).writeInt(-1).writeInt(-2);
  writer
    .writeInt(100)
    .writeBytes(Buffer.from('state'))
    .writeShort(8)
    .writeRaw(long(5n))
    .writeString('ks');
  return (version === 5 ? writer.writeInt(77) : writer).toBuffer();
}

const execute = (version: number): Buffer => {
  const writer = new Writer().writeShortBytes(Buffer.alloc(16, 1));
  if (version === 5) writer.writeShortBytes(Buffer.alloc(16, 2));
  writer.writeShort(1);
  flagsOf(version, 0x41, writer);
  writer.writeShort(2).writeString('k').writeBytes(Buffer.from('one'));
  return writer.writeString('v').writeBytes(Buffer.from('two')).toBuffer();
};

const batch = (version: number, type = 0, kind = 0, flags = 0xb0): Buffer => {
  const writer = new Writer()
    .writeByte(type)
    .writeShort(2)
    .writeByte(kind)
    .writeLongString('INSERT');
  writer.writeShort(1).writeBytes(Buffer.from('x'));
  writer.writeByte(1).writeShortBytes(Buffer.alloc(16, 3)).writeShort(0).writeShort(4);
  flagsOf(version, flags, writer);
  return writer.writeShort(9).writeRaw(long(1n)).writeString('ks').toBuffer();
};

describe.each([4, 5])('requests in v%i', (version) => {
  it('decodes QUERY with every parameter', () => {
    const { query, parameters } = decodeQuery(
      frameOf(version, Opcode.QUERY, fullQuery(version)),
      version,
    );
    expect(query).toBe('SELECT * FROM t');
    expect(parameters).toMatchObject({ consistency: 6, valueCount: 3, keyspace: 'ks' });
  });

  it('finds bound values by position and by name', () => {
    const frame = frameOf(version, Opcode.EXECUTE, execute(version));
    const { idStart, idEnd, parameters } = decodeExecute(frame, version);
    expect(frame.buffer.subarray(idStart, idEnd)).toEqual(Buffer.alloc(16, 1));
    const value = boundValue(requestReader(frame), parameters, { index: 9, name: 'v' });
    expect(value?.toString()).toBe('two');
    expect(boundValue(requestReader(frame), parameters, { index: 0, name: 'no' })).toBeNull();
  });

  it('decodes BATCH with texts and ids', () => {
    const frame = frameOf(version, Opcode.BATCH, batch(version));
    const decoded = decodeBatch(frame, version);
    expect(decoded).toMatchObject({ type: 'LOGGED', consistency: 4, keyspace: 'ks' });
    expect(
      decoded.children.map((child) => (child.isText ? batchText(frame, child) : null)),
    ).toEqual(['INSERT', null]);
  });

  const bodies: [string, number, (v: number) => Buffer, (f: Frame, v: number) => unknown][] = [
    ['QUERY', Opcode.QUERY, fullQuery, decodeQuery],
    ['EXECUTE', Opcode.EXECUTE, execute, decodeExecute],
    ['BATCH', Opcode.BATCH, (v) => batch(v), decodeBatch],
  ];

  it.each(bodies)(
    'refuses %s cut anywhere, or with bytes behind it',
    (_name, opcode, make, decode) => {
      const body = make(version);
      expect(() => decode(frameOf(version, opcode, body), version)).not.toThrow();
      for (let length = 0; length < body.length; length++) {
        const cut = frameOf(version, opcode, body.subarray(0, length));
        expect(() => decode(cut, version)).toThrow(ProtocolFault);
      }
      const longer = frameOf(version, opcode, Buffer.concat([body, Buffer.alloc(1)]));
      expect(() => decode(longer, version)).toThrow(/after its last field/);
    },
  );

  it('refuses flags that it does not know', () => {
    const unknown = version === 5 ? [0x200, 0x80000000 | 0] : [];
    for (const flags of unknown) {
      const body = flagsOf(
        version,
        flags,
        new Writer().writeLongString('x').writeShort(1),
      ).toBuffer();
      expect(() => decodeQuery(frameOf(version, Opcode.QUERY, body), version)).toThrow(/not known/);
    }
    for (const flags of [0x01, 0x04, 0x08, 0x40]) {
      const body = batch(version, 0, 0, flags);
      expect(() => decodeBatch(frameOf(version, Opcode.BATCH, body), version)).toThrow(/not known/);
    }
  });

  it('reads the keyspace flag, also where the specification does not have it', () => {
    const writer = flagsOf(version, 0x80, new Writer().writeLongString('x').writeShort(1));
    const frame = frameOf(version, Opcode.QUERY, writer.writeString('billing').toBuffer());
    expect(decodeQuery(frame, version).parameters.keyspace).toBe('billing');
  });

  it.each([
    ['page size 0', 0x04, (w: Writer) => w.writeInt(0), /page size cannot be 0/],
    ['the lowest timestamp', 0x20, (w: Writer) => w.writeRaw(long(-(2n ** 63n))), /timestamp/],
    [
      'a value length below -2',
      0x01,
      (w: Writer) => w.writeShort(1).writeInt(-3),
      /invalid length/,
    ],
    ['an unknown consistency', 0x10, (w: Writer) => w.writeShort(99), /consistency/],
  ])('refuses %s', (_name, flags, tail, text) => {
    const body = tail(flagsOf(version, flags, new Writer().writeLongString('x').writeShort(1)));
    expect(() => decodeQuery(frameOf(version, Opcode.QUERY, body.toBuffer()), version)).toThrow(
      text,
    );
  });

  it('refuses batch types and kinds that do not exist', () => {
    expect(() => decodeBatch(frameOf(version, Opcode.BATCH, batch(version, 3)), version)).toThrow(
      /type 3/,
    );
    const kind = frameOf(version, Opcode.BATCH, batch(version, 0, 2));
    expect(() => decodeBatch(kind, version)).toThrow(/query kind/);
  });

  it('takes PREPARE with what its version allows', () => {
    const text = new Writer().writeLongString('SELECT 1').toBuffer();
    const withKeyspace = new Writer().writeRaw(text).writeInt(1).writeString('ks').toBuffer();
    const decode = (body: Buffer) => decodePrepare(frameOf(version, Opcode.PREPARE, body), version);
    if (version === 5) {
      expect(decode(withKeyspace)).toEqual({ query: 'SELECT 1', keyspace: 'ks' });
      expect(() => decode(new Writer().writeRaw(text).writeInt(2).toBuffer())).toThrow(/not known/);
    } else {
      expect(decode(text)).toEqual({ query: 'SELECT 1', keyspace: null });
      expect(() => decode(withKeyspace)).toThrow(/after its last field/);
    }
  });
});

describe('requests', () => {
  it('decodes text strictly', () => {
    for (const bad of [[0xc3, 0x28], [0xff], [0xed, 0xa0, 0x80]]) {
      const body = new Writer()
        .writeInt(bad.length)
        .writeRaw(Buffer.from(bad))
        .writeShort(1)
        .writeByte(0);
      const frame = frameOf(4, Opcode.QUERY, body.toBuffer());
      expect(() => decodeQuery(frame, 4)).toThrow(/Cannot decode string as UTF8/);
    }
    const bom = new Writer().writeLongString('\ufeffSELECT').writeShort(1).writeByte(0).toBuffer();
    expect(decodeQuery(frameOf(4, Opcode.QUERY, bom), 4).query).toBe('\ufeffSELECT');
  });

  it('reads STARTUP keys in any case, REGISTER names too', () => {
    const startup = new Writer().writeStringMap(new Map([['cql_version', '3.0.0']])).toBuffer();
    expect(decodeStartup(frameOf(4, Opcode.STARTUP, startup)).get('CQL_VERSION')).toBe('3.0.0');
    const names = new Writer().writeStringList(['schema_change']).toBuffer();
    expect(decodeRegister(frameOf(4, Opcode.REGISTER, names))).toEqual(['SCHEMA_CHANGE']);
    const foo = encodeRegister(['FOO' as 'SCHEMA_CHANGE']);
    expect(() => decodeRegister(frameOf(4, Opcode.REGISTER, foo))).toThrow("Invalid value 'FOO'");
    expect(decodeAuthResponse(frameOf(4, Opcode.AUTH_RESPONSE, encodeToken(null)))).toBeNull();
  });

  it('steps over a custom payload, and strips it', () => {
    const query = new Writer().writeLongString('SELECT 1').writeShort(1).writeByte(0).toBuffer();
    const payload = new Writer()
      .writeShort(1)
      .writeString('ProxyExecute')
      .writeBytes(Buffer.from('root'));
    const body = payload.writeRaw(query).toBuffer();
    const frame = frameOf(4, Opcode.QUERY, body, FrameFlag.CUSTOM_PAYLOAD | FrameFlag.TRACING);
    expect(customPayload(frame, payloadKeys(['ProxyExecute']))).toEqual(
      new Map([['ProxyExecute', Buffer.from('root')]]),
    );
    expect(customPayload(frame, payloadKeys(['b3']))).toEqual(new Map());
    expect(decodeQuery(frame, 4).query).toBe('SELECT 1');
    const stripped = stripCustomPayload(frame);
    expect(stripped.flags).toBe(FrameFlag.TRACING);
    expect(stripped.streamId).toBe(5);
    expect(stripped.bytes().subarray(9)).toEqual(query);
  });
});

describe('responses', () => {
  it('carries the fields that each error code has', () => {
    const to = { version: 5, streamId: -3 };
    const bytes = encodeError(to, 'late', {
      code: CqlErrorCode.WRITE_TIMEOUT,
      consistency: 4,
      received: 0,
      blockFor: 1,
      writeType: 'CAS',
    });
    const frame = new Frame(bytes, 0, bytes.length);
    expect(frame).toMatchObject({ streamId: -3, version: 5, isResponse: true });
    expect(errorCodeOf(frame)).toBe(0x1100);
    expect(decodeError(frame)).toEqual({ code: 0x1100, message: 'late' });
    // <consistency><received><block for><write type><contentions, in v5 for CAS>
    expect(bytes.subarray(-17).toString('hex')).toBe(`0004000000000000000100034341530000`);
  });

  it('passes schema changes on as they came', () => {
    const change = {
      change: 'CREATED',
      target: 'FUNCTION',
      keyspace: 'ks',
      name: 'f',
      argumentTypes: ['int', 'text'],
    };
    const bytes = encodeSchemaChangeEvent(4, change);
    const frame = new Frame(bytes, 0, bytes.length);
    expect(frame.streamId).toBe(-1);
    expect(decodeEvent(frame)).toEqual({ type: 'SCHEMA_CHANGE', ...change });
  });

  it('gives rows back as it read them', () => {
    const type = { code: 0x0d, bytes: Buffer.from([0, 0x0d]) };
    const map = { code: 0x21, bytes: Buffer.from([0, 0x21, 0, 0x0d, 0, 9]) };
    const rows = {
      columns: [
        { keyspace: 'k', table: 't', name: 'a', type },
        { keyspace: 'k', table: 't', name: 'b', type: map },
      ],
      rows: [
        [Buffer.from('x'), null],
        [null, Buffer.alloc(4)],
      ],
    };
    expect(decodeRows(frameOf(4, Opcode.RESULT, encodeRows(rows)), 4)).toEqual(rows);
  });
});

describe('the answer to an unsupported version', () => {
  it.each([
    [1, '81', 8],
    [2, '82', 8],
    [3, '83', 9],
    [6, '85', 9],
    [7, '85', 9],
    [0x41, '85', 9],
    [0x42, '85', 9],
  ])('for %i is in a header its driver reads', (version, first, headerBytes) => {
    const reply = unsupportedVersionReply(Buffer.from([version, 0, 0x12, 0x34]))!;
    expect(reply.subarray(0, 1).toString('hex')).toBe(first);
    expect(reply.subarray(2, headerBytes - 5).toString('hex')).toBe(
      headerBytes === 8 ? '12' : '1234',
    );
    expect(reply.readInt32BE(headerBytes - 4)).toBe(reply.length - headerBytes);
    expect(reply.readInt32BE(headerBytes)).toBe(CqlErrorCode.PROTOCOL_ERROR);
  });

  it('waits for the stream id', () => {
    expect(unsupportedVersionReply(Buffer.from([0x42, 0, 0]))).toBeNull();
    expect(unsupportedVersionReply(Buffer.from([1, 0]))).toBeNull();
    expect(() => unsupportedVersionReply(Buffer.from([0x84, 0, 0, 0]))).toThrow(ProtocolFault);
  });
});
