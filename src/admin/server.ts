// The admin port: whether the process lives, whether it should get traffic and why not, and its
// metrics, which are open to whoever reaches the port; and the API (api.ts), which is not.
import { serve, type ServerType } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono, type Context } from 'hono';
import type { AddressInfo } from 'node:net';
import type { Metrics } from '../metrics/metrics.ts';
import { adminApi, type AdminControl } from './api.ts';
import { prometheusRegistry } from './prometheus.ts';

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: Metrics;
  /** Why the gate is not ready; empty when it is. */
  readonly notReady: () => readonly string[];
  /** null: there is no API. */
  readonly control: AdminControl | null;
  /** What should be looked after while it is ready; told only where there is any. */
  readonly warnings: () => readonly string[];
}

export interface AdminServer {
  readonly port: number;
  close(): void;
}

/** Resolves once it listens; rejects when the port can't be had. */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const registry = prometheusRegistry(options.metrics);
  const app = new Hono();
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => {
    const reasons = options.notReady();
    const warnings = options.warnings();
    const detail = warnings.length === 0 ? {} : { warnings };
    const ready = reasons.length === 0;
    return context.json({ ready, reasons, ...detail }, ready ? 200 : 503);
  });
  app.get('/metrics', async (context) =>
    context.body(await registry.metrics(), 200, { 'content-type': registry.contentType }),
  );
  if (options.control !== null) {
    const sourceOf = (context: Context): string => getConnInfo(context).remote.address ?? '';
    app.route('/api/v1', adminApi(options.control, sourceOf));
  }
  const server = await new Promise<ServerType>((resolve, reject) => {
    const { host, port } = options;
    const made = serve({ fetch: app.fetch, hostname: host, port }, () => resolve(made));
    made.once('error', reject);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
    },
  };
}
