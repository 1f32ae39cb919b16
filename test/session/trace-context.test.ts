// Which trace a custom payload names, and what is ignored as no trace at all.
import { describe, expect, it } from 'vitest';
import { callerOf, TRACE_KEYS, traceContextOf } from '../../src/session/trace-context.ts';

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

describe('what a trace may look like', () => {
  const traceparent = (value: string) => traceContextOf(payload({ traceparent: value }));

  it.each([
    ['00', false],
    ['01', true],
    ['02', false],
    ['03', true],
    ['ff', true],
  ])('its lowest flag alone says whether it is sampled (%s)', (flags, sampled) => {
    expect(traceparent(`00-${TRACE}-${SPAN}-${flags}`)?.sampled).toBe(sampled);
  });

  it('any version but ff is read', () => {
    for (const version of ['00', '01', 'fe']) {
      expect(traceparent(`${version}-${TRACE}-${SPAN}-01`)).not.toBeNull();
    }
  });

  it('blanks around it are no part of it', () => {
    expect(traceparent(` 00-${TRACE}-${SPAN}-01\n`)?.traceId).toBe(TRACE);
  });

  it('is read up to a length, and no further', () => {
    const text = `00-${TRACE}-${SPAN}-01`;
    expect(traceparent(text.padEnd(512))).not.toBeNull();
    expect(traceparent(text.padEnd(513))).toBeNull();
  });

  it.each([
    [`${TRACE}-${SPAN}`, TRACE, true],
    [`${TRACE}-${SPAN}-1`, TRACE, true],
    [`${TRACE}-${SPAN}-d`, TRACE, true],
    [`${TRACE}-${SPAN}-0`, TRACE, false],
    [`${TRACE}-${SPAN}-1-${SPAN}`, TRACE, true],
    // Of half the length: the other half is zeros.
    [`${SPAN}-${SPAN}-1`, SPAN.padStart(32, '0'), true],
  ])('b3 %s', (value, traceId, sampled) => {
    expect(traceContextOf(payload({ b3: value }))).toEqual({
      traceId,
      spanId: SPAN,
      sampled,
      traceState: null,
    });
  });

  it.each([
    `${TRACE}-${SPAN}-2`,
    `${'0'.repeat(32)}-${SPAN}`,
    `${'0'.repeat(16)}-${SPAN}`,
    `${TRACE}-${'0'.repeat(16)}`,
    `${TRACE}-${SPAN}-1-`,
    TRACE,
    '0',
  ])('b3 %s is none', (value) => {
    expect(traceContextOf(payload({ b3: value }))).toBeNull();
  });

  it('tracestate is of traceparent alone, and left out where it is too long', () => {
    const text = `00-${TRACE}-${SPAN}-01`;
    const state = (entries: Record<string, string>) => traceContextOf(payload(entries))?.traceState;
    expect(state({ traceparent: text })).toBeNull();
    expect(state({ traceparent: text, tracestate: 'x'.repeat(512) })).toBe('x'.repeat(512));
    expect(state({ traceparent: text, tracestate: 'x'.repeat(513) })).toBeNull();
    expect(state({ 'request-id': text, tracestate: 'a=b' })).toBeNull();
    expect(state({ b3: `${TRACE}-${SPAN}`, tracestate: 'a=b' })).toBeNull();
  });

  it('all that is read of a payload is in the list of what is decoded', () => {
    for (const key of ['traceparent', 'request-id', 'b3', 'tracestate']) {
      expect(TRACE_KEYS.some((one) => one.key === key)).toBe(true);
    }
  });
});

describe('the caller of a session', () => {
  const caller = (text: string) => callerOf(new Map([['CQLGATE_TRACEPARENT', text]]));

  it('is what its sidecar said in STARTUP', () => {
    expect(caller(` 00-${TRACE}-${SPAN}-01 `)).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      sampled: true,
      traceState: null,
    });
  });

  it.each(['', 'broken', `${TRACE}-${SPAN}`, `00-${TRACE}-${SPAN}-01`.padEnd(513)])(
    'is nobody where it said %j',
    (text) => {
      expect(caller(text)).toBeNull();
    },
  );

  it('is nobody where it said nothing', () => {
    expect(callerOf(new Map())).toBeNull();
  });
});
