// A table of the gate's own keyspace that may be absent, or there and closed to the gate.
import { describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { isPerhapsAbsent, OwnTable } from '../../src/fleet/own-table.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { OwnQueries } from '../../src/upstream/own-query.ts';
import { errorMessage, rowsMessage, voidMessage } from '../support/own-answers.ts';

function table(answer: Frame) {
  const sent: string[] = [];
  const queries = new OwnQueries(async (query) => {
    sent.push(query);
    return Promise.resolve(answer);
  });
  return { table: new OwnTable("It's", 'locks', queries), sent };
}

const failureOf = async (answer: Frame): Promise<unknown> =>
  new OwnQueries(async () => Promise.resolve(answer))
    .rows('SELECT')
    .catch((error: unknown) => error);

describe('a table of the gate', () => {
  it('is written with its keyspace as CQL writes it', () => {
    expect(table(voidMessage()).table.text).toBe('"It\'s".locks');
  });

  it('is looked for in the schema', async () => {
    const found = table(rowsMessage(['table_name'], [Buffer.from('locks')]));
    expect(await found.table.exists()).toBe(true);
    expect(found.sent).toEqual([
      "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'It''s' AND table_name = 'locks'",
    ]);
    expect(await table(rowsMessage(['table_name'])).table.exists()).toBe(false);
  });

  it.each<[string, Frame]>([
    ['nothing', voidMessage()],
    ['a refusal', errorMessage(CqlErrorCode.OVERLOADED)],
  ])('is not taken for absent where the schema is answered with %s', async (_what, answer) => {
    await expect(table(answer).table.exists()).rejects.toThrow(UpstreamFault);
  });

  it.each([
    [CqlErrorCode.INVALID, true],
    [CqlErrorCode.UNAUTHORIZED, true],
    [CqlErrorCode.OVERLOADED, false],
    [CqlErrorCode.SYNTAX_ERROR, false],
  ])('may be absent where a node refuses with %i: %s', async (code, isAbsent) => {
    expect(isPerhapsAbsent(await failureOf(errorMessage(code)))).toBe(isAbsent);
  });

  it('is not absent for any other error', async () => {
    expect(isPerhapsAbsent(await failureOf(voidMessage()))).toBe(false);
    expect(isPerhapsAbsent(new UpstreamFault('timeout', 'late'))).toBe(false);
    expect(isPerhapsAbsent(null)).toBe(false);
  });
});
