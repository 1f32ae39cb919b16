// Tokens that are no longer good though they have not expired: by issuer, subject, pipeline, step, or
// one by one. What is revoked is what was issued until then; a later token of the same subject is good.
import { randomUUID } from 'node:crypto';
import { normalizeUuid } from '../identity/claims.ts';
import type { ClaimValue, Principal } from '../identity/principal.ts';

/** What a revocation may name, and where a principal has it. */
const NAMED = {
  /** All tokens of an issuer's row, by its name in the configuration. */
  issuer: (principal) => principal.issuerName,
  subject: (principal) => principal.subject,
  pipeline: (principal) => uuidOf(principal, 'pipelineUuid'),
  step: (principal) => uuidOf(principal, 'stepUuid'),
  /** Hex SHA-256 of the token, as records have it. */
  token: (principal) => principal.tokenSha256,
} as const satisfies Record<string, (principal: Principal) => string | null>;

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
  readonly revokedAtMs: number;
}

/** A new one, its value in the form that principals have it. */
export function newRevocation(
  asked: Omit<Revocation, 'id' | 'revokedAtMs'>,
  nowMs: number,
): Revocation {
  const isUuid = asked.what === 'pipeline' || asked.what === 'step';
  const value = isUuid ? normalizeUuid(asked.value) : asked.value;
  return { ...asked, value, id: randomUUID(), revokedAtMs: nowMs };
}

/** All that are in force. Looked into once for each session and change, never for a request. */
export class Revocations {
  #all = new Map<string, Revocation>();
  /** Grows with every change: who saw this number needs not look again. */
  epoch = 0;

  get all(): readonly Revocation[] {
    return [...this.#all.values()];
  }

  add(revocation: Revocation): void {
    if (this.#all.has(revocation.id)) return;
    this.#all.set(revocation.id, revocation);
    this.epoch++;
  }

  /** What the fleet shares, with what only this gate knows kept; old ones may be gone from it. */
  share(shared: readonly Revocation[], ownOnly: readonly Revocation[]): void {
    const next = new Map([...shared, ...ownOnly].map((one) => [one.id, one]));
    const isSame =
      next.size === this.#all.size && [...next.keys()].every((id) => this.#all.has(id));
    if (isSame) return;
    this.#all = next;
    this.epoch++;
  }

  find(principal: Principal): Revocation | null {
    for (const revocation of this.#all.values()) {
      if (matches(revocation, principal)) return revocation;
    }
    return null;
  }
}

function matches({ what, value, issuer, revokedAtMs }: Revocation, principal: Principal): boolean {
  if (issuer !== null && issuer !== principal.issuerName) return false;
  if (NAMED[what](principal) !== value) return false;
  const { iat } = principal.claims;
  // A token that does not say when it was issued may be an old one.
  return typeof iat !== 'number' || iat * 1000 <= revokedAtMs;
}

function uuidOf({ claims }: Principal, name: string): string | null {
  const value: ClaimValue | undefined = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return typeof value === 'string' ? normalizeUuid(value) : null;
}
