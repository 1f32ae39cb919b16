// A collector for OpenTelemetry: takes OTLP over HTTP as a gate sends it and decodes it, JSON or
// protobuf, far enough for tests to look at spans.
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 2 is SERVER, 3 is CLIENT. */
  readonly kind: number;
  readonly attributes: Record<string, unknown>;
}

export class Collector {
  readonly #server: http.Server;
  readonly spans: CollectedSpan[] = [];
  readonly metrics = new Set<string>();
  readonly logs: string[] = [];
  /** Processes that sent anything. */
  readonly instances = new Set<string>();
  /** All bodies as they came, to search for what must not be in them. */
  readonly bodies: Buffer[] = [];

  private constructor(server: http.Server) {
    this.#server = server;
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.#take(request.url ?? '', Buffer.concat(chunks));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
  }

  static async start(): Promise<Collector> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Collector(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The environment of a gate that sends everything here, soon. */
  get env(): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: this.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_BLRP_SCHEDULE_DELAY: '100',
      OTEL_METRIC_EXPORT_INTERVAL: '500',
      OTEL_METRIC_EXPORT_TIMEOUT: '400',
    };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  async span(fits: (span: CollectedSpan) => boolean): Promise<CollectedSpan> {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const found = this.spans.find(fits);
      if (found !== undefined) return found;
      if (Date.now() > deadline) {
        throw new Error(`no such span among ${this.spans.map((span) => span.name).join(', ')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #take(url: string, body: Buffer): void {
    this.bodies.push(body);
    const json: any = JSON.parse(body.toString('utf8'));
    const { resourceSpans = [], resourceMetrics = [], resourceLogs = [] } = json;
    for (const { resource } of [...resourceSpans, ...resourceMetrics, ...resourceLogs]) {
      const id = resource.attributes.find(({ key }: any) => key === 'service.instance.id');
      this.instances.add(String(valueOf(id.value)));
    }
    for (const { scopeSpans } of resourceSpans) {
      for (const span of scopeSpans.flatMap((scope: any) => scope.spans)) {
        this.spans.push({
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId ?? '',
          name: span.name,
          kind: span.kind,
          attributes: Object.fromEntries(
            span.attributes.map(({ key, value }: any) => [key, valueOf(value)]),
          ),
        });
      }
    }
    for (const { scopeMetrics } of resourceMetrics) {
      for (const metric of scopeMetrics.flatMap((scope: any) => scope.metrics)) {
        this.metrics.add(metric.name);
      }
    }
    for (const { scopeLogs } of resourceLogs) {
      for (const record of scopeLogs.flatMap((scope: any) => scope.logRecords)) {
        this.logs.push(record.body.stringValue);
      }
    }
    if (!/^\/v1\/(traces|metrics|logs)$/.test(url)) throw new Error(`unexpected path ${url}`);
  }
}

function valueOf(value: any): unknown {
  if ('arrayValue' in value) return (value.arrayValue.values ?? []).map(valueOf);
  if ('intValue' in value) return Number(value.intValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue;
}
