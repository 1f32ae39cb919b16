// The public keys of one issuer, by key id. Fetched once for all who wait, kept while the issuer is
// down, and never fetched more often than a cool-down allows, whatever key ids tokens claim. A key that
// the issuer lists no longer is marked as withdrawn, and whatever rests on it ends with it.
import { importJWK, type CryptoKey, type JWK } from 'jose';
import { JWKS } from '../limits.ts';
import type { OutboundClient } from '../outbound/client.ts';
import { urlProblem } from '../outbound/url.ts';
import type { Issuer } from './issuers.ts';

const KEY_TYPES: ReadonlySet<string | undefined> = new Set(['RSA', 'EC', 'OKP']);

/** A key while its issuer publishes it. Principals hold on to it, so that they know when it goes. */
export interface PublishedKey {
  /** The issuer lists it no longer, or lists other material under its id. Never goes back to false. */
  readonly isWithdrawn: boolean;
}

class Published implements PublishedKey {
  readonly jwk: JWK;
  isWithdrawn = false;
  /** By algorithm. */
  readonly #imported = new Map<string, Promise<CryptoKey>>();

  constructor(jwk: JWK) {
    this.jwk = jwk;
  }

  async importFor(algorithm: string): Promise<CryptoKey> {
    let key = this.#imported.get(algorithm);
    if (key === undefined) {
      key = importJWK(this.jwk, algorithm) as Promise<CryptoKey>;
      this.#imported.set(algorithm, key);
    }
    return key;
  }
}

export interface FoundKey {
  readonly published: PublishedKey;
  readonly key: CryptoKey;
}

export interface KeySetListener {
  /** Keys by these ids were withdrawn: what they signed is believed no longer. */
  withdrawn(keyIds: readonly string[]): void;
  /** The issuer could not be asked; told no more often than the cool-down allows. */
  failed(error: Error): void;
}

export class KeySet {
  readonly #issuer: Issuer;
  readonly #outbound: OutboundClient;
  /** A clock that nobody sets: one that is set back would make old keys look fresh. */
  readonly #nowMs: () => number;
  readonly #listener: KeySetListener;
  #keys = new Map<string, Published>();
  #fetchedAtMs = -Infinity;
  #triedAtMs = -Infinity;
  #refreshing: Promise<void> | null = null;

  constructor(
    issuer: Issuer,
    outbound: OutboundClient,
    nowMs: () => number,
    listener: KeySetListener,
  ) {
    this.#issuer = issuer;
    this.#outbound = outbound;
    this.#nowMs = nowMs;
    this.#listener = listener;
  }

  /** -Infinity where they were never fetched. */
  get fetchedAtMs(): number {
    return this.#fetchedAtMs;
  }

