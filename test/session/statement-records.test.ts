// What records say of the statement of a request, and of its trace.
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/protocol/opcodes.ts';
import {
  decisionEntry,
  denialEntry,
  recordOf,
  statementRecord,
  traceRecord,
} from '../../src/session/statement-records.ts';
import { EMPTY_SCHEMA } from '../../src/cql/statement.ts';
import { exchangeOf, requestFor, statementOf } from '../support/exchanges.ts';
import { permitted } from '../support/policy.ts';

const INSERT = "INSERT INTO ks.t (k, v) VALUES (1, 'secret')";

describe('the record of a statement', () => {
  it('names what it touches, and none of its values', () => {
    const record = statementRecord(exchangeOf(requestFor(INSERT)));
    expect(record).toMatchObject({ kind: 'INSERT', keyspace: 'ks', resources: ['TABLE ks.t'] });
    expect(JSON.stringify(record)).not.toContain('secret');
  });

  it('has a consistency, but where it is only prepared', () => {
    const prepare = requestFor(INSERT, { opcode: Opcode.PREPARE });
    expect(statementRecord(exchangeOf(requestFor(INSERT))).consistency).toBe('ONE');
    expect(statementRecord(exchangeOf(prepare))).not.toHaveProperty('consistency');
  });

  it('has no prepared id where that is a hash of a password', () => {
    const id = Buffer.alloc(16, 1);
    const role = "CREATE ROLE r WITH PASSWORD = 'p'";
    const recorded = (text: string) => recordOf(statementOf(text), text, id, EMPTY_SCHEMA);
    expect(recorded(INSERT).prepared_id).toBe(id.toString('hex'));
    expect(recorded(role)).not.toHaveProperty('prepared_id');
  });
});

describe('the record of a decision', () => {
  const caller = { traceId: 'a', spanId: 'b', sampled: true, traceState: null };
  const exchange = exchangeOf(requestFor('CREATE ROLE r', { caller }));

  it('says what was permitted, or what was missing', () => {
    const { permit } = permitted('c');
    expect(decisionEntry(exchange, permit).decision).toMatchObject({
      result: 'permit',
      grant: permit.grant,
    });
    const denial = { reason: 'permission_missing', message: 'no', missing: ['x'] } as const;
    expect(denialEntry(exchange, denial).decision).toMatchObject({
      result: 'deny',
      missing: ['x'],
    });
  });

  it('stands in the trace of the caller, and in its own span once there is one', () => {
    expect(traceRecord(exchange)).toEqual({ trace_id: 'a', span_id: 'b' });
    exchange.attempt.hasSpan({ traceId: 'a', spanId: 'c' });
    expect(traceRecord(exchange)).toEqual({ trace_id: 'a', span_id: 'c' });
    expect(traceRecord(exchangeOf(requestFor('CREATE ROLE r')))).toEqual({});
  });
});
