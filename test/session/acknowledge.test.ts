// A change that was written ahead is answered once the record of its outcome is on disk, or with a warning.
import { describe, expect, it } from 'vitest';
import { Metrics } from '../../src/metrics/metrics.ts';
import { responsePrefix } from '../../src/protocol/body-prefix.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { acknowledgement } from '../../src/session/acknowledge.ts';
import { answer } from '../../src/session/outcome.ts';
import { exchangeOf, requestFor } from '../support/exchanges.ts';
import { permitted } from '../support/policy.ts';
import { memoryLedger } from '../support/request-services.ts';

const CHANGE = 'CREATE TABLE ks.t (k int PRIMARY KEY)';
const body = new Writer().writeInt(1).toBuffer();
const REPLY = answer(
  encodeFrame({ version: 4, opcode: Opcode.RESULT, streamId: 7, body }),
  'answered',
);

function start(isDurable: boolean) {
  const warnings: string[] = [];
  const services = {
    audit: memoryLedger({ isDurable }).audit,
    metrics: new Metrics(),
    limits: { auditWaitMs: 100 },
    log: {
      info: () => undefined,
      warn: (_fields: object, message: string) => void warnings.push(message),
      error: () => undefined,
    },
  };
  const exchange = exchangeOf(requestFor(CHANGE));
  exchange.attempt.prepare().decisionIsRecorded('id', permitted('c').permit);
  return { exchange, services, warnings };
}

describe('the answer to a change that was written ahead', () => {
  it('is the node’s once its outcome is on disk, and waits once', async () => {
    const { exchange, services } = start(true);
    exchange.attempt.isSentTo('a:9042');
    expect(await acknowledgement(exchange, services, REPLY)).toBe(REPLY);
    expect(acknowledgement(exchange, services, REPLY)).toBeNull();
  });

  it('has a warning where the disk does not take the outcome in time', async () => {
    const { exchange, services, warnings } = start(false);
    exchange.attempt.isSentTo('a:9042');
    const end = await acknowledgement(exchange, services, REPLY);
    if (end?.type !== 'reply') throw new Error('a reply was expected');
    const { warnings: told } = responsePrefix(new Frame(end.frame, 0, end.frame.length));
    expect(told?.join()).toMatch(/did not take the record/);
    expect(end.ending).toBe(REPLY.ending);
    expect(warnings).toHaveLength(1);
    expect(services.metrics.counter('audit_late_outcomes_total').value).toBe(1);
  });

  it('has none where nothing was sent', async () => {
    const { exchange, services, warnings } = start(false);
    expect(await acknowledgement(exchange, services, REPLY)).toBe(REPLY);
    expect(warnings).toHaveLength(0);
  });

  it('has none where the only connection ended before a byte had left', async () => {
    const { exchange, services, warnings } = start(false);
    exchange.attempt.isSentTo('a:9042');
    exchange.attempt.isLost();
    exchange.attempt.repeats(false);
    expect(await acknowledgement(exchange, services, REPLY)).toBe(REPLY);
    expect(warnings).toHaveLength(0);
  });

  it('waits for nothing where no decision is on disk', () => {
    const { services } = start(false);
    expect(acknowledgement(exchangeOf(requestFor(CHANGE)), services, REPLY)).toBeNull();
  });
});
