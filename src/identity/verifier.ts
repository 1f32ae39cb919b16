// A token to a Principal, or an AuthFault that says what to do. Verified tokens are kept by hash, so
// that a driver's tenth connection costs no signature check; nothing else is ever taken on trust.
import { createHash } from 'node:crypto';
import { compactVerify, decodeProtectedHeader, errors, type CryptoKey } from 'jose';
import {
  epochMs,
  later,
  monotonicMs,
  msBetween,
  wallMs,
  type MonotonicMs,
  type WallMs,
} from '../clock.ts';
import { AuthFault } from '../errors.ts';
import { FairSlots, QueueFault } from '../fair-queue.ts';
import { guarded, unattended } from '../guard.ts';
import { JWKS, TOKENS } from '../limits/identity.ts';
import { MEMORY } from '../limits/session.ts';
import { UNCOUNTED, type Account } from '../memory/budget.ts';
import { footprintOf } from '../memory/footprint.ts';
import { normalizeUuid } from './claims.ts';
import { issuerOf, type Issuer, type IssuerConfig } from './issuers.ts';
import { OutboundClient } from '../outbound/client.ts';
import { timeOf } from '../wall-clock.ts';
import { KeySet, KeySetFault, type FoundKey } from './jwks.ts';
import type { ClaimValue, Principal } from './principal.ts';

export interface VerifierOptions {
  /** What verified tokens hold is charged there. */
  readonly account?: Account;
  readonly issuers: readonly IssuerConfig[];
  /** The keys of an issuer could not be fetched; those at hand serve on for a while. */
  readonly onKeysFailed?: (issuerName: string, error: Error) => void;
  /** An issuer took keys back; tokens that they signed are believed no longer, sessions included. */
  readonly onKeysWithdrawn?: (issuerName: string, keyIds: readonly string[]) => void;
  /** A token was found good that this process did not know. */
  readonly onVerified?: (tokenSha256: string) => void;
  readonly wallMs?: () => WallMs;
  readonly monotonicMs?: () => MonotonicMs;
}

const CHECKS = {
  slots: TOKENS.checksUnderWay,
  perKey: TOKENS.checksPerIssuer,
  waiting: TOKENS.checksWaiting,
  waitMs: TOKENS.checkWaitMs,
};

/** Header parameters that bring a key along, or ask for one from elsewhere. */
const KEY_IN_HEADER = ['jwk', 'jku', 'x5u', 'x5c'];

type Claims = Principal['claims'];

export class TokenVerifier {
  readonly #issuers: ReadonlyMap<string, { readonly issuer: Issuer; readonly keys: KeySet }>;
  readonly #wallMs: () => WallMs;
  readonly #monotonicMs: () => MonotonicMs;
  readonly #onVerified: (tokenSha256: string) => void;
  /** Verified tokens by hash, in order of use. */
  readonly #verified = new Map<string, Principal>();
  /** Hashes of tokens that were good here, and whose signature has to be seen again. */
  readonly #seenBefore = new Set<string>();
  /**
   * By the issuer whose keys a token needs, since one may be slow, and within it by where tokens come from.
   * Tokens that name a key at hand do not stand behind those for which an issuer is asked: anybody can
   * make up the id of a key.
   */
  readonly #lookUps = new FairSlots(CHECKS);
  readonly #checks = new FairSlots(CHECKS);
  readonly #account: Account;
  /** What the verified tokens hold. */
  #verifiedBytes = 0;
  #refreshing: NodeJS.Timeout | null = null;

