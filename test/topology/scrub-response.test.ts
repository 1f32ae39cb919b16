// A node's answers lose addresses of nodes and nothing else: every field of every error, prefix and metadata
// included; what is malformed is not passed on.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeFrame, Frame, FrameFlag } from '../../src/protocol/frame.ts';
import { responsePrefix } from '../../src/protocol/body-prefix.ts';
import { inetBytes } from '../../src/protocol/inet.ts';
import { decodeError } from '../../src/protocol/messages/error.ts';
import { decodeRows, encodeRows, type Column } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { NodeAddresses } from '../../src/topology/node-addresses.ts';
import { scrubResponse, scrubRows } from '../../src/topology/scrub-response.ts';

const NODE = inetBytes('10.0.0.11')!;
const gate = { address: inetBytes('192.0.2.1')!, port: 9142 };
const scrub = { nodes: new NodeAddresses(['10.0.0.11']), gate, quoted: null };
const TEXT = 'failed at /10.0.0.11:7000';
const SCRUBBED = 'failed at /192.0.2.1:9142';

function frame(opcode: number, body: Buffer, { flags = 0, version = 5 } = {}): Frame {
  const bytes = encodeFrame({ version, opcode, streamId: 77, flags, body });
  return new Frame(bytes, 0, bytes.length);
}

const error = (code: number, message = TEXT) => new Writer().writeInt(code).writeString(message);

/** The fields that follow the message, by code. */
const FIELDS: Readonly<Record<number, (writer: Writer) => Writer>> = {
  [CqlErrorCode.UNAVAILABLE]: (w) => w.writeShort(4).writeInt(3).writeInt(1),
  [CqlErrorCode.WRITE_TIMEOUT]: (w) =>
    w.writeShort(8).writeInt(1).writeInt(2).writeString('CAS').writeShort(9),
  [CqlErrorCode.READ_TIMEOUT]: (w) => w.writeShort(6).writeInt(1).writeInt(2).writeByte(1),
  [CqlErrorCode.FUNCTION_FAILURE]: (w) =>
    w.writeString('ks').writeString('f').writeStringList(['int']),
  [CqlErrorCode.CAS_WRITE_UNKNOWN]: (w) => w.writeShort(8).writeInt(1).writeInt(2),
  [CqlErrorCode.ALREADY_EXISTS]: (w) => w.writeString('ks').writeString('t'),
  [CqlErrorCode.UNPREPARED]: (w) => w.writeShortBytes(Buffer.alloc(16, 7)),
};

