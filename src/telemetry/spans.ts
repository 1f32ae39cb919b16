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
import type { RequestSpan } from '../session/attempt.ts';
import type { Denied, Ending } from '../session/ending.ts';
import type { Exchange } from '../session/exchange.ts';
import { responseOf } from '../session/outcome-records.ts';
import type { SessionFacts } from '../session/session-facts.ts';
import type { Telemetry } from '../session/telemetry.ts';
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
    const known = exchange.attempt.span;
    const open = known instanceof OpenSpan ? known : this.#open(exchange, true);
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

  refused(session: SessionFacts, caller: TraceContext | null, rule: TextRefusal): void {
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

  ended(exchange: Exchange, ending: Exclude<Ending, Denied>): void {
    const { span: open, decided } = exchange.attempt;
    if (!(open instanceof OpenSpan)) return;
    const failure = failureOf(ending);
    this.#endClient(exchange, open, ending, failure);
    const { span } = open;
    span.setAttributes({ 'cqlgate.decision': 'permit', ...failure });
    if (decided !== null) span.setAttribute('cqlgate.grant', decided.grant);
    if (failure !== null) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }

  loggedIn(session: SessionFacts, authority: Authority): void {
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
    const parent = contextOf(exchange.request.caller);
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
    ending: Exclude<Ending, Denied>,
    failure: Attributes | null,
  ): void {
    const { node, startedAtMs } = exchange.attempt;
    if (startedAtMs === LONG_AGO || ending === 'unsent' || ending === 'refused') return;
    const elapsedMs = msSince(startedAtMs);
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

  #identityOf(session: SessionFacts, authority: Authority): Attributes {
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

function failureOf(ending: Exclude<Ending, Denied>): Attributes | null {
  if (typeof ending === 'string') {
    const type = ERROR_TYPES[ending];
    return type === undefined ? null : { 'error.type': type };
  }
  const response = responseOf(ending);
  if (response?.opcode !== Opcode.ERROR) return null;
  const code = errorCodeText(errorCodeOf(response));
  return { 'db.response.status_code': code, 'error.type': code };
}