  constructor({
    issuers,
    wallMs: wallClock = wallMs,
    monotonicMs: monotonicClock = monotonicMs,
    onKeysFailed = () => undefined,
    onKeysWithdrawn = () => undefined,
    onVerified = () => undefined,
    account = UNCOUNTED,
  }: VerifierOptions) {
    this.#account = account;
    this.#wallMs = wallClock;
    this.#monotonicMs = monotonicClock;
    this.#onVerified = onVerified;
    this.#issuers = new Map(
      issuers.map((config) => {
        const issuer = issuerOf(config);
        const outbound = new OutboundClient({ ca: config.ca });
        const keys = new KeySet(issuer, outbound, monotonicClock, {
          withdrawn: (keyIds) => onKeysWithdrawn(issuer.name, keyIds),
          failed: (error) => onKeysFailed(issuer.name, error),
        });
        return [issuer.issuer, { issuer, keys }];
      }),
    );
  }

  /** The `iss` of the only issuer, for clients that ask where to get a token; null where there are several. */
  get onlyIssuer(): string | null {
    const [first, ...others] = this.#issuers.keys();
    return first !== undefined && others.length === 0 ? first : null;
  }

  get issuers(): readonly Issuer[] {
    return [...this.#issuers.values()].map(({ issuer }) => issuer);
  }

  /** Gets the keys of all issuers before the first token comes. Never rejects. */
  async prefetchKeys(): Promise<void> {
    await Promise.all([...this.#issuers.values()].map(async ({ keys }) => keys.prefetch()));
  }

  /** From here on keys are fetched anew in time, so that one that is withdrawn ends what rests on it. */
  keepKeysFresh(lookMs: number = JWKS.lookMs): void {
    const look = (): void => {
      for (const { keys } of this.#issuers.values()) unattended('keys', keys.keepFresh());
    };
    this.#refreshing ??= setInterval(guarded('keys', look), lookMs).unref();
  }

  close(): void {
    if (this.#refreshing !== null) clearInterval(this.#refreshing);
    this.#refreshing = null;
  }

  /** How old the keys at hand are, by issuer, in seconds; issuers that were never asked are left out. */
  get keyAges(): [issuerName: string, seconds: number][] {
    const nowMs = this.#monotonicMs();
    return [...this.#issuers.values()].flatMap(({ issuer, keys }) => {
      const ageMs = msBetween(keys.fetchedAtMs, nowMs);
      return Number.isFinite(ageMs) ? [[issuer.name, ageMs / 1000]] : [];
    });
  }

  /** A token that was verified before and is still good, without any work; else null. */
  verifyCached(token: string): Principal | null {
    const principal = this.#remembered(token);
    return principal === null || principal.expiresAtMs <= this.#wallMs() ? null : principal;
  }

  /** A token that was good here before it expired; whether that is forgiven is for its role to say. */
  recall(token: string): Principal | null {
    const principal = this.#remembered(token);
    if (principal === null) return null;
    const agoMs = msBetween(principal.expiresAtMs, this.#wallMs());
    return agoMs >= 0 && agoMs < TOKENS.graceMaxMs ? principal : null;
  }

  #remembered(token: string): Principal | null {
    if (token.length > TOKENS.maxLength) return null;
    const hash = sha256(token);
    const principal = this.#verified.get(hash);
    if (principal === undefined) return null;
    this.#verified.delete(hash);
    if (isWithdrawn(principal)) {
      this.#charge(-costOf(principal));
      return null;
    }
    this.#verified.set(hash, principal);
    return principal;
  }

  /** Hashes of tokens that were good here before this process began. */
  sawBefore(tokenHashes: Iterable<string>): void {
    for (const hash of tokenHashes) this.#seenBefore.add(hash);
    for (const oldest of this.#seenBefore) {
      if (this.#seenBefore.size <= TOKENS.seenBeforeKept) return;
      this.#seenBefore.delete(oldest);
    }
  }

  /**
   * For a login: as `verify`, but a token that was good here before it expired is one still, if a role
   * forgives that. Its signature is checked all the same.
   */
  async verifyOrRecall(token: string, source = ''): Promise<Principal> {
    return this.recall(token) ?? this.#checked(token, true, source);
  }

  /** How a user of this principal's issuer comes by a fresh token. */
  renewalFor(principal: Principal): string {
    return this.#issuers.get(principal.issuer)?.issuer.renewal ?? '';
  }

  /** Rejects with AuthFault. */
  async verify(token: string, source = ''): Promise<Principal> {
    return this.#checked(token, false, source);
  }

  async #checked(token: string, forgivesExpiry: boolean, source: string): Promise<Principal> {
    const known = this.verifyCached(token);
    if (known !== null) return known;
    if (token.length > TOKENS.maxLength) {
      throw new AuthFault(
        'token_too_long',
        `The password has ${token.length} characters; a token has at most ${TOKENS.maxLength}. Send the OIDC token alone.`,
      );
    }
    try {
      return await this.#verify(
        token,
        forgivesExpiry && this.#seenBefore.has(sha256(token)),
        source,
      );
    } catch (error) {
      if (!(error instanceof QueueFault)) throw error;
      throw new AuthFault(
        'busy',
        `cqlgate is checking too many tokens at once (${error.message}); connect again.`,
      );
    }
  }

  async #verify(token: string, forgivesExpiry: boolean, source: string): Promise<Principal> {
    const { algorithm, kid } = headerOf(token);
    const unverified = claimsOf(token);
    const named = unverified['iss'];
    const row = typeof named === 'string' ? this.#issuers.get(named) : undefined;
    if (row === undefined) {
      throw new AuthFault(
        'issuer_unknown',
        'The issuer of this token is not one that cqlgate is configured for. Check that the token is the one meant for this gate.',
      );
    }
    const { issuer, keys } = row;
    const refusal = issuer.refusal(unverified);
    if (refusal !== null) throw new AuthFault('token_kind', refusal);
    if (!issuer.algorithms.includes(algorithm)) {
      throw new AuthFault(
        'algorithm',
        `Tokens of ${issuer.name} must be signed with ${issuer.algorithms.join(' or ')}.`,
      );
    }
    const turn = { key: issuer.name, owner: source };
    const look = async (): Promise<FoundKey> => keyOf(keys, kid, algorithm, issuer);
    const isAtHand = keys.isAtHand(kid, algorithm);
    const found = isAtHand ? await look() : await this.#lookUps.run(turn, look);
    const check = async ({ published, key }: FoundKey) =>
      this.#checks.run(turn, async () => ({
        published,
        claims: await signedClaims(token, key, algorithm),
      }));
    const { published, claims } = await check(found).catch(async (error: unknown) => {
      const isForged = error instanceof AuthFault && error.reason === 'signature';
      if (!isForged || !isAtHand) throw error;
      const replaced = await this.#lookUps.run(turn, async () =>
        keys.findReplacement(kid, algorithm, found.published),
      );
      if (replaced === null) throw error;
      return check(replaced);
    });
    // It may have been taken back while the signature was checked.
    if (published.isWithdrawn) throw unknownKey(issuer);
    const expiresAtMs = this.#checkClaims(claims, issuer, forgivesExpiry ? TOKENS.graceMaxMs : 0);
    const principal: Principal = {
      issuerName: issuer.name,
      issuer: issuer.issuer,
      subject: claims['sub'] as string,
      claims,
      tokenSha256: sha256(token),
      isHuman: issuer.isHuman(claims),
      expiresAtMs,
      key: published,
    };
    this.#keep(principal);
    this.#onVerified(principal.tokenSha256);
    return principal;
  }

  /** Returns when the token ends. Throws AuthFault. */
  #checkClaims(claims: Claims, issuer: Issuer, graceMs: number): WallMs {
    const nowMs = this.#wallMs();
    if (claims['iss'] !== issuer.issuer) {
      throw new AuthFault('issuer_unknown', 'The issuer of this token changed under way.');
    }
    const { exp, nbf, iat, aud, sub } = claims;
    if (typeof exp !== 'number') {
      throw new AuthFault(
        'no_expiry',
        'The token has no expiry; cqlgate takes only tokens that end.',
      );
    }
    // One from before 1970 ended long ago, whenever that was.
    const expiresAtMs = timeOf(Math.max(0, exp), 1000);
    if (expiresAtMs === null || isNoTime(nbf) || isNoTime(iat)) {
      throw new AuthFault(
        'time_out_of_range',
        'A time in the token (exp, nbf or iat) is not a date between 1970 and 9999, in seconds since the epoch. Check how the issuer sets them.',
      );
    }
    if (later(expiresAtMs, graceMs) <= nowMs) {
      const minutes = Math.round(msBetween(expiresAtMs, nowMs) / 60_000);
      throw new AuthFault(
        'token_expired',
        `The token expired ${minutes} min ago. ${issuer.renewal}`,
      );
    }
    const latestMs = later(nowMs, TOKENS.clockSkewMs);
    if (isLater(nbf, latestMs) || isLater(iat, latestMs)) {
      throw new AuthFault(
        'not_yet_valid',
        'The token is not valid yet; check the clocks of issuer, client and cqlgate.',
      );
    }
    const audiences = Array.isArray(aud) ? aud : [aud];
    if (!audiences.some((one) => typeof one === 'string' && issuer.audiences.includes(one))) {
      throw new AuthFault(
        'audience',
        `The token is not meant for this gate: its audience must contain ${issuer.audiences.join(' or ')}. Set it where the token is asked for (Bitbucket: oidc.audiences of the step).`,
      );
    }
    if (typeof sub !== 'string' || sub === '') {
      throw new AuthFault('no_subject', 'The token names no subject.');
    }
    for (const [claim, value] of Object.entries(issuer.pinned)) {
      const found = claims[claim];
      if (typeof found !== 'string' || normalizeUuid(found) !== normalizeUuid(value)) {
        throw new AuthFault('pinned_claim', `The token's ${claim} is not the one configured here.`);
      }
    }
    return expiresAtMs;
  }

  #keep(principal: Principal): void {
    if (this.#verified.has(principal.tokenSha256)) return;
    this.#verified.set(principal.tokenSha256, principal);
    this.#charge(costOf(principal));
    this.#shrink(TOKENS.verifiedKept, TOKENS.verifiedBytes);
  }

  /** Lets half of the remembered tokens go; they are checked again when they come. */
  evict(): void {
    this.#shrink(this.#verified.size / 2, this.#verifiedBytes / 2);
  }

  /** The oldest go. */
  #shrink(mostTokens: number, mostBytes: number): void {
    for (const [hash, principal] of this.#verified) {
      if (this.#verified.size <= mostTokens && this.#verifiedBytes <= mostBytes) return;
      this.#verified.delete(hash);
      this.#charge(-costOf(principal));
    }
  }

  #charge(bytes: number): void {
    this.#verifiedBytes += bytes;
    this.#account.add(bytes);
  }
}