  /** So that the first token need not wait for them. Never rejects; one that fails is tried again by a token. */
  async prefetch(): Promise<void> {
    await this.#refresh().catch(() => {
      this.#triedAtMs = -Infinity;
    });
  }

  /**
   * Fetches them anew once they are old enough, whether or not a token asks for one: tokens that were
   * verified before ask for none. Never rejects; a failure is told, and it is tried again when called next.
   */
  async keepFresh(): Promise<void> {
    if (this.#nowMs() - this.#fetchedAtMs < JWKS.refreshMs) return;
    await this.#refresh().catch(() => undefined);
  }

  /** Whether `find` asks nobody for this one. */
  isAtHand(kid: string): boolean {
    return this.#keys.has(kid) && this.#nowMs() - this.#fetchedAtMs <= JWKS.refreshMs;
  }

  /** The key a token names, imported for its algorithm; null where the issuer has none such. */
  async find(kid: string, algorithm: string): Promise<FoundKey | null> {
    if (!this.isAtHand(kid)) {
      // Old keys serve on while the issuer can't be asked, but not for ever.
      await this.#refresh().catch((error: unknown) => {
        const isStale = this.#nowMs() - this.#fetchedAtMs > JWKS.staleMs;
        if (isStale || !this.#keys.has(kid)) throw error;
      });
    }
    const published = this.#keys.get(kid);
    if (published === undefined || !fits(published.jwk, algorithm)) return null;
    return { published, key: await published.importFor(algorithm) };
  }

  async #refresh(): Promise<void> {
    if (this.#refreshing !== null) return this.#refreshing;
    const nowMs = this.#nowMs();
    if (nowMs - this.#triedAtMs < JWKS.coolDownMs) {
      if (this.#fetchedAtMs < this.#triedAtMs) throw new Error('the issuer was asked just now');
      return;
    }
    this.#triedAtMs = nowMs;
    this.#refreshing = this.#load()
      .catch((error: unknown) => {
        const failure = error instanceof Error ? error : new Error(String(error));
        this.#listener.failed(failure);
        throw failure;
      })
      .finally(() => {
        this.#refreshing = null;
      });
    return this.#refreshing;
  }

  async #load(): Promise<void> {
    const uri = this.#issuer.jwksUri ?? (await this.#discover());
    const document = await this.#json(uri);
    if (!isObject(document) || !Array.isArray(document['keys'])) {
      throw new Error(`${uri} is no key set`);
    }
    const keys = new Map<string, JWK>();
    const twice = new Set<string>();
    for (const jwk of document['keys'] as unknown[]) {
      if (!isObject(jwk) || !isUsable(jwk)) continue;
      const kid = String(jwk['kid']);
      if (keys.has(kid)) twice.add(kid);
      keys.set(kid, jwk);
    }
    // Which of the two is meant nobody can say.
    for (const kid of twice) keys.delete(kid);
    // A list without a usable key takes those before back all the same; then it is asked for again soon.
    this.#take(keys);
    if (keys.size === 0) throw new Error(`${uri} holds no usable key`);
    this.#fetchedAtMs = this.#nowMs();
  }

  #take(listed: ReadonlyMap<string, JWK>): void {
    const before = this.#keys;
    this.#keys = new Map(
      [...listed].map(([kid, jwk]) => {
        const known = before.get(kid);
        return [kid, known !== undefined && isSame(known.jwk, jwk) ? known : new Published(jwk)];
      }),
    );
    const withdrawn = [...before].filter(([kid, key]) => this.#keys.get(kid) !== key);
    for (const [, key] of withdrawn) key.isWithdrawn = true;
    if (withdrawn.length > 0) this.#listener.withdrawn(withdrawn.map(([kid]) => kid));
  }

  async #discover(): Promise<string> {
    const url = `${this.#issuer.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = await this.#json(url);
    if (!isObject(document) || document['issuer'] !== this.#issuer.issuer) {
      throw new Error(`${url} is not of this issuer`);
    }
    const uri = document['jwks_uri'];
    if (typeof uri !== 'string') throw new Error(`${url} names no jwks_uri`);
    const problem = urlProblem(uri);
    if (problem !== null) throw new Error(problem);
    return uri;
  }

  async #json(url: string): Promise<unknown> {
    const { status, json } = await this.#outbound.ask(url);
    if (status !== 200) throw new Error(`${url} answered ${status}`);
    return json;
  }
}

/** Public signature keys with an id; small RSA keys are not keys. */
function isUsable(jwk: Record<string, unknown>): boolean {
  if (typeof jwk['kid'] !== 'string' || !KEY_TYPES.has(jwk['kty'] as string)) return false;
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return false;
  if ('d' in jwk || 'k' in jwk) return false;
  return jwk['kty'] !== 'RSA' || modulusBits(jwk['n']) >= 2_048;
}

/** Without leading zeros, which would make a small key look like a large one. */
function modulusBits(modulus: unknown): number {
  if (typeof modulus !== 'string') return 0;
  const bytes = Buffer.from(modulus, 'base64url');
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (bytes.length - first) * 8 - (Math.clz32(bytes[first]!) - 24);
}

function fits(jwk: JWK, algorithm: string): boolean {
  if (jwk.alg !== undefined && jwk.alg !== algorithm) return false;
  const family = algorithm.slice(0, 2);
  if (jwk.kty === 'RSA') return family === 'RS' || family === 'PS';
  if (jwk.kty !== 'EC') return algorithm === 'EdDSA';
  return CURVES[algorithm] === jwk.crv;
}

/** RFC 7518, section 3.4. */
const CURVES: Readonly<Record<string, string>> = {
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
};

/** What a signature is checked with; certificates and other remarks beside it may change. */
const MATERIAL = ['kty', 'alg', 'n', 'e', 'crv', 'x', 'y'] as const;

function isSame(a: JWK, b: JWK): boolean {
  return MATERIAL.every((member) => a[member] === b[member]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
