// The public keys of one issuer, by key id. One fetch serves all who wait for it. The keys are kept while the
// issuer is down, and are never fetched more often than a cool-down allows, whatever key ids tokens claim. A key
// that the issuer no longer lists is marked as withdrawn, and tokens that it signed are no longer good.
import { importJWK, type CryptoKey, type JWK } from 'jose';
import { LONG_AGO, msBetween, type MonotonicMs } from '../clock.ts';
import { JWKS } from '../limits/identity.ts';
import { OutboundFault, type OutboundClient, type OutboundResponse } from '../outbound/client.ts';
import { urlProblem } from '../outbound/url.ts';
import type { Issuer } from './issuers.ts';
import type { PublishedKey } from './principal.ts';

class Published implements PublishedKey {
  readonly kid: string;
  readonly jwk: JWK;
  isWithdrawn = false;
  /** By algorithm, for those algorithms of the issuer that the key fits; there may be none. */
  readonly imported: ReadonlyMap<string, CryptoKey>;

  constructor(kid: string, jwk: JWK, imported: ReadonlyMap<string, CryptoKey>) {
    this.kid = kid;
    this.jwk = jwk;
    this.imported = imported;
  }
}

export interface FoundKey {
  readonly published: PublishedKey;
  readonly key: CryptoKey;
}

/** Why no key is found: the id is unknown, no key of that id fits the algorithm, or several do. */
export type NoKey = 'unknown' | 'unfit' | 'ambiguous';

/** The keys of an issuer could not be fetched, or none of them can be used. */
export class KeySetFault extends Error {
  override readonly name = 'KeySetFault';
  /** What is wrong, for the user who logs in. It names no address. */
  readonly problem: string;
  /** Whether trying again later may help. */
  readonly mayPass: boolean;

  constructor(url: string, what: string, problem: string, mayPass = false) {
    super(`${url} ${problem}`);
    this.problem = `${what} ${problem}`;
    this.mayPass = mayPass;
  }
}

export interface KeySetListener {
  /** The keys with these ids were withdrawn: tokens that they signed are no longer good. */
  withdrawn(keyIds: readonly string[]): void;
  /** The issuer could not be asked. Called no more often than the cool-down allows. */
  failed(error: Error): void;
}

export class KeySet {
  readonly #issuer: Issuer;
  readonly #outbound: OutboundClient;
  readonly #nowMs: () => MonotonicMs;
  readonly #listener: KeySetListener;
  /** By key id. Keys of different types may share an id (RFC 7517, section 4.5). */
  #keys: ReadonlyMap<string, readonly Published[]> = new Map();
  /** The error of the last attempt to fetch the keys. */
  #fault: Error | null = null;
  #fetchedAtMs = LONG_AGO;
  #triedAtMs = LONG_AGO;
  #refreshing: Promise<void> | null = null;

  constructor(
    issuer: Issuer,
    outbound: OutboundClient,
    nowMs: () => MonotonicMs,
    listener: KeySetListener,
  ) {
    this.#issuer = issuer;
    this.#outbound = outbound;
    this.#nowMs = nowMs;
    this.#listener = listener;
  }

  /** LONG_AGO if the keys were never fetched. */
  get fetchedAtMs(): MonotonicMs {
    return this.#fetchedAtMs;
  }