/** A principal is its claims, mostly; an issuer decides how many. */
function costOf({ claims }: Principal): number {
  return MEMORY.keptBytes + footprintOf(claims);
}

/** The key behind it was taken back by its issuer since the token was verified. */
export function isWithdrawn({ key }: Principal): boolean {
  return key?.isWithdrawn === true;
}

function headerOf(token: string): { algorithm: string; kid: string } {
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw malformed();
  }
  const { alg, kid, crit } = header;
  if (crit !== undefined) {
    throw new AuthFault(
      'crit',
      'The token has header extensions (crit) that cqlgate does not know.',
    );
  }
  if (KEY_IN_HEADER.some((parameter) => parameter in header)) {
    throw new AuthFault(
      'key_in_header',
      'The token brings its own key; only keys that the issuer publishes are believed.',
    );
  }
  if (typeof alg !== 'string' || typeof kid !== 'string' || kid === '') {
    throw new AuthFault('no_key_id', 'The token names no key (kid) or no algorithm.');
  }
  return { algorithm: alg, kid };
}

/** The claims as they stand, to find the issuer by; nothing else is read of them. */
function claimsOf(token: string): Claims {
  const parts = token.split('.');
  if (parts.length !== 3) throw malformed();
  return parseClaims(Buffer.from(parts[1]!, 'base64url'));
}

