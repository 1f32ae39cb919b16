// Which trace a custom payload names, and what is ignored as no trace at all.
import { describe, expect, it } from 'vitest';
import { traceContextOf } from '../../src/session/trace-context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const payload = (entries: Record<string, string>) =>
  new Map(Object.entries(entries).map(([key, value]) => [key, Buffer.from(value)]));

describe('the trace context of a payload', () => {
  it('is traceparent, with its tracestate', () => {
    expect(
      traceContextOf(payload({ traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: 'a=b' })),
    ).toEqual({ traceId: TRACE, spanId: SPAN, sampled: false, traceState: 'a=b' });
  });

  it('prefers traceparent, then request-id, then b3', () => {
    const other = TRACE.replace('0a', '0b');
    expect(
      traceContextOf(payload({ b3: `${other}-${SPAN}-1`, traceparent: `00-${TRACE}-${SPAN}-01` })),
    ).toMatchObject({ traceId: TRACE, sampled: true });
    expect(
      traceContextOf(payload({ traceparent: 'broken', 'request-id': `00-${TRACE}-${SPAN}-01` })),
    ).toMatchObject({ traceId: TRACE });
  });

  it.each([
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    '',
    'x'.repeat(10_000),
  ])('is none where traceparent is %j', (value) => {
    expect(traceContextOf(payload({ traceparent: value }))).toBeNull();
  });

  it('is none without a payload, or with a null value', () => {
    expect(traceContextOf(null)).toBeNull();
    expect(traceContextOf(new Map([['traceparent', null]]))).toBeNull();
  });
});
