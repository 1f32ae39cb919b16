// OPTIONS, whose body is empty, and its answer.
import { expect, it } from 'vitest';
import {
  checkOptions,
  decodeSupported,
  encodeSupported,
} from '../../../src/protocol/messages/supported.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { frameOf } from './frames.ts';

it('OPTIONS has an empty body', () => {
  expect(() => checkOptions(frameOf(4, Opcode.OPTIONS, Buffer.alloc(0)))).not.toThrow();
  expect(() => checkOptions(frameOf(4, Opcode.OPTIONS, Buffer.alloc(1)))).toThrow(
    /after its last field/,
  );
});

it('SUPPORTED comes back as it was, lists in their order', () => {
  const options = new Map([
    ['CQL_VERSION', ['3.4.7']],
    ['COMPRESSION', ['snappy', 'lz4']],
    ['NONE', []],
  ]);
  expect(decodeSupported(frameOf(4, Opcode.SUPPORTED, encodeSupported(options)))).toEqual(options);
});
