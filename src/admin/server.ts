// The admin port: whether the process is alive, whether it should get traffic and why not, and its metrics. These are
// open to everybody who reaches the port and uses an address or a configured name for it; the API (api.ts) is not.
import { createAdaptorServer, type HttpBindings, type ServerType } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono, type Context } from 'hono';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { guarded, reportFault } from '../guard.ts';
import { keepAliveOptions } from '../keep-alive.ts';
import { Admission } from '../identity/admission.ts';
import { ADMIN } from '../limits/process.ts';
import { plainAddress } from '../protocol/inet.ts';
import { adminApi, type AdminControl } from './api.ts';
import { calledBy, HostNames, isOpenTo } from './host.ts';
import { METRICS_TYPE } from './prometheus.ts';
import type { ReadinessReport } from './readiness.ts';
import { Rounds } from './rounds.ts';

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  /** The names that requests may use for it, besides addresses and localhost. */
  readonly hosts: readonly string[];
  /** Of its connections: see `limits`. */
  readonly keepAliveMs: number;
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  readonly readiness: () => Promise<ReadinessReport>;
  /** null if there is no API. */
  readonly control: AdminControl | null;
}

export interface AdminServer {
  readonly port: number;
  close(): void;
}

/** Resolves once it listens; rejects if the port is not free. */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  const own = new HostNames(options.hosts);
  const metrics = new Rounds(options.metrics, ADMIN.roundPauseMs);
  const readiness = new Rounds(options.readiness, ADMIN.roundPauseMs);
  app.use(async (context, next) => {
    const { rawHeaders, url = '' } = context.env.incoming;
    if (isOpenTo(calledBy(rawHeaders, url), own)) return next();
    return context.text(
      'call this port by its address, or by a name that admin.hosts lists\n',
      421,
    );
  });
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', async (context) => {
    const { reasons, warnings } = await readiness.ask();
    const detail = warnings.length === 0 ? {} : { warnings };
    const ready = reasons.length === 0;
    return context.json({ ready, reasons, ...detail }, ready ? 200 : 503);
  });
  app.get('/metrics', async (context) =>
    context.body(await metrics.ask(), 200, { 'content-type': METRICS_TYPE }),
  );
  if (options.control !== null) {
    const sourceOf = (context: Context): string =>
      plainAddress(getConnInfo(context).remote.address ?? '');
    app.route('/api/v1', adminApi(options.control, sourceOf));
  }
  app.onError((error, context) => {
    reportFault('admin', error);
    return context.json({ error: 'an internal error of cqlgate; it is in its log' }, 500);
  });
  const server = await new Promise<ServerType>((resolve, reject) => {
    const { host, port } = options;
    // The name is that of requests without one: an address of IPv6 would not do as it is.
    const made = createAdaptorServer({
      fetch: app.fetch,
      hostname: 'localhost',
      serverOptions: keepAliveOptions(options.keepAliveMs),
    });
    made.once('error', reject);
    bound(made);
    made.listen(port, host, () => resolve(made));
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
    },
  };
}

/** Honest clients need few connections here, and send no request before the last one is answered. */
function bound(server: ServerType): void {
  // One request for each connection: pipelined ones would all be handled in the turn in which they are read.
  if ('maxRequestsPerSocket' in server) server.maxRequestsPerSocket = 1;
  const another = (_request: unknown, socket: Duplex): void => void socket.destroy();
  server.on('dropRequest', guarded('admin', another));
  const admission = new Admission({
    unauthenticatedConnections: ADMIN.connections,
    unauthenticatedPerSource: ADMIN.connectionsPerSource,
  });
  const accepted = (socket: Socket): void => {
    const slot = admission.admit(plainAddress(socket.remoteAddress ?? ''), () => socket.destroy());
    socket.once(
      'close',
      guarded('admin', () => slot.release()),
    );
  };
  server.on(
    'connection',
    guarded('admin', accepted, (socket) => void socket.destroy()),
  );
}