describe('an ERROR', () => {
  it.each(Object.entries(CqlErrorCode).filter(([name]) => !name.endsWith('FAILURE')))(
    'of %s keeps its fields',
    (_name, code) => {
      const fields = (FIELDS[code] ?? ((writer: Writer) => writer))(new Writer()).toBuffer();
      const body = Buffer.concat([error(code).toBuffer(), fields]);
      const told = scrubResponse(frame(Opcode.ERROR, body), 5, scrub);
      expect(decodeError(told)).toEqual({ code, message: SCRUBBED });
      expect(told.bytes().subarray(-fields.length || told.byteLength)).toEqual(fields);
      expect(told.streamId).toBe(77);
      expect(told.bytes()).toHaveLength(told.byteLength);
    },
  );

  const failure = (code: number, addresses: readonly Buffer[]) => {
    const writer = error(code).writeShort(6).writeInt(1).writeInt(2).writeInt(addresses.length);
    addresses.forEach((address, i) =>
      writer.writeByte(address.length).writeRaw(address).writeShort(i),
    );
    return code === CqlErrorCode.READ_FAILURE ? writer.writeByte(1) : writer.writeString('BATCH');
  };
  const v6 = inetBytes('2001:db8::1')!;

  it.each([CqlErrorCode.READ_FAILURE, CqlErrorCode.WRITE_FAILURE])(
    'of %i has the gate in its map of reasons, whatever is there',
    (code) => {
      const body = failure(code, [NODE, v6, inetBytes('203.0.113.9')!]).toBuffer();
      const told = scrubResponse(frame(Opcode.ERROR, body), 5, scrub);
      const expected = failure(code, [gate.address, gate.address, gate.address]).toBuffer();
      // The same but for the text, which is as long here.
      expect(decodeError(told).message).toBe(SCRUBBED);
      const textEnd = 6 + SCRUBBED.length;
      expect(told.bytes().subarray(9 + textEnd)).toEqual(expected.subarray(textEnd));
    },
  );

  it('of a failure has a count only in v4', () => {
    const body = error(CqlErrorCode.READ_FAILURE).writeShort(6).writeInt(1).writeInt(2).writeInt(2);
    const told = scrubResponse(
      frame(Opcode.ERROR, body.writeByte(1).toBuffer(), { version: 4 }),
      4,
      scrub,
    );
    expect(decodeError(told).message).toBe(SCRUBBED);
    expect(told.bytes().subarray(-5)).toEqual(Buffer.from([0, 0, 0, 2, 1]));
  });

  it('is the same object where it tells nothing', () => {
    const plain = frame(Opcode.ERROR, error(CqlErrorCode.INVALID, 'table t').toBuffer());
    expect(scrubResponse(plain, 5, scrub)).toBe(plain);
  });

  it('keeps tracing id and custom payload, and loses addresses in warnings', () => {
    const tracingId = Buffer.alloc(16, 3);
    const writer = new Writer().writeRaw(tracingId).writeStringList([TEXT, 'plain']);
    writer.writeShort(1).writeString('key').writeBytes(Buffer.from('10.0.0.99'));
    writer.writeRaw(error(CqlErrorCode.SERVER_ERROR).toBuffer());
    const flags = FrameFlag.TRACING | FrameFlag.WARNING | FrameFlag.CUSTOM_PAYLOAD;
    const told = scrubResponse(frame(Opcode.ERROR, writer.toBuffer(), { flags }), 5, scrub);
    expect(told.flags).toBe(flags);
    const prefix = responsePrefix(told);
    expect(prefix.tracingId).toEqual(tracingId);
    expect(prefix.warnings).toEqual([SCRUBBED, 'plain']);
    expect(prefix.payload?.toString('latin1')).toContain('10.0.0.99');
    expect(decodeError(told)).toEqual({ code: CqlErrorCode.SERVER_ERROR, message: SCRUBBED });
  });

  it('quotes what the client wrote where Cassandra checked it, whoever has that address', () => {
    for (const address of ['10.9.9.9', '10.0.0.11']) {
      const text = `Invalid STRING constant (/${address}:80) for 'a'`;
      const told = (code: number, quoted: string | null): string => {
        const answer = frame(Opcode.ERROR, error(code, text).toBuffer());
        return decodeError(scrubResponse(answer, 5, { ...scrub, quoted })).message;
      };
      const statement = `SELECT a FROM t WHERE a = '/${address}:80'`;
      expect(told(CqlErrorCode.INVALID, statement)).toBe(text);
      expect(told(CqlErrorCode.TRUNCATE_ERROR, statement)).not.toContain(address);
      for (const other of [null, 'SELECT a FROM t WHERE a = ?', `SELECT '1${address}'`]) {
        expect(told(CqlErrorCode.INVALID, other)).not.toContain(address);
      }
    }
  });

  it('of the longest text that grows is cut between characters', () => {
    const text = `${'10.0.0.11 '.repeat(50)}${'ä'.repeat(32_500)}`;
    const wide = { ...gate, address: inetBytes('2001:db8:1111:2222:3333:4444:5555:6666')! };
    const told = scrubResponse(
      frame(Opcode.ERROR, error(CqlErrorCode.INVALID, text).toBuffer()),
      5,
      { ...scrub, gate: wide },
    );
    const { message } = decodeError(told);
    expect(message.endsWith('ä')).toBe(true);
    expect(Buffer.byteLength(message)).toBeGreaterThan(65_530);
  });

  it('that ends early, anywhere, is not passed on', () => {
    const whole = failure(CqlErrorCode.WRITE_FAILURE, [NODE, v6]).toBuffer();
    const lastField = whole.length - 'BATCH'.length - 2;
    for (let length = 0; length < lastField; length++) {
      const cut = frame(Opcode.ERROR, whole.subarray(0, length));
      expect(() => scrubResponse(cut, 5, scrub), String(length)).toThrow(ProtocolFault);
    }
  });

  it.each([
    ['a negative count', (w: Writer) => w.writeInt(-1)],
    ['a count beyond its end', (w: Writer) => w.writeInt(0x7fffffff)],
    ['an address of 5 bytes', (w: Writer) => w.writeInt(1).writeByte(5).writeRaw(Buffer.alloc(9))],
  ])('with %s of reasons is not passed on', (_name, tail) => {
    const body = tail(error(CqlErrorCode.READ_FAILURE).writeShort(1).writeInt(1).writeInt(1));
    const malformed = frame(Opcode.ERROR, body.toBuffer());
    expect(() => scrubResponse(malformed, 5, scrub)).toThrow(ProtocolFault);
  });

  it('with a text that is no UTF-8 is not passed on', () => {
    const body = new Writer()
      .writeInt(0)
      .writeShortBytes(Buffer.from([0xff, 0xfe]))
      .toBuffer();
    expect(() => scrubResponse(frame(Opcode.ERROR, body), 5, scrub)).toThrow(ProtocolFault);
  });
});