  /** Fetches the keys so that the first token need not wait. Never rejects: after a failure the first token tries again. */
  async prefetch(): Promise<void> {
    await this.#refresh().catch(() => {
      this.#triedAtMs = LONG_AGO;
    });
  }

  /**
   * Fetches them anew once they are old enough, whether or not a token asks for one: tokens that were
   * verified before ask for none. Never rejects: a failure goes to the listener, and the next call tries again.
   */
  async keepFresh(): Promise<void> {
    if (msBetween(this.#fetchedAtMs, this.#nowMs()) < JWKS.refreshMs) return;
    await this.#refresh().catch(() => undefined);
  }

  /** Whether `find` needs no fetch for this key. */
  isAtHand(kid: string, algorithm: string): boolean {
    const isFresh = msBetween(this.#fetchedAtMs, this.#nowMs()) <= JWKS.refreshMs;
    return isFresh && this.#has(kid, algorithm);
  }

  /** The key that a token names, for its algorithm. Rejects if the keys cannot be fetched. */
  async find(kid: string, algorithm: string): Promise<FoundKey | NoKey> {
    if (!this.isAtHand(kid, algorithm)) {
      // Old keys are used while the issuer does not answer, but not for ever.
      await this.#refresh().catch((error: unknown) => {
        const isStale = msBetween(this.#fetchedAtMs, this.#nowMs()) > JWKS.staleMs;
        if (isStale || !this.#has(kid, algorithm)) throw error;
      });
    }
    return this.#pick(kid, algorithm);
  }

  /**
   * Another key than `before` under the same id, for a token whose signature `before` did not make: an issuer may replace
   * a key and keep its id. It is asked no more often than for unknown ids. null where there is none.
   */
  async findReplacement(
    kid: string,
    algorithm: string,
    before: PublishedKey,
  ): Promise<FoundKey | null> {
    await this.#refresh().catch(() => undefined);
    const found = this.#pick(kid, algorithm);
    return typeof found === 'string' || found.published === before ? null : found;
  }

  #has(kid: string, algorithm: string): boolean {
    return this.#keys.get(kid)?.some(({ imported }) => imported.has(algorithm)) === true;
  }

  #pick(kid: string, algorithm: string): FoundKey | NoKey {
    const named = this.#keys.get(kid);
    if (named === undefined) return 'unknown';
    const fitting = named.filter(({ imported }) => imported.has(algorithm));
    const [published] = fitting;
    if (published === undefined) return 'unfit';
    if (!areOne(fitting)) return 'ambiguous';
    return { published, key: published.imported.get(algorithm)! };
  }

  async #refresh(): Promise<void> {
    if (this.#refreshing !== null) return this.#refreshing;
    const nowMs = this.#nowMs();
    if (msBetween(this.#triedAtMs, nowMs) < JWKS.coolDownMs) {
      if (this.#fault !== null) throw this.#fault;
      return;
    }
    this.#triedAtMs = nowMs;
    this.#refreshing = this.#load()
      .then(() => {
        this.#fault = null;
      })
      .catch((error: unknown) => {
        this.#fault = error instanceof Error ? error : new Error(String(error));
        this.#listener.failed(this.#fault);
        throw this.#fault;
      })
      .finally(() => {
        this.#refreshing = null;
      });
    return this.#refreshing;
  }

  async #load(): Promise<void> {
    const uri = this.#issuer.jwksUri ?? (await this.#discover());
    const document = await this.#json(uri, KEY_SET);
    if (!isObject(document) || !Array.isArray(document['keys'])) {
      throw new KeySetFault(uri, KEY_SET, "has no list called 'keys'");
    }
    const { keys, problems } = await this.#read(document['keys']);
    // A list without a usable key withdraws the keys before it all the same; the next fetch then follows soon.
    this.#take(keys);
    if (keys.length === 0) {
      throw new KeySetFault(uri, KEY_SET, `holds no usable key (${counted(problems)})`);
    }
    this.#fetchedAtMs = this.#nowMs();
  }

  /** The usable keys of a list, and what is wrong with each of the others. */
  async #read(list: readonly unknown[]): Promise<{ keys: Published[]; problems: string[] }> {
    const keys: Published[] = [];
    const problems: string[] = [];
    for (const jwk of list) {
      const problem = isObject(jwk) ? keyProblem(jwk) : 'no key';
      const read = problem === null ? await this.#publish(jwk as NamedJwk) : problem;
      if (typeof read === 'string') problems.push(read);
      else if (!keys.some((one) => one.kid === read.kid && isSame(one.jwk, read.jwk))) {
        keys.push(read);
      }
    }
    return { keys, problems };
  }

  /** A key that was published before stays the same object. A text says why the entry cannot be used. */
  async #publish(jwk: NamedJwk): Promise<Published | string> {
    const known = this.#keys.get(jwk.kid)?.find((one) => isSame(one.jwk, jwk));
    if (known !== undefined) return known;
    const imported = new Map<string, CryptoKey>();
    for (const algorithm of this.#issuer.algorithms.filter((one) => fits(jwk, one))) {
      try {
        imported.set(algorithm, (await importJWK({ ...jwk }, algorithm)) as CryptoKey);
      } catch {
        return 'damaged';
      }
    }
    return new Published(jwk.kid, jwk, imported);
  }

  #take(listed: readonly Published[]): void {
    const before = [...this.#keys.values()].flat();
    this.#keys = groupedBy(listed, ({ kid }) => kid);
    const withdrawn = before.filter((key) => !listed.includes(key));
    for (const key of withdrawn) key.isWithdrawn = true;
    if (withdrawn.length > 0) this.#listener.withdrawn(withdrawn.map(({ kid }) => kid));
  }

  async #discover(): Promise<string> {
    const url = `${this.#issuer.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = await this.#json(url, DISCOVERY);
    const named = isObject(document) ? document['issuer'] : undefined;
    if (!isObject(document) || named !== this.#issuer.issuer) {
      const says = typeof named === 'string' ? JSON.stringify(named.slice(0, 200)) : 'no issuer';
      throw new KeySetFault(url, DISCOVERY, `is of another issuer: it names ${says}`);
    }
    const uri = document['jwks_uri'];
    if (typeof uri !== 'string') throw new KeySetFault(url, DISCOVERY, 'names no jwks_uri');
    const problem = urlProblem(uri);
    if (problem === null) return uri;
    throw new KeySetFault(url, DISCOVERY, `names a jwks_uri that is not asked: ${problem}`);
  }

  async #json(url: string, what: string): Promise<unknown> {
    let response: OutboundResponse;
    try {
      response = await this.#outbound.ask(url);
    } catch (error) {
      if (!(error instanceof OutboundFault)) throw error;
      throw new KeySetFault(url, what, error.problem, true);
    }
    const { status, json, headers } = response;
    if (status !== 200) {
      throw new KeySetFault(url, what, `answered ${status}`, status >= 500 || status === 429);
    }
    if (json !== null) return json;
    const type = String(headers['content-type'] ?? 'no type').slice(0, 64);
    throw new KeySetFault(url, what, `is no JSON (its content is of type ${type})`);
  }
}

const KEY_SET = 'its key set';
const DISCOVERY = 'its discovery document';

type NamedJwk = JWK & { readonly kid: string };

/** Why an entry of a set is no public signature key with an id; null where it is one. Small RSA keys are not keys. */
function keyProblem(jwk: Record<string, unknown>): string | null {
  const { kty, use, key_ops: operations } = jwk;
  if ('k' in jwk || kty === 'oct') return 'a shared secret';
  if ('d' in jwk) return 'private';
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return 'of an unknown type (kty)';
  if (use !== undefined && use !== 'sig') return 'not for signatures (use)';
  if (Array.isArray(operations) && !operations.includes('verify')) {
    return 'not for signatures (key_ops)';
  }
  if (typeof jwk['kid'] !== 'string' || jwk['kid'] === '') return 'without a key id (kid)';
  if (kty === 'RSA' && modulusBits(jwk['n']) < 2_048) return 'RSA below 2048 bits';
  return null;
}

/** `2 private, 1 without a key id (kid)`. */
function counted(problems: readonly string[]): string {
  const counts = groupedBy(problems, (problem) => problem);
  if (counts.size === 0) return 'the list is empty';
  return [...counts].map(([problem, { length }]) => `${length} ${problem}`).join(', ');
}

function groupedBy<Item>(items: readonly Item[], keyOf: (item: Item) => string) {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Whether keys are one and the same, however often it is listed. */
function areOne([first, ...others]: readonly Published[]): boolean {
  return first !== undefined && others.every(({ jwk }) => hasSameMaterial(first.jwk, jwk));
}

/** Without leading zeros, which would make a small key look like a large one. */
function modulusBits(modulus: unknown): number {
  if (typeof modulus !== 'string') return 0;
  const bytes = Buffer.from(modulus, 'base64url');
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (bytes.length - first) * 8 - (Math.clz32(bytes[first]!) - 24);
}

/** Whether a signature by this algorithm may be of this key; `alg`, where it is given, says which one is. */
function fits(jwk: JWK, algorithm: string): boolean {
  if (jwk.alg !== undefined && jwk.alg !== algorithm) return false;
  const family = algorithm.slice(0, 2);
  if (jwk.kty === 'RSA') return family === 'RS' || family === 'PS';
  if (jwk.kty === 'OKP') return family === 'Ed' && jwk.crv === 'Ed25519';
  return CURVES[algorithm] === jwk.crv;
}

/** RFC 7518, section 3.4. */
const CURVES: Readonly<Record<string, string>> = {
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
};

/** What a signature is checked with; certificates and other remarks beside it may change. */
const MATERIAL = ['kty', 'n', 'e', 'crv', 'x', 'y'] as const;

function hasSameMaterial(a: JWK, b: JWK): boolean {
  return MATERIAL.every((member) => a[member] === b[member]);
}

/** The same key for the same use. */
function isSame(a: JWK, b: JWK): boolean {
  return a.alg === b.alg && hasSameMaterial(a, b);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
