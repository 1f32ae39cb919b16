// Spans: a SERVER span for what a client asked, a CLIENT span under it for what a node was asked, one
// for each login. The semantic conventions know database clients only, so policy and identity
// stand on the SERVER span.
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  createTraceState,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Histogram,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { epochMs, later, LONG_AGO, msSince, wallMs } from '../clock.ts';
import type { ClientRecord } from '../audit/record.ts';
import type { Denial } from '../policy/denial.ts';
import type { Authority } from '../policy/policy.ts';
import { errorCodeText } from '../protocol/error-codes.ts';
import { errorCodeOf } from '../protocol/messages/error.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { LoginRefusal, TextRefusal } from '../refusals.ts';
import type { Exchange } from '../session/exchange.ts';
import type { Ending } from '../session/recording.ts';
import type { Session } from '../session/session.ts';
import type { RequestSpan, Telemetry } from '../session/telemetry.ts';
import type { TraceContext } from '../session/trace-context.ts';
import {
  clientAttributes,
  databaseAttributes,
  identityAttributes,
  nodeAttributes,
  resourceNames,
  summaryOf,
} from './attributes.ts';
import { always } from './sampler.ts';

/** `error.type` where no CQL code says more. */
const ERROR_TYPES: Readonly<Record<string, string>> = {
  timeout: 'timeout',
  unknown: 'connection_lost',
  unsent: 'unavailable',
  refused: 'refused',
};

class OpenSpan implements RequestSpan {
  readonly span: Span;
  readonly context: Context;
  constructor(span: Span, context: Context) {
    this.span = span;
    this.context = trace.setSpan(context, span);
  }
  get traceId(): string {
    return this.span.spanContext().traceId;
  }
  get spanId(): string {
    return this.span.spanContext().spanId;
  }
}

export class Spans implements Telemetry {
  readonly #tracer: Tracer;
  readonly #durations: Histogram;
  /** By authority: identity does not change from one request to the next. */
  readonly #identities = new WeakMap<Authority, Attributes>();

  constructor(tracer: Tracer, durations: Histogram) {
    this.#tracer = tracer;
    this.#durations = durations;
  }

  permitted(exchange: Exchange): RequestSpan {
    const { family } = exchange.request.statement;
    return this.#open(exchange, family === 'schema' || family === 'role');
  }

  denied(exchange: Exchange, denial: Denial): RequestSpan {
    // Permitted at first, and refused after a wait: the same request, the same span.
    const open = exchange.span instanceof OpenSpan ? exchange.span : this.#open(exchange, true);
    open.span.setAttributes({
      'cqlgate.decision': 'deny',
      'cqlgate.denied.reason': denial.reason,
      'cqlgate.denied.missing': [...denial.missing],
      'error.type': 'denied',
    });
    open.span.setStatus({ code: SpanStatusCode.ERROR, message: denial.reason });
    open.span.end();
    return open;
  }

  refused(session: Session, caller: TraceContext | null, rule: TextRefusal): void {
    const authority = session.authority();
    const span = this.#tracer.startSpan(
      // The conventions' name for a span of which neither operation nor target is known.
      'cassandra',
      {
        kind: SpanKind.SERVER,
        attributes: {
          'db.system.name': 'cassandra',
          ...clientAttributes(session.auditBase().client!),
          ...(typeof authority === 'string' ? {} : this.#identityOf(session, authority)),
          'cqlgate.decision': 'deny',
          'cqlgate.denied.reason': rule,
          'error.type': 'denied',
        },
      },
      always(contextOf(caller)),
    );
    span.setStatus({ code: SpanStatusCode.ERROR, message: rule });
    span.end();
  }

  ended(exchange: Exchange, ending: Ending | 'refused'): void {
    const open = exchange.span;
    if (!(open instanceof OpenSpan)) return;
    exchange.span = null;
    const failure = failureOf(ending);
    this.#endClient(exchange, open, ending, failure);
    const { span } = open;
    span.setAttributes({ 'cqlgate.decision': 'permit', ...failure });
    if (exchange.decided !== null) span.setAttribute('cqlgate.grant', exchange.decided.grant);
    if (failure !== null) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }

