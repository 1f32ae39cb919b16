// EXECUTE: where its id lies, its values, and every cut.
import { describe, expect, it } from 'vitest';
import { requestReader } from '../../../src/protocol/body-prefix.ts';
import { decodeExecute, resultMetadataIdOf } from '../../../src/protocol/messages/execute.ts';
import { boundValue } from '../../../src/protocol/messages/parameters.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { executeBody, expectOnlyWhole, frameOf, VERSIONS } from './frames.ts';

describe.each(VERSIONS)('EXECUTE in v%i', (version) => {
  const frame = frameOf(version, Opcode.EXECUTE, executeBody(version));

  it('finds its id, and its values by name', () => {
    const { idStart, idEnd, parameters } = decodeExecute(frame, version);
    expect(frame.buffer.subarray(idStart, idEnd)).toEqual(Buffer.alloc(16, 1));
    const value = boundValue(requestReader(frame), parameters, { index: 9, name: 'v' });
    expect(value?.toString()).toBe('two');
    expect(boundValue(requestReader(frame), parameters, { index: 0, name: 'no' })).toBeNull();
  });

  it('is refused when cut anywhere, or with bytes behind it', () => {
    expectOnlyWhole({ version, opcode: Opcode.EXECUTE, body: executeBody(version) }, decodeExecute);
  });

  it('says by which result metadata its client reads the rows, where its version has that', () => {
    const id = resultMetadataIdOf(frame, version);
    expect(id).toEqual(version === 5 ? Buffer.alloc(16, 2) : null);
  });
});