describe('a RESULT with warnings', () => {
  const result = (warnings: string[]) =>
    frame(
      Opcode.RESULT,
      new Writer().writeStringList(warnings).writeInt(1).writeRaw(NODE).toBuffer(),
      { flags: FrameFlag.WARNING },
    );

  it('loses addresses in them alone', () => {
    const told = scrubResponse(result([TEXT]), 5, scrub);
    expect(responsePrefix(told).warnings).toEqual([SCRUBBED]);
    expect(told.bytes().subarray(-4)).toEqual(NODE);
  });

  it('is the same object where they tell nothing', () => {
    const plain = result(['tombstones']);
    expect(scrubResponse(plain, 5, scrub)).toBe(plain);
  });

  it('that end early is not passed on', () => {
    const cut = frame(Opcode.RESULT, Buffer.from([0, 2, 0, 1, 65]), { flags: FrameFlag.WARNING });
    expect(() => scrubResponse(cut, 5, scrub)).toThrow(ProtocolFault);
  });
});

describe('rows', () => {
  const type = (...codes: number[]) => ({
    code: codes[0]!,
    bytes: Buffer.from(codes.flatMap((code) => [0, code])),
  });
  const column = (name: string, ...codes: number[]): Column => ({
    keyspace: 'system_traces',
    table: 'events',
    name,
    type: type(...codes),
  });
  const { INET, VARCHAR, INT, MAP, SET, BLOB, UUID } = TypeCode;
  const bytes = (...parts: (Buffer | string)[]) =>
    Buffer.concat(
      parts.flatMap((part) => {
        const value = Buffer.from(part as string);
        const length = Buffer.alloc(4);
        length.writeInt32BE(value.length);
        return [length, value];
      }),
    );
  const collection = (count: number, ...parts: (Buffer | string)[]) => {
    const size = Buffer.alloc(4);
    size.writeInt32BE(count);
    return Buffer.concat([size, bytes(...parts)]);
  };
  const port = (value: number) => {
    const cell = Buffer.alloc(4);
    cell.writeInt32BE(value);
    return cell;
  };
  const columns = [
    column('id', UUID),
    column('source', INET),
    column('source_port', INT),
    column('source_elapsed', INT),
    column('activity', VARCHAR),
    column('parameters', MAP, VARCHAR, VARCHAR),
    column('peers', SET, INET),
    column('strange', BLOB),
    column('empty', INET),
  ];
  const row = [
    Buffer.alloc(16, 1),
    NODE,
    port(7000),
    port(123),
    Buffer.from('Sending to /10.0.0.99:7000'),
    collection(1, 'hosts', '10.0.0.11'),
    collection(2, NODE, NODE),
    NODE,
    null,
  ];
  const all = { names: null, prepared: () => null, only: null };
  const rowsFrame = (body: Buffer, flags = 0) => frame(Opcode.RESULT, body, { flags });
  const told = scrubRows(rowsFrame(encodeRows({ columns, rows: [row] })), 5, all, scrub);

  it('have the gate in the place of nodes, by the type of the column', () => {
    expect(decodeRows(told, 5).rows[0]).toEqual([
      row[0],
      gate.address,
      port(9142),
      port(123),
      Buffer.from('Sending to /192.0.2.1:9142'),
      collection(1, 'hosts', '192.0.2.1'),
      collection(2, gate.address, gate.address),
      null,
      null,
    ]);
  });

  it('keep their metadata', () => {
    expect(decodeRows(told, 5).columns).toEqual(columns);
  });

  it('under an alias are told by the column behind it', () => {
    const aliased = [column('s', INET), column('p', INT)];
    const body = encodeRows({ columns: aliased, rows: [[NODE, port(7000)]] });
    const names = ['source', 'source_port'];
    const { rows } = decodeRows(scrubRows(rowsFrame(body), 5, { ...all, names }, scrub), 5);
    expect(rows).toEqual([[gate.address, port(9142)]]);
  });

  it('keep the state of their page, and are read without metadata as they were prepared', () => {
    const state = Buffer.from('state');
    const body = new Writer()
      .writeInt(2)
      .writeInt(0x02 | 0x04)
      .writeInt(2)
      .writeBytes(state);
    body.writeInt(1).writeBytes(NODE).writeBytes(port(7000));
    const prepared = () => [column('source', INET), column('source_port', INT)];
    const scrubbed = scrubRows(rowsFrame(body.toBuffer()), 5, { ...all, prepared }, scrub);
    const expected = new Writer()
      .writeInt(2)
      .writeInt(0x02 | 0x04)
      .writeInt(2)
      .writeBytes(state);
    expected.writeInt(1).writeBytes(gate.address).writeBytes(port(9142));
    expect(scrubbed.bytes().subarray(9)).toEqual(expected.toBuffer());
  });

  it('are looked into in columns of one type where no other may tell', () => {
    const body = encodeRows({ columns, rows: [row] });
    const { rows } = decodeRows(scrubRows(rowsFrame(body), 5, { ...all, only: MAP }, scrub), 5);
    expect(rows[0]![4]).toEqual(row[4]);
    expect(rows[0]![5]).toEqual(collection(1, 'hosts', '192.0.2.1'));
  });

  it('are the same object where no column may tell', () => {
    const untold = rowsFrame(encodeRows({ columns: [column('x', INT)], rows: [[port(1)]] }));
    expect(scrubRows(untold, 5, { ...all, only: MAP }, scrub)).toBe(untold);
    const result = rowsFrame(new Writer().writeInt(1).toBuffer());
    expect(scrubRows(result, 5, all, scrub)).toBe(result);
  });

  it('keep what stands before them', () => {
    const prefix = new Writer().writeRaw(Buffer.alloc(16, 9)).toBuffer();
    const body = Buffer.concat([prefix, encodeRows({ columns, rows: [row] })]);
    const traced = scrubRows(rowsFrame(body, FrameFlag.TRACING), 5, all, scrub);
    expect(responsePrefix(traced).tracingId).toEqual(prefix);
    expect(decodeRows(traced, 5).rows[0]![1]).toEqual(gate.address);
  });

  it('that end early, anywhere, or late, are not passed on', () => {
    const whole = encodeRows({ columns, rows: [row] });
    for (let length = 0; length < whole.length; length++) {
      const cut = rowsFrame(whole.subarray(0, length));
      expect(() => scrubRows(cut, 5, all, scrub), String(length)).toThrow(ProtocolFault);
    }
    const late = rowsFrame(Buffer.concat([whole, NODE]));
    expect(() => scrubRows(late, 5, all, scrub)).toThrow(ProtocolFault);
  });

  it.each([
    ['a negative row count', new Writer().writeInt(2).writeInt(4).writeInt(1).writeInt(-1)],
    ['a negative column count', new Writer().writeInt(2).writeInt(4).writeInt(-1).writeInt(1)],
    ['no metadata at all', new Writer().writeInt(2).writeInt(4).writeInt(1).writeInt(0)],
  ])('with %s are not passed on', (_name, body) => {
    expect(() => scrubRows(rowsFrame(body.toBuffer()), 5, all, scrub)).toThrow(ProtocolFault);
  });

  it('of other columns than the statement names are not passed on', () => {
    const body = encodeRows({ columns: [column('source', INET)], rows: [] });
    const two = { ...all, names: ['a', 'b'] };
    expect(() => scrubRows(rowsFrame(body), 5, two, scrub)).toThrow(ProtocolFault);
  });

  it.each([
    ['a negative size', collection(-1)],
    ['a size beyond its end', collection(9, NODE)],
    ['bytes behind its end', Buffer.concat([collection(1, NODE), NODE])],
    ['no size', Buffer.alloc(2)],
  ])('with a collection of %s are not passed on', (_name, cell) => {
    const body = encodeRows({ columns: [column('peers', SET, INET)], rows: [[cell]] });
    expect(() => scrubRows(rowsFrame(body), 5, all, scrub)).toThrow(ProtocolFault);
  });
});