function parseClaims(payload: Uint8Array): Claims {
  let claims: unknown;
  try {
    claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    throw malformed();
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) throw malformed();
  return claims as Claims;
}

async function keyOf(
  keys: KeySet,
  kid: string,
  algorithm: string,
  issuer: Issuer,
): Promise<FoundKey> {
  let found: Awaited<ReturnType<KeySet['find']>>;
  try {
    found = await keys.find(kid, algorithm);
  } catch (error) {
    if (!(error instanceof KeySetFault)) throw error;
    const advice = error.mayPass
      ? 'Try again, and tell the operators of cqlgate if it lasts.'
      : 'Tell the operators of cqlgate: trying again does not mend it.';
    throw new AuthFault(
      'issuer_unreachable',
      `cqlgate cannot get the keys of ${issuer.name}: ${error.problem}. ${advice}`,
    );
  }
  if (found === 'unknown') throw unknownKey(issuer);
  if (found === 'unfit') {
    throw new AuthFault(
      'key_unknown',
      `${issuer.name} does not publish the key that this token names (kid) for signatures by ${algorithm}.`,
    );
  }
  if (found === 'ambiguous') {
    throw new AuthFault(
      'key_unknown',
      `${issuer.name} publishes several keys under the key id (kid) of this token, and nothing tells which one is meant. Its operators have to give each an id of its own.`,
    );
  }
  return found;
}

function unknownKey(issuer: Issuer): AuthFault {
  return new AuthFault(
    'key_unknown',
    `The token is signed with a key that ${issuer.name} does not publish.`,
  );
}

async function signedClaims(token: string, key: CryptoKey, algorithm: string): Promise<Claims> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
    return parseClaims(payload);
  } catch (error) {
    if (error instanceof AuthFault) throw error;
    const text = 'The signature of the token is not right; it was changed or is not of its issuer.';
    if (error instanceof errors.JOSEError) throw new AuthFault('signature', text);
    throw error;
  }
}

/** A number that is no date; what is no number at all is refused as a time that lies ahead. */
function isNoTime(claim: ClaimValue | undefined): boolean {
  return typeof claim === 'number' && timeOf(claim, 1000) === null;
}

function isLater(claim: ClaimValue | undefined, latestMs: WallMs): boolean {
  return claim !== undefined && (typeof claim !== 'number' || claim * 1000 > epochMs(latestMs));
}

function malformed(): AuthFault {
  return new AuthFault(
    'token_malformed',
    'The password is no OIDC token (three parts with dots between). Send the token alone, without quotes or line ends.',
  );
}

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
