// What the ledger keeps of a request that ended, and how much room that needs at most.
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { outcomeEntry, recordBytes, responseOf } from '../../src/session/outcome-records.ts';
import { exchangeOf, requestFor, responseOf as frameOf } from '../support/exchanges.ts';

const CHANGE = 'CREATE TABLE ks.t (k int PRIMARY KEY)';
const RESULT = frameOf(Opcode.RESULT, new Writer().writeInt(1).toBuffer());
const ERROR = frameOf(
  Opcode.ERROR,
  new Writer().writeInt(0x2200).writeString('a value').toBuffer(),
);

describe('the record of an outcome', () => {
  it.each([
    [RESULT, 'ok', null],
    [ERROR, 'error', '0x2200'],
    ['timeout', 'timeout', null],
    ['unknown', 'unknown', null],
    ['unsent', 'error', null],
  ] as const)('says how it ended, and nothing of an error but its code', (ending, status, code) => {
    const entry = outcomeEntry(exchangeOf(requestFor(CHANGE)), ending);
    expect(entry.outcome).toMatchObject({ status, error_code: code, schema_change: null });
    expect(JSON.stringify(entry)).not.toContain('a value');
  });

  it('has room that grows with the text, and none where rows are only counted', () => {
    const bytesOf = (text: string, dml: 'all' | 'activity') =>
      recordBytes(exchangeOf(requestFor(text)), dml);
    expect(bytesOf('SELECT v FROM ks.t', 'activity')).toBe(0);
    expect(bytesOf('SELECT v FROM ks.t', 'all')).toBeGreaterThan(0);
    expect(bytesOf(`${CHANGE} WITH comment = 'long'`, 'activity')).toBeGreaterThan(
      bytesOf(CHANGE, 'activity'),
    );
  });
});

describe('the answer of a node', () => {
  it('is in an ending that is one, and in a change of the schema', () => {
    expect(responseOf(RESULT)).toBe(RESULT);
    expect(responseOf('timeout')).toBeNull();
    const change = { change: 'CREATED', target: 'TABLE', keyspace: 'ks', name: 't' };
    const agreement = { agreed: true, version: 'v' };
    const ending = {
      type: 'schema changed',
      response: RESULT,
      change: { ...change, argumentTypes: null },
      agreement,
    } as const;
    expect(responseOf(ending)).toBe(RESULT);
  });
});