describe('a warning about the connection', () => {
  const ABOUT =
    '`USE <keyspace>` with prepared statements is considered to be an anti-pattern due to ambiguity in non-qualified table names. Keyspace used: b, statement keyspace: a, statement id: 00';
  const VOID = Buffer.from([0, 0, 0, 1]);
  const warned = (
    opcode: number,
    message: Buffer,
    warnings: readonly string[],
    flags = 0,
  ): Frame => {
    const writer = new Writer();
    if ((flags & FrameFlag.TRACING) !== 0) writer.writeRaw(Buffer.alloc(16, 5));
    writer.writeStringList(warnings);
    return frame(opcode, writer.writeRaw(message).toBuffer(), { flags: flags | FrameFlag.WARNING });
  };

  it('is taken out, and with the last one the flag', () => {
    const told = scrubResponse(warned(Opcode.RESULT, VOID, [ABOUT]), 5, scrub);
    expect(told.flags & FrameFlag.WARNING).toBe(0);
    expect(told.bytes().subarray(9)).toEqual(VOID);
    expect(told.streamId).toBe(77);
  });

  it('leaves the others, in their order, and what else stands before the message', () => {
    const response = warned(Opcode.RESULT, VOID, ['one', ABOUT, 'two'], FrameFlag.TRACING);
    const told = scrubResponse(response, 5, scrub);
    expect(told.flags).toBe(FrameFlag.WARNING | FrameFlag.TRACING);
    const prefix = responsePrefix(told);
    expect(prefix.warnings).toEqual(['one', 'two']);
    expect(prefix.tracingId).toEqual(Buffer.alloc(16, 5));
    expect(told.bytes().subarray(-4)).toEqual(VOID);
  });

  it('is taken out of an error too', () => {
    const body = error(CqlErrorCode.INVALID, 'no').toBuffer();
    const told = scrubResponse(warned(Opcode.ERROR, body, [ABOUT]), 5, scrub);
    expect(told.flags & FrameFlag.WARNING).toBe(0);
    expect(decodeError(told)).toEqual({ code: CqlErrorCode.INVALID, message: 'no' });
  });
});
