// Whichever way a request ends, it has one record at most, one count and one end of its span, and gives back what was
// kept for it; what is said of its end afterwards changes nothing.
import { beforeEach, describe, expect, it } from 'vitest';
import type { AuditEntry, AuditLog } from '../../src/audit/record.ts';
import { Room } from '../../src/audit/room.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { endRequest, supersede, type EndServices } from '../../src/session/end-request.ts';
import type { Ending } from '../../src/session/ending.ts';
import type { Exchange } from '../../src/session/exchange.ts';
import { RequestCounts, type RequestResult } from '../../src/session/request-counts.ts';
import { LaneTicket } from '../../src/fleet/ddl-lane.ts';
import {
  exchangeOf,
  requestFor,
  responseOf,
  sessionOf,
  statementOf,
} from '../support/exchanges.ts';
import { permitted } from '../support/policy.ts';

const ROOM_BYTES = 1000;
const VOID = new Writer().writeInt(1).toBuffer();
const RESULT = responseOf(Opcode.RESULT, VOID);
const error = (code: number) =>
  responseOf(Opcode.ERROR, new Writer().writeInt(code).writeString('no').toBuffer());
const CHANGE = {
  change: 'CREATED',
  target: 'TABLE',
  keyspace: 'ks',
  name: 't',
  argumentTypes: null,
} as const;
const DENIAL = { reason: 'permission_missing', message: 'no', missing: ['x'] } as const;

interface Way {
  readonly ending: Ending;
  /** null: nothing was let through, so that nothing is counted. */
  readonly result: RequestResult | null;
}

const WAYS: Readonly<Record<string, Way>> = {
  'a result': { ending: RESULT, result: 'ok' },
  'an error': { ending: error(CqlErrorCode.INVALID), result: 'error' },
  'an error that a change may go on behind': {
    ending: error(CqlErrorCode.WRITE_TIMEOUT),
    result: 'error',
  },
  'a change of the schema': {
    ending: {
      type: 'schema changed',
      response: RESULT,
      change: CHANGE,
      agreement: { agreed: true, version: 'v' },
    },
    result: 'ok',
  },
  'an answer of the gate': { ending: 'answered', result: 'ok' },
  'no answer in time': { ending: 'timeout', result: 'timeout' },
  'a fate that is not known': { ending: 'unknown', result: 'unknown' },
  'nothing, since it was never sent': { ending: 'unsent', result: 'unsent' },
  'a refusal of the gate': { ending: 'refused', result: null },
  'a denial': { ending: { type: 'denied', denial: DENIAL }, result: null },
};

const OPCODES = ['QUERY', 'EXECUTE', 'BATCH', 'PREPARE'] as const;

const TEXTS = {
  read: 'SELECT v FROM ks.t',
  write: 'INSERT INTO ks.t (k) VALUES (1)',
  schema: 'CREATE TABLE ks.t (k int PRIMARY KEY)',
  role: 'CREATE ROLE r',
} as const;
type Family = keyof typeof TEXTS;

let records: AuditEntry[];
let refusals: AuditEntry[];
let hits: number;
let spanEnds: string[];
let agreements: number;
let metrics: Metrics;
let services: EndServices;
let room: Room;

function start(dml: 'all' | 'activity'): void {
  records = [];
  refusals = [];
  hits = 0;
  spanEnds = [];
  agreements = 0;
  metrics = new Metrics();
  room = new Room(1_000_000, () => true);
  const audit: AuditLog = {
    room,
    append: (entry) => `id${records.push(entry)}`,
    appendDurably: async () => Promise.reject(new Error('not expected')),
    durable: async () => Promise.resolve(true),
    writable: true,
  };
  const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
  services = {
    audit,
    dml,
    metrics,
    requestCounts: new RequestCounts(metrics),
    activity: { hit: () => hits++, hitAll: () => hits++ },
    refusals: { refused: (_who, describe) => void refusals.push(describe()) },
    telemetry: {
      permitted: () => span,
      denied: () => {
        spanEnds.push('denied');
        return span;
      },
      ended: () => void spanEnds.push('ended'),
      refused: () => undefined,
      loggedIn: () => undefined,
      loginFailed: () => undefined,
    },
    limits: { schemaAgreementMs: 1 },
    cluster: {
      agreeOnSchema: async () => {
        agreements++;
        return Promise.resolve({ agreed: true, version: 'v' });
      },
    },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  };
}

