// What a time-out, a lost connection, an answer without room and an error of ours mean for a request, and how it ends.
import { describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { errorCodeOf } from '../../src/protocol/messages/error.ts';
import { Frame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { onFault, onLost, onTimeout } from '../../src/session/handle-response.ts';
import type { Outcome } from '../../src/session/outcome.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { exchangeOf, requestFor } from '../support/exchanges.ts';

const READ = 'SELECT v FROM ks.t';
const WRITE = 'INSERT INTO ks.t (k) VALUES (1)';
const CHANGE = 'CREATE TABLE ks.t (k int PRIMARY KEY)';
const CAUSE = new UpstreamFault('unreachable', 'the node closed the connection');

/** The code of the ERROR that the client gets, and how the request ended. */
function told(outcome: Outcome) {
  if (outcome.type !== 'reply') return outcome.type;
  const code = errorCodeOf(new Frame(outcome.frame, 0, outcome.frame.length));
  return [code, outcome.ending] as const;
}

function services() {
  const logged: string[] = [];
  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (_fields: object, message: string) => void logged.push(message),
  };
  return { metrics: new Metrics(), log, logged };
}

describe('a request without an answer in time', () => {
  it.each([
    [READ, Opcode.QUERY, CqlErrorCode.READ_TIMEOUT],
    [WRITE, Opcode.EXECUTE, CqlErrorCode.WRITE_TIMEOUT],
    [CHANGE, Opcode.QUERY, CqlErrorCode.WRITE_TIMEOUT],
    [WRITE, Opcode.PREPARE, CqlErrorCode.READ_TIMEOUT],
  ] as const)('%s by opcode %i ends as that', (text, opcode, code) => {
    const exchange = exchangeOf(requestFor(text, { opcode }));
    expect(told(onTimeout(exchange))).toEqual([code, 'timeout']);
  });
});

describe('a request whose connection ended', () => {
  it.each([READ, WRITE, CHANGE])('%s goes elsewhere where it never left', (text) => {
    const { metrics } = services();
    const exchange = exchangeOf(requestFor(text));
    for (let times = 0; times < 3; times++) {
      expect(onLost(exchange, { metrics }, false, CAUSE)).toEqual({ type: 'go on' });
    }
    expect(metrics.counter('requests_repeated_total', 'unsent').value).toBe(3);
  });

  it('is repeated once where it is a read, and ends as not known after that', () => {
    const { metrics } = services();
    const exchange = exchangeOf(requestFor(READ));
    expect(onLost(exchange, { metrics }, true, CAUSE)).toEqual({ type: 'go on' });
    expect(told(onLost(exchange, { metrics }, true, CAUSE))).toEqual([
      CqlErrorCode.UNAVAILABLE,
      'unknown',
    ]);
    expect(metrics.counter('requests_repeated_total', 'lost_read').value).toBe(1);
  });

  it.each([WRITE, CHANGE])('%s is never repeated where it was sent', (text) => {
    const exchange = exchangeOf(requestFor(text));
    expect(told(onLost(exchange, services(), true, CAUSE))).toEqual([
      CqlErrorCode.WRITE_TIMEOUT,
      'unknown',
    ]);
  });
});

describe('an error of ours', () => {
  it('ends what was not sent as refused, and what was as not known', () => {
    const { logged, ...all } = services();
    const exchange = exchangeOf(requestFor(WRITE));
    const error = new Error('a secret of a statement');
    expect(told(onFault(exchange, all, error))).toEqual([CqlErrorCode.SERVER_ERROR, 'refused']);
    exchange.attempt.isSentTo('a:9042');
    expect(told(onFault(exchange, all, error))).toEqual([CqlErrorCode.SERVER_ERROR, 'unknown']);
    // That connection ended before a byte had left.
    exchange.attempt.isLost();
    exchange.attempt.repeats(false);
    expect(told(onFault(exchange, all, error))).toEqual([CqlErrorCode.SERVER_ERROR, 'refused']);
    expect(logged).toHaveLength(3);
    expect(logged.join()).not.toContain('secret');
    expect(all.metrics.counter('internal_faults_total', 'answer').value).toBe(3);
  });
});
