// The caller's trace context, from the custom payload of a request: `traceparent` and `tracestate`
// (W3C), `request-id` where it has that form (the Java driver's default key), or `b3`. It is read
// and goes no further; what does not parse is ignored, as the W3C recommendation says.
import { payloadKeys } from '../protocol/body-prefix.ts';

export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** The caller's wish; records and denials do not depend on it. */
  readonly sampled: boolean;
  readonly traceState: string | null;
}

const STATE_MAX_BYTES = 512;

const W3C = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const B3 = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/;

/** In this order; the first that parses is taken. */
const CARRIERS: readonly { key: string; parse: (text: string) => TraceContext | null }[] = [
  { key: 'traceparent', parse: w3c },
  { key: 'request-id', parse: w3c },
  { key: 'b3', parse: b3 },
];

/** All that is read of a custom payload. */
export const TRACE_KEYS = payloadKeys([...CARRIERS.map(({ key }) => key), 'tracestate']);

export function traceContextOf(
  payload: ReadonlyMap<string, Buffer | null> | null,
): TraceContext | null {
  if (payload === null) return null;
  for (const { key, parse } of CARRIERS) {
    const value = payload.get(key);
    if (value === undefined || value === null || value.length > STATE_MAX_BYTES) continue;
    const found = parse(value.toString('latin1').trim());
    if (found === null) continue;
    const state = payload.get('tracestate') ?? null;
    if (key !== 'traceparent' || state === null || state.length > STATE_MAX_BYTES) return found;
    return { ...found, traceState: state.toString('latin1') };
  }
  return null;
}

/** Of a whole session: what its sidecar said in STARTUP. */
export function callerOf(options: ReadonlyMap<string, string>): TraceContext | null {
  const text = options.get('CQLGATE_TRACEPARENT');
  return text === undefined || text.length > STATE_MAX_BYTES ? null : w3c(text.trim());
}

function w3c(text: string): TraceContext | null {
  const [, traceId, spanId, flags] = W3C.exec(text) ?? [];
  if (traceId === undefined || isZero(traceId) || isZero(spanId!)) return null;
  return { traceId, spanId: spanId!, sampled: (parseInt(flags!, 16) & 1) === 1, traceState: null };
}

function b3(text: string): TraceContext | null {
  const [, traceId, spanId, sampled] = B3.exec(text) ?? [];
  if (traceId === undefined || isZero(traceId) || isZero(spanId!)) return null;
  return {
    traceId: traceId.padStart(32, '0'),
    spanId: spanId!,
    sampled: sampled !== '0',
    traceState: null,
  };
}

function isZero(hex: string): boolean {
  return /^0+$/.test(hex);
}
