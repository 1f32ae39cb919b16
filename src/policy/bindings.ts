// Who may take a role: every key of `where` must match the token's claims. Nothing missing ever
// matches, so that a rule on a branch is not passed by a token that has none.
import { normalizeUuid } from '../identity/claims.ts';
import type { ClaimValue, Principal } from '../identity/principal.ts';
import { matchesGlob } from './glob.ts';

export interface Binding {
  readonly name: string;
  readonly role: string;
  /** Name of the issuer's row. */
  readonly issuer: string;
  /** Claim name or JSON Pointer to the patterns of which one must match. */
  readonly where: ReadonlyMap<string, readonly string[]>;
}

/** The one key that no claim answers: the gate finds it out itself, or it is missing. */
export const PIPELINE_TARGET = 'pipelineTarget';

export function bindingMatches(binding: Binding, principal: Principal): boolean {
  return mismatchOf(binding, principal) === null;
}

/** Whether only the pipeline's target is still to be found out for the binding to match. */
export function hangsOnTarget(binding: Binding, principal: Principal): boolean {
  return (
    binding.where.has(PIPELINE_TARGET) && mismatchOf(binding, principal, PIPELINE_TARGET) === null
  );
}

/** The first thing that keeps a binding from matching, for people; null where it matches. */
export function mismatchOf(
  binding: Binding,
  principal: Principal,
  except: string | null = null,
): string | null {
  if (binding.issuer !== principal.issuerName) return `it is for tokens of ${binding.issuer}`;
  if (binding.where.size === 0) return 'it names no claim';
  for (const [key, patterns] of binding.where) {
    if (key === except) continue;
    const isUuid = key.endsWith('Uuid');
    const fact = factAt(principal, key);
    const matches = textsOf(fact).some((value) =>
      patterns.some((pattern) =>
        isUuid
          ? matchesGlob(normalizeUuid(pattern), normalizeUuid(value))
          : matchesGlob(pattern, value),
      ),
    );
    if (matches) continue;
    if (fact !== undefined)
      return `${key} is ${JSON.stringify(fact)}, not ${patterns.join(' or ')}`;
    return key === PIPELINE_TARGET
      ? 'what its pipeline runs for is not known here'
      : `the token has no ${key}`;
  }
  return null;
}

function factAt({ claims, pipelineTarget }: Principal, key: string): ClaimValue | undefined {
  const isTarget = key === PIPELINE_TARGET || key === `/${PIPELINE_TARGET}`;
  return isTarget ? pipelineTarget : claimAt(claims, key);
}

/** A claim by name, or by JSON Pointer (RFC 6901) where the key begins with `/`. */
function claimAt(claims: Principal['claims'], key: string): ClaimValue | undefined {
  if (!key.startsWith('/')) return Object.hasOwn(claims, key) ? claims[key] : undefined;
  let value: ClaimValue | undefined = claims;
  for (const part of key.slice(1).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const object: Principal['claims'] = value as Principal['claims'];
    value = Object.hasOwn(object, name) ? object[name] : undefined;
  }
  return value;
}

/** What of a claim can match: text, numbers and booleans by their JSON, strings of an array. */
function textsOf(claim: ClaimValue | undefined): string[] {
  if (typeof claim === 'string') return claim === '' ? [] : [claim];
  if (typeof claim === 'number' || typeof claim === 'boolean') return [JSON.stringify(claim)];
  if (!Array.isArray(claim)) return [];
  return (claim as readonly ClaimValue[]).filter(
    (element): element is string => typeof element === 'string' && element !== '',
  );
}
