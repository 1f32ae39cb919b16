// EVENT: as the gate sends them, read back as drivers read them; and as nodes send them.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../../src/errors.ts';
import { Frame } from '../../../src/protocol/frame.ts';
import { inetBytes } from '../../../src/protocol/inet.ts';
import {
  decodeEvent,
  encodeSchemaChangeEvent,
  encodeStatusChangeEvent,
} from '../../../src/protocol/messages/event.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { Writer } from '../../../src/protocol/writer.ts';
import { frameOf } from './frames.ts';

describe('STATUS_CHANGE', () => {
  it.each([
    [4, '192.0.2.1'],
    [5, '192.0.2.1'],
    [5, '2001:db8::1'],
  ])('in v%i of %s', (version, text) => {
    const change = { change: 'DOWN', address: inetBytes(text)!, port: 9142 };
    const bytes = encodeStatusChangeEvent(version, change);
    const frame = new Frame(bytes, 0, bytes.length);
    expect([frame.version, frame.streamId, frame.isResponse]).toEqual([version, -1, true]);
    expect(decodeEvent(frame)).toEqual({ type: 'STATUS_CHANGE', ...change });
  });
});

describe('SCHEMA_CHANGE', () => {
  const names = { change: 'CREATED', keyspace: 'ks' };

  it('is passed on as it came', () => {
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

  it.each([
    ['KEYSPACE', null, null],
    ['TABLE', 't', null],
    ['TYPE', 'u', null],
    ['AGGREGATE', 'a', []],
  ])('of a %s has a name and argument types where its target has them', (target, name, types) => {
    const change = { ...names, target, name, argumentTypes: types };
    const bytes = encodeSchemaChangeEvent(5, change);
    expect(decodeEvent(new Frame(bytes, 0, bytes.length))).toEqual({
      type: 'SCHEMA_CHANGE',
      ...change,
    });
  });
});

describe('an event of a node', () => {
  const decode = (writer: Writer) => decodeEvent(frameOf(4, Opcode.EVENT, writer.toBuffer()));

  it('tells which node came, went or moved', () => {
    const body = new Writer().writeString('TOPOLOGY_CHANGE').writeString('NEW_NODE');
    body
      .writeByte(4)
      .writeRaw(Buffer.from([10, 0, 0, 7]))
      .writeInt(9042);
    expect(decode(body)).toEqual({
      type: 'TOPOLOGY_CHANGE',
      change: 'NEW_NODE',
      address: Buffer.from([10, 0, 0, 7]),
      port: 9042,
    });
    expect(decode(new Writer().writeString('TRACE_COMPLETE'))).toEqual({ type: 'TRACE_COMPLETE' });
  });

  it.each([
    ['an unknown type', new Writer().writeString('FOO'), /unknown event type FOO/],
    ['no node', new Writer().writeString('STATUS_CHANGE').writeString('UP'), ProtocolFault],
    ['no name', new Writer().writeString('SCHEMA_CHANGE').writeString('UPDATED'), ProtocolFault],
  ])('is refused with %s', (_name, body, expected) => {
    expect(() => decode(body)).toThrow(expected);
  });
});