  loggedIn(session: Session, authority: Authority): void {
    this.#login(session.auditBase().client!, this.#identityOf(session, authority)).end();
  }

  loginFailed(sessionId: string, client: ClientRecord, reason: LoginRefusal): void {
    const span = this.#login(client, { 'session.id': sessionId, 'error.type': reason });
    span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
    span.end();
  }

  #login(client: ClientRecord, attributes: Attributes): Span {
    return this.#tracer.startSpan(
      'LOGIN',
      { kind: SpanKind.SERVER, attributes: { ...clientAttributes(client), ...attributes } },
      always(ROOT_CONTEXT),
    );
  }

  #open(exchange: Exchange, recordedAlways: boolean): OpenSpan {
    const parent = contextOf(exchange.caller);
    const context = recordedAlways ? always(parent) : parent;
    const summary = summaryOf(exchange);
    const span = this.#tracer.startSpan(summary, { kind: SpanKind.SERVER }, context);
    if (span.isRecording()) {
      const { session } = exchange;
      span.setAttributes({
        ...databaseAttributes(exchange),
        ...clientAttributes(session.auditBase().client!),
        ...nodeAttributes(session.advertised.name),
        ...this.#identity(exchange),
        'cqlgate.resources': resourceNames(exchange.request.statement),
      });
    }
    return new OpenSpan(span, context);
  }

  /** What a node was asked; several attempts of one request are one span. */
  #endClient(
    exchange: Exchange,
    open: OpenSpan,
    ending: Ending | 'refused',
    failure: Attributes | null,
  ): void {
    if (exchange.startedAtMs === LONG_AGO || ending === 'unsent' || ending === 'refused') return;
    const { node } = exchange;
    const elapsedMs = msSince(exchange.startedAtMs);
    const { statement } = exchange.request;
    const table = statement.tables[0];
    this.#durations.record(elapsedMs / 1000, {
      'db.system.name': 'cassandra',
      'db.operation.name': statement.kind,
      ...(statement.keyspace === null ? {} : { 'db.namespace': statement.keyspace }),
      ...(table === undefined ? {} : { 'db.collection.name': table.table }),
      ...nodeAttributes(node),
      ...failure,
    });
    if (!open.span.isRecording()) return;
    const span = this.#tracer.startSpan(
      summaryOf(exchange),
      {
        kind: SpanKind.CLIENT,
        startTime: epochMs(later(wallMs(), -elapsedMs)),
        attributes: { ...databaseAttributes(exchange), ...nodeAttributes(node), ...failure },
      },
      open.context,
    );
    if (failure !== null) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }

  #identity({ session }: Exchange): Attributes {
    const authority = session.authority();
    return typeof authority === 'string' ? {} : this.#identityOf(session, authority);
  }

  #identityOf(session: Session, authority: Authority): Attributes {
    let attributes = this.#identities.get(authority);
    if (attributes === undefined) {
      attributes = identityAttributes(session.id, authority, session.auditBase().vcs!);
      this.#identities.set(authority, attributes);
    }
    return attributes;
  }
}

function contextOf(caller: TraceContext | null): Context {
  if (caller === null) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: caller.traceId,
    spanId: caller.spanId,
    traceFlags: caller.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(caller.traceState === null ? {} : { traceState: createTraceState(caller.traceState) }),
  });
}

function failureOf(ending: Ending | 'refused'): Attributes | null {
  if (typeof ending === 'string') {
    const type = ERROR_TYPES[ending];
    return type === undefined ? null : { 'error.type': type };
  }
  if (ending.opcode !== Opcode.ERROR) return null;
  const code = errorCodeText(errorCodeOf(ending));
  return { 'db.response.status_code': code, 'error.type': code };
}
