// By what permitted rows are counted: statements that differ in their values only are one.
import { describe, expect, it } from 'vitest';
import { activitySource } from '../../src/session/activity-source.ts';
import { exchangeOf, requestFor } from '../support/exchanges.ts';

function shapeOf(text: string): string | null {
  const exchange = exchangeOf(requestFor(text));
  return activitySource.shape(exchange, exchange.request.statement, -1);
}

describe('what rows are counted by', () => {
  it('is one for texts that differ in their values, and another for other columns', () => {
    const one = shapeOf('SELECT v FROM ks.t WHERE k = 1');
    expect(one).not.toBeNull();
    expect(shapeOf('SELECT v FROM ks.t WHERE k = 2')).toBe(one);
    expect(shapeOf('SELECT w FROM ks.t WHERE k = 1')).not.toBe(one);
  });

  it('is described by its statement without its values', () => {
    const exchange = exchangeOf(requestFor("SELECT v FROM ks.t WHERE k = 'secret'"));
    const entry = activitySource.describe(exchange, exchange.request.statement, -1);
    expect(entry).toMatchObject({ kind: 'activity', statement: { kind: 'SELECT' } });
    expect(JSON.stringify(entry)).not.toContain('secret');
    expect(activitySource.others(exchange)).toMatchObject({ role: 'r', session: null });
    expect(activitySource.share(exchange)).toBe(exchange.session.auditShare);
  });
});
