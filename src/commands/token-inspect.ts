// `cqlgate token inspect`: what a token is, who it would be here, and why not.
import { AuthFault } from '../errors.ts';
import type { TokenVerifier } from '../identity/verifier.ts';
import { ANY_ROLE, isAuthority, type Policy } from '../policy/policy.ts';

export interface Inspection {
  readonly header: unknown;
  readonly claims: unknown;
  readonly valid: boolean;
  readonly issuer: string | null;
  readonly roles: readonly string[];
  readonly problem: string | null;
}

/** The signature is not part of the answer: what is printed must not be usable as a token. */
export async function inspectToken(
  token: string,
  verifier: TokenVerifier,
  policy: Policy,
): Promise<Inspection> {
  const [header, claims] = token.split('.').map(decoded);
  const seen = { header: header ?? null, claims: claims ?? null };
  try {
    const principal = await verifier.verify(token);
    const roles = policy.roleNames.filter((name) => isAuthority(policy.authorize(principal, name)));
    const any = policy.authorize(principal, ANY_ROLE);
    const problem = isAuthority(any) ? null : any.message;
    return { ...seen, valid: true, issuer: principal.issuerName, roles, problem };
  } catch (error) {
    if (!(error instanceof AuthFault)) throw error;
    return { ...seen, valid: false, issuer: null, roles: [], problem: error.message };
  }
}

function decoded(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as unknown;
  } catch {
    return null;
  }
}
