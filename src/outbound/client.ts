// Requests to what the gate asks over HTTP: issuers, Bitbucket, Vault. https (or loopback), no
// redirects, bounded in time and size; HTTPS_PROXY, NO_PROXY and private CAs are honoured. Faults
// name the URL without its query, and never a header or a body: those hold secrets.
import { rootCertificates } from 'node:tls';
import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from 'undici';
import { OUTBOUND } from '../limits/services.ts';
import { urlProblem } from './url.ts';

export interface OutboundRequest {
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as a form. */
  readonly form?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface OutboundResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The body as JSON, a byte-order mark before it or not; null where it is empty or none. */
  readonly json: unknown;
}

/** Nothing came back that could be believed: no connection, no time, too much, a redirect. */
export class OutboundFault extends Error {
  override readonly name = 'OutboundFault';
  /** What happened, without the address that was asked. */
  readonly problem: string;

  constructor(problem: string, place = '') {
    super(place === '' ? problem : `${place} ${problem}`);
    this.problem = problem;
  }
}

export interface OutboundOptions {
  /** PEM certificates that are trusted besides the usual ones. */
  readonly ca?: string | undefined;
}

export class OutboundClient {
  readonly #direct: Agent;
  /** What https goes through: a proxy, where the environment names one. */
  readonly #secure: Dispatcher;

  constructor({ ca }: OutboundOptions = {}) {
    // A list of one's own takes the place of the usual one, so that has to be said again.
    const tls = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
    const isProxied = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].some(
      (name) => (process.env[name] ?? '') !== '',
    );
    const timeouts = { connectTimeout: OUTBOUND.connectTimeoutMs };
    this.#direct = new Agent({ ...timeouts, connect: tls });
    this.#secure = isProxied
      ? new EnvHttpProxyAgent({ ...timeouts, connect: tls, requestTls: tls })
      : this.#direct;
  }

  /** Rejects with OutboundFault; any status is an answer, but 3xx. */
  async ask(url: string, options: OutboundRequest = {}): Promise<OutboundResponse> {
    const problem = urlProblem(url);
    if (problem !== null) throw new OutboundFault(problem);
    const place = url.replace(/[?#].*$/s, '');
    const { method = 'GET', json, form, timeoutMs = OUTBOUND.timeoutMs } = options;
    const body = bodyOf(json, form);
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const response = await request(url, {
        method,
        headers: { accept: 'application/json', ...body?.headers, ...options.headers },
        body: body?.text ?? null,
        // Plain http is for this machine alone: a proxy would read the token.
        dispatcher: /^https:/i.test(url) ? this.#secure : this.#direct,
        signal,
      });
      const text = await boundedText(response.body, place);
      const { statusCode: status, headers } = response;
      if (status >= 300 && status < 400) {
        throw new OutboundFault('answered with a redirect, which is not followed', place);
      }
      return { status, headers, json: parsed(text) };
    } catch (error) {
      if (error instanceof OutboundFault) throw error;
      throw new OutboundFault(reasonOf(error, signal, timeoutMs), place);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#direct.destroy(), this.#secure.destroy()]);
  }
}

function bodyOf(json: unknown, form: OutboundRequest['form']) {
  if (json !== undefined) {
    return { text: JSON.stringify(json), headers: { 'content-type': 'application/json' } };
  }
  if (form === undefined) return null;
  return {
    text: new URLSearchParams(form).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  };
}

async function boundedText(body: AsyncIterable<Buffer>, place: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop destroys the body, and with it what would still come.
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > OUTBOUND.documentBytes) {
      throw new OutboundFault(`answered more than ${OUTBOUND.documentBytes} bytes`, place);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    // RFC 8259, section 8.1: who reads may take no offence at the mark.
    return JSON.parse(text.replace(/^\ufeff/, '')) as unknown;
  } catch {
    return null;
  }
}

function reasonOf(error: unknown, signal: AbortSignal, timeoutMs: number): string {
  if (signal.aborted) return `did not answer within ${timeoutMs / 1000} s`;
  const code = (error as { code?: unknown }).code;
  return `could not be asked (${typeof code === 'string' ? code : 'no connection'})`;
}
