// Tokens whose signature was checked here, by their hash, so that a driver's tenth connection costs no signature
// check; and the hashes of those that were good before this process began, which are checked once more.
import { TOKENS } from '../limits/identity.ts';
import { MEMORY } from '../limits/session.ts';
import type { Account } from '../memory/store.ts';
import { footprintOf } from '../memory/footprint.ts';
import { isWithdrawn, type Principal } from './principal.ts';

export class VerifiedTokens {
  readonly #account: Account;
  /** By hash, in order of use. */
  readonly #principals = new Map<string, Principal>();
  /** Hashes of tokens that were good here, and whose signature has to be checked again. */
  readonly #seenBefore = new Set<string>();
  /** What the principals hold in memory. */
  #bytes = 0;

  constructor(account: Account) {
    this.#account = account;
  }

  /** null where the token is not known, or where its issuer has withdrawn the key behind it. */
  find(hash: string): Principal | null {
    const principal = this.#principals.get(hash);
    if (principal === undefined) return null;
    this.#principals.delete(hash);
    if (isWithdrawn(principal)) {
      this.#charge(-costOf(principal));
      return null;
    }
    this.#principals.set(hash, principal);
    return principal;
  }

  add(principal: Principal): void {
    if (this.#principals.has(principal.tokenSha256)) return;
    this.#principals.set(principal.tokenSha256, principal);
    this.#charge(costOf(principal));
    this.#shrink(TOKENS.verifiedKept, TOKENS.verifiedBytes);
  }

  /** Hashes of tokens that were good here before this process began; the oldest of too many are forgotten. */
  sawBefore(hashes: Iterable<string>): void {
    for (const hash of hashes) this.#seenBefore.add(hash);
    for (const oldest of this.#seenBefore) {
      if (this.#seenBefore.size <= TOKENS.seenBeforeKept) return;
      this.#seenBefore.delete(oldest);
    }
  }

  wasSeenBefore(hash: string): boolean {
    return this.#seenBefore.has(hash);
  }

  /** Forgets half of the tokens, which are then checked again when they come. */
  evict(): void {
    this.#shrink(this.#principals.size / 2, this.#bytes / 2);
  }

  /** Forgets the tokens that were not used for longest. */
  #shrink(mostTokens: number, mostBytes: number): void {
    for (const [hash, principal] of this.#principals) {
      if (this.#principals.size <= mostTokens && this.#bytes <= mostBytes) return;
      this.#principals.delete(hash);
      this.#charge(-costOf(principal));
    }
  }

  #charge(bytes: number): void {
    this.#bytes += bytes;
    this.#account.add(bytes);
  }
}

/** A principal consists mostly of its claims, and an issuer decides how many there are. */
function costOf({ claims }: Principal): number {
  return MEMORY.keptBytes + footprintOf(claims);
}
