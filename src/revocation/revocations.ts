// Tokens that are no longer good though they have not expired: by issuer, subject, pipeline, step, or
// one by one. Of an issuer or subject it is what was issued until then: a fresh token is good.
import { randomUUID } from 'node:crypto';
import { epochMs, later, type WallMs } from '../clock.ts';
import { normalizeUuid } from '../identity/claims.ts';
import type { ClaimValue, Principal } from '../identity/principal.ts';
import { TOKENS } from '../limits/identity.ts';

interface Named {
  /** Where a principal has it; null where it has none. */
  readonly of: (principal: Principal) => string | null;
  /** A value in the form that principals have it; null where it is none. */
  readonly normalize: (value: string) => string | null;
  readonly form: string;
  /** Later tokens too: a pipeline that is not to be trusted gets a fresh one with its next step. */
  readonly coversLater: boolean;
}

const UUID = /^\{?[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\}?$/i;
const SHA256 = /^[\da-f]{64}$/i;

/** What a revocation may name. */
const NAMED = {
  /** All tokens of an issuer's row, by its name in the configuration. */
  issuer: named((principal) => principal.issuerName),
  subject: named((principal) => principal.subject),
  pipeline: uuid('pipelineUuid'),
  step: uuid('stepUuid'),
  /** As records have it. */
  token: {
    of: (principal) => principal.tokenSha256,
    normalize: (value) => (SHA256.test(value) ? value.toLowerCase() : null),
    form: 'the SHA-256 of a token in 64 hex digits, as token_sha256 in records',
    coversLater: true,
  },
} as const satisfies Record<string, Named>;

function named(of: (principal: Principal) => string): Named {
  return { of, normalize: (value) => value, form: 'a text', coversLater: false };
}

function uuid(claim: string): Named {
  return {
    of: ({ claims }) => {
      const value: ClaimValue | undefined = Object.hasOwn(claims, claim)
        ? claims[claim]
        : undefined;
      return typeof value === 'string' ? normalizeUuid(value) : null;
    },
    normalize: (value) => (UUID.test(value) ? normalizeUuid(value) : null),
    form: 'a UUID',
    coversLater: true,
  };
}

export type Revocable = keyof typeof NAMED;
export const REVOCABLES = Object.keys(NAMED) as Revocable[];

export interface Revocation {
  readonly id: string;
  readonly what: Revocable;
  readonly value: string;
  /** Name of the issuer's row that it is limited to; null for all. */
  readonly issuer: string | null;
  readonly reason: string;
  /** Who revoked it, as `issuer subject`. */
  readonly revokedBy: string;
  readonly revokedAtMs: WallMs;
}

/** A new one, its value in the form that principals have it; or why it would cover nothing. */
export function newRevocation(
  asked: Omit<Revocation, 'id' | 'revokedAtMs'>,
  nowMs: WallMs,
): Revocation | { readonly problem: string } {
  const { normalize, form } = NAMED[asked.what];
  const value = normalize(asked.value);
  if (value === null) return { problem: `a ${asked.what} is named by ${form}` };
  return { ...asked, value, id: randomUUID(), revokedAtMs: nowMs };
}

/** All that are in force. Looked into once for each session and change, never for a request. */
export class Revocations {
  readonly #all = new Map<string, Revocation>();
  /** The same, by what they name. */
  readonly #byName = new Map<Revocable, Map<string, Revocation[]>>();
  /** Grows with every change: who saw this number needs not look again. */
  epoch = 0;

  get all(): readonly Revocation[] {
    return [...this.#all.values()];
  }

  /**
   * What is known stays known: a replica that lags behind, or a read that was under way when another
   * was written, must not make a token good again.
   */
  add(revocations: readonly Revocation[]): void {
    const before = this.#all.size;
    for (const revocation of revocations) {
      if (this.#all.has(revocation.id)) continue;
      this.#all.set(revocation.id, revocation);
      const { what, value } = revocation;
      const named = this.#byName.get(what) ?? new Map<string, Revocation[]>();
      this.#byName.set(what, named.set(value, [...(named.get(value) ?? []), revocation]));
    }
    if (this.#all.size > before) this.epoch++;
  }

  find(principal: Principal): Revocation | null {
    for (const what of REVOCABLES) {
      const value = NAMED[what].of(principal);
      if (value === null) continue;
      const found = this.#byName
        .get(what)
        ?.get(value)
        ?.find((one) => covers(one, principal));
      if (found !== undefined) return found;
    }
    return null;
  }
}

function covers({ what, issuer, revokedAtMs }: Revocation, principal: Principal): boolean {
  if (issuer !== null && issuer !== principal.issuerName) return false;
  if (NAMED[what].coversLater) return true;
  const { iat } = principal.claims;
  // A token that does not say when it was issued may be an old one, and so may one whose issuer's
  // clock is as far ahead as it may be.
  return typeof iat !== 'number' || iat * 1000 <= epochMs(later(revokedAtMs, TOKENS.clockSkewMs));
}
