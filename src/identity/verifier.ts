// Turns a token into a Principal, or throws an AuthFault that says what to do. A token that was verified before costs
// no signature check (verified-tokens.ts); nothing else is ever taken on trust.
import { monotonicMs, msBetween, wallMs, type MonotonicMs, type WallMs } from '../clock.ts';
import { AuthFault } from '../errors.ts';
import { FairSlots, QueueFault } from '../fair-queue.ts';
import { guarded, unattended } from '../guard.ts';
import { JWKS, TOKENS } from '../limits/identity.ts';
import { UNCOUNTED, type Account } from '../memory/store.ts';
import { OutboundClient } from '../outbound/client.ts';
import { checkClaims } from './check-claims.ts';
import { issuerOf, type Issuer, type IssuerConfig } from './issuers.ts';
import { KeySet, KeySetFault, type FoundKey } from './jwks.ts';
import type { Principal } from './principal.ts';
import { claimsOf, headerOf, sha256, signedClaims } from './token.ts';
import { VerifiedTokens } from './verified-tokens.ts';

export interface VerifierOptions {
  /** Charged with the memory of the verified tokens. */
  readonly account?: Account;
  readonly issuers: readonly IssuerConfig[];
  /** The keys of an issuer could not be fetched; those fetched before are used for a while. */
  readonly onKeysFailed?: (issuerName: string, error: Error) => void;
  /** An issuer has withdrawn keys: the tokens that they signed are no longer good, in sessions too. */
  readonly onKeysWithdrawn?: (issuerName: string, keyIds: readonly string[]) => void;
  /** A token that this process did not know was verified. */
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

export class TokenVerifier {
  readonly #issuers: ReadonlyMap<string, { readonly issuer: Issuer; readonly keys: KeySet }>;
  readonly #wallMs: () => WallMs;
  readonly #monotonicMs: () => MonotonicMs;
  readonly #onVerified: (tokenSha256: string) => void;
  readonly #verified: VerifiedTokens;
  /**
   * Queues by issuer, since one of them may be slow, and within an issuer by the source of the tokens. A token whose
   * key is known does not wait behind tokens for which an issuer has to be asked, because anybody can make up the
   * id of a key.
   */
  readonly #lookUps = new FairSlots(CHECKS);
  readonly #checks = new FairSlots(CHECKS);
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
    this.#verified = new VerifiedTokens(account);
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

  /** Fetches the keys of all issuers before the first token comes. Never rejects. */
  async prefetchKeys(): Promise<void> {
    await Promise.all([...this.#issuers.values()].map(async ({ keys }) => keys.prefetch()));
  }

  /** From here on the keys are fetched again regularly, so that sessions end when their key is withdrawn. */
  keepKeysFresh(lookMs: number = JWKS.lookMs): void {
    const refresh = (): void => {
      for (const { keys } of this.#issuers.values()) unattended('keys', keys.keepFresh());
    };
    this.#refreshing ??= setInterval(guarded('keys', refresh), lookMs).unref();
  }

  close(): void {
    if (this.#refreshing !== null) clearInterval(this.#refreshing);
    this.#refreshing = null;
  }

  /** The age of the keys in seconds, by issuer. Issuers that were never asked are left out. */
  get keyAges(): [issuerName: string, seconds: number][] {
    const nowMs = this.#monotonicMs();
    return [...this.#issuers.values()].flatMap(({ issuer, keys }) => {
      const ageMs = msBetween(keys.fetchedAtMs, nowMs);
      return Number.isFinite(ageMs) ? [[issuer.name, ageMs / 1000]] : [];
    });
  }

  /** The principal of a token that was verified before and is still good, without any work; else null. */
  verifyCached(token: string): Principal | null {
    const principal = this.#remembered(token);
    return principal === null || principal.expiresAtMs <= this.#wallMs() ? null : principal;
  }

  /** The principal of a token that was good here before it expired. Whether that is forgiven, its role decides. */
  recall(token: string): Principal | null {
    const principal = this.#remembered(token);
    if (principal === null) return null;
    const agoMs = msBetween(principal.expiresAtMs, this.#wallMs());
    return agoMs >= 0 && agoMs < TOKENS.graceMaxMs ? principal : null;
  }

  #remembered(token: string): Principal | null {
    return token.length > TOKENS.maxLength ? null : this.#verified.find(sha256(token));
  }

  /** Hashes of tokens that were good here before this process began. */
  sawBefore(tokenHashes: Iterable<string>): void {
    this.#verified.sawBefore(tokenHashes);
  }

  /** Forgets half of the verified tokens, which are then checked again when they come. */
  evict(): void {
    this.#verified.evict();
  }

  /**
   * For a login: as `verify`, but a token that was good here before it expired is still taken, if its role
   * forgives that. The signature is checked in any case.
   */
  async verifyOrRecall(token: string, source = ''): Promise<Principal> {
    return this.recall(token) ?? this.#checked(token, true, source);
  }

  /** Says how a user of this principal's issuer gets a fresh token. */
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
        forgivesExpiry && this.#verified.wasSeenBefore(sha256(token)),
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
    const lookUp = async (): Promise<FoundKey> => keyOf(keys, kid, algorithm, issuer);
    const isAtHand = keys.isAtHand(kid, algorithm);
    const found = isAtHand ? await lookUp() : await this.#lookUps.run(turn, lookUp);
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
    // The key may have been withdrawn while the signature was checked.
    if (published.isWithdrawn) throw unknownKey(issuer);
    const graceMs = forgivesExpiry ? TOKENS.graceMaxMs : 0;
    const expiresAtMs = checkClaims(claims, issuer, this.#wallMs(), graceMs);
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
    this.#verified.add(principal);
    this.#onVerified(principal.tokenSha256);
    return principal;
  }
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