/** A request that was permitted, with room in the ledger, its turn in the lane, and a span. */
function begun(family: Family, opcode: (typeof OPCODES)[number], isWrittenAhead: boolean) {
  const statement = statementOf(TEXTS[family]);
  const parts = {
    type: 'LOGGED',
    statements: [{ statement, text: TEXTS[family], preparedId: null }],
    flagsFromEnd: 0,
  };
  const request = requestFor(TEXTS[family], {
    opcode: Opcode[opcode],
    ...(opcode === 'BATCH' ? { text: null, parts } : {}),
  });
  const exchange = exchangeOf(request, sessionOf());
  const { attempt, session } = exchange;
  attempt.isDecided(permitted('c').permit);
  attempt.hasSpan({ traceId: '1', spanId: '2' });
  const preparations = attempt.prepare();
  room.take(session.auditShare, ROOM_BYTES);
  preparations.roomIsKept(ROOM_BYTES);
  let left = 0;
  preparations.laneIsEntered(new LaneTicket(null, () => left++));
  if (isWrittenAhead) preparations.decisionIsRecorded('decision', permitted('c').permit);
  return { exchange, timesLeft: () => left };
}

const RESULTS: readonly RequestResult[] = ['ok', 'error', 'timeout', 'unknown', 'unsent'];

/** Of requests of this family that ended, by how. */
function counted({ request }: Exchange): Record<string, number> {
  const family = request.isPrepare ? 'prepare' : request.statement.family;
  const count = (result: RequestResult): number =>
    metrics.counter('requests_total', family, result).value;
  return Object.fromEntries(
    RESULTS.map((result) => [result, count(result)] as const).filter(([, n]) => n > 0),
  );
}

const isPossible = (family: Family, opcode: string): boolean =>
  opcode !== 'BATCH' || family === 'write';

const CASES = Object.keys(WAYS).flatMap((way) =>
  OPCODES.flatMap((opcode) =>
    (Object.keys(TEXTS) as Family[])
      .filter((family) => isPossible(family, opcode))
      .flatMap((family) =>
        (['all', 'activity'] as const).map((dml) => ({ way, opcode, family, dml })),
      ),
  ),
);

describe('the end of a request', () => {
  it.each(CASES)('by $way ($opcode of $family, dml: $dml) counts once', async (one) => {
    const { ending, result } = WAYS[one.way]!;
    start(one.dml);
    const isChange = one.family === 'schema' || one.family === 'role';
    const { exchange, timesLeft } = begun(one.family, one.opcode, false);
    for (const again of [ending, 'unknown', 'refused', ending] as const) {
      endRequest(exchange, services, again);
    }
    expect(exchange.attempt.isEnded).toBe(true);
    expect(counted(exchange)).toEqual(result === null ? {} : { [result]: 1 });
    expect(spanEnds).toEqual([one.way === 'a denial' ? 'denied' : 'ended']);
    const isRecorded = result !== null && one.opcode !== 'PREPARE';
    const isSingle = isChange || one.dml === 'all';
    expect(records).toHaveLength(isRecorded && isSingle ? 1 : 0);
    expect(hits).toBe(isRecorded && !isSingle ? 1 : 0);
    expect(refusals).toHaveLength(one.way === 'a denial' ? 1 : 0);
    // What was kept for it is given back, and the next change has its turn.
    expect(room.usedBytes).toBe(0);
    await expect.poll(timesLeft).toBe(1);
  });

  it.each(Object.keys(WAYS))('by %s has its outcome beside a decision that is on disk', (name) => {
    const { ending, result } = WAYS[name]!;
    start('activity');
    const { exchange } = begun('schema', 'QUERY', true);
    endRequest(exchange, services, ending);
    endRequest(exchange, services, ending);
    // What was let through and refused later is told as what was never sent.
    expect(counted(exchange)).toEqual({ [result ?? 'unsent']: 1 });
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ kind: 'outcome', of: 'decision' });
    expect(spanEnds).toHaveLength(1);
    expect(refusals).toHaveLength(name === 'a denial' ? 1 : 0);
    expect(room.usedBytes).toBe(0);
  });

  it.each(['refused', 'unsent', { type: 'denied', denial: DENIAL }] as const)(
    'of a read that was sent and lost is not known, whatever keeps it from being repeated (%j)',
    (ending) => {
      start('all');
      const { exchange } = begun('read', 'EXECUTE', false);
      exchange.attempt.repeats(true);
      endRequest(exchange, services, ending);
      expect(counted(exchange)).toEqual({ unknown: 1 });
      expect(records).toHaveLength(1);
      expect(records[0]).toMatchObject({ outcome: { status: 'unknown' } });
      expect(refusals).toHaveLength(typeof ending === 'string' ? 0 : 1);
      expect(room.usedBytes).toBe(0);
    },
  );

  it('counts nothing of an answer that cannot be read, and ends by the error that this is', () => {
    start('all');
    const { exchange } = begun('read', 'QUERY', false);
    const unreadable = responseOf(Opcode.ERROR, Buffer.alloc(1));
    expect(() => endRequest(exchange, services, unreadable)).toThrow();
    expect(exchange.attempt.isEnded).toBe(false);
    endRequest(exchange, services, 'unknown');
    expect(counted(exchange)).toEqual({ unknown: 1 });
    expect(records).toHaveLength(1);
  });

  it('gives back what was kept, though its record cannot be made', async () => {
    start('all');
    const { exchange, timesLeft } = begun('schema', 'QUERY', false);
    services = {
      ...services,
      audit: {
        ...services.audit,
        append: () => {
          throw new Error('an error of ours');
        },
      },
    };
    expect(() => endRequest(exchange, services, RESULT)).toThrow('an error of ours');
    expect(room.usedBytes).toBe(0);
    await expect.poll(timesLeft).toBe(1);
    expect(exchange.attempt.isEnded).toBe(true);
  });
});

describe('the lane of a change that ended', () => {
  beforeEach(() => start('activity'));

  it.each([
    ['a result', 0],
    ['an error', 0],
    ['an error that a change may go on behind', 1],
    ['no answer in time', 1],
    ['a fate that is not known', 1],
    ['nothing, since it was never sent', 0],
    ['a denial', 0],
  ] as const)('by %s waits for the nodes to agree: %i', async (way, times) => {
    const { exchange, timesLeft } = begun('schema', 'QUERY', true);
    endRequest(exchange, services, WAYS[way]!.ending);
    expect(agreements).toBe(times);
    expect(timesLeft()).toBe(times === 0 ? 1 : 0);
    await expect.poll(timesLeft).toBe(1);
  });

  it('is left at once by TRUNCATE, which changes no schema', () => {
    const { exchange, timesLeft } = begun('schema', 'QUERY', false);
    const statement: Statement = statementOf('TRUNCATE ks.t');
    const truncate = exchangeOf(requestFor('TRUNCATE ks.t', { statement }));
    truncate.attempt.prepare().laneIsEntered(exchange.attempt.preparations!.ticket!);
    endRequest(truncate, services, 'timeout');
    expect(agreements).toBe(0);
    expect(timesLeft()).toBe(1);
  });
});

describe('a decision that another one takes the place of', () => {
  it('ends in the ledger as never sent, and the request goes on', () => {
    start('activity');
    const { exchange } = begun('schema', 'QUERY', true);
    supersede(exchange, services);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ of: 'decision', outcome: { status: 'error' } });
    expect(exchange.attempt.recordId).toBeNull();
    expect(exchange.attempt.isEnded).toBe(false);
    expect(room.usedBytes).toBe(0);
    expect(counted(exchange)).toEqual({});
    endRequest(exchange, services, RESULT);
    expect(records).toHaveLength(2);
    expect(records[1]).not.toHaveProperty('of');
  });
});
